"""Named volumes and folders: data of apps that outlives their releases."""

import dataclasses
import re

import pulumi
import pulumi_docker as docker

from . import names
from .host import Host
from .quadlet_unit import unit, word
from .rootless import RootlessAccount

_OWNER = re.compile(r"\d{1,9}:\d{1,9}")
_FOLDER = re.compile(
    r"/(srv|mnt|data|var/lib|var/log|home/[a-z0-9_-]+)(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+"
)
_MODE = re.compile(r"0[0-7]{3}")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class VolumeArgs:
    """What a volume is."""

    host: Host
    """The machine that it lies on."""
    account: RootlessAccount | None = None
    """Whose Podman has it; None is Docker."""
    owner: str = "10001:10001"
    """Numeric user and group, inside containers, that its folder belongs to when it is made."""
    folder: str | None = None
    """Absolute path of the host that it is, for others to read there; None leaves it to the
    engine. One that is there already is used as long as it is empty or the owner's, and stays."""
    mode: str = "0750"
    """Rights of `folder`; 0755 lets the proxy serve what is in it."""
    protect: bool = True
    """Whether it must not be deleted or replaced: that destroys the data."""

    def __post_init__(self) -> None:
        """Refuse an owner that is not numeric.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        if not _OWNER.fullmatch(self.owner):
            msg = f"Volume: owner: must be numeric, as in 10001:10001 (got {self.owner!r})"
            raise ValueError(msg)
        if self.folder is not None and not _FOLDER.fullmatch(self.folder):
            msg = (
                "Volume: folder: must lie below /srv, /mnt, /data, /var/lib, /var/log or a home, "
                f"as in /srv/shop/uploads (got {self.folder!r})"
            )
            raise ValueError(msg)
        if not _MODE.fullmatch(self.mode):
            msg = f"Volume: mode: must be four octal digits, as in 0750 (got {self.mode!r})"
            raise ValueError(msg)


class Volume(pulumi.ComponentResource):
    """A named volume; apps mount it with `volumes={"/data": volume}`.

    The old and the new release of an app have it at the same time while one follows the other.
    """

    full_name: str
    """Its name on the host."""
    source: str
    """What a container's unit calls it: a volume's unit, or the folder."""
    account: str
    """The account whose Podman has it; empty for Docker."""
    volume: pulumi.CustomResource
    """What makes it, for others to depend on."""

    def __init__(
        self, name: str, args: VolumeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:volume:Volume", name, {}, opts)
        self.full_name = f"{args.host.remote.system}-{names.check_label('volume', name)}"
        self.account = args.account.account if args.account else ""
        args.host.remote.claims.take("volume", name, f"volume {name}", cure="rename one of them")
        self.source = args.folder or f"{self.full_name}.volume"
        made = [self._folder(name, args.folder, args)] if args.folder else []
        if args.account and made:
            # Podman mounts the folder itself; the account's numbers own it.
            self.volume = made[0]
        elif args.account:
            self.volume = self._of_podman(name, args, args.account)
        else:
            self.volume = self._of_docker(name, args, made)
        self.register_outputs(
            {"full_name": self.full_name, "source": self.source, "account": self.account}
        )

    def _folder(self, name: str, folder: str, args: VolumeArgs) -> pulumi.CustomResource:
        uid, gid = args.owner.split(":")
        args.host.remote.claims.take("folder", folder, f"volume {name}", cure="take another one")
        return args.host.remote.step(
            f"{name}-folder",
            "folder",
            {
                "path": folder,
                "uid": int(uid),
                "gid": int(gid),
                "mode": args.mode,
                **({"account": args.account.account} if args.account else {}),
            },
            down=True,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[args.account.step] if args.account else None,
                protect=args.protect,
                # Another path is another folder: the old one's data does not move by itself.
                replacement_trigger=folder,
                delete_before_replace=True,
            ),
        )

    def _of_docker(
        self, name: str, args: VolumeArgs, folder: list[pulumi.CustomResource]
    ) -> pulumi.CustomResource:
        uid, gid = args.owner.split(":")
        bind = {"type": "none", "o": "bind", "device": args.folder} if args.folder else None
        made = docker.Volume(
            f"{name}-volume",
            name=self.full_name,
            driver_opts=bind,
            labels=[docker.VolumeLabelArgs(label="homeport.system", value=args.host.remote.system)],
            opts=pulumi.ResourceOptions.merge(
                args.host.remote.bound(),
                pulumi.ResourceOptions(
                    parent=self,
                    provider=args.host.docker,
                    depends_on=folder,
                    protect=args.protect,
                ),
            ),
        )
        if folder:
            return made
        return args.host.remote.step(
            f"{name}-owner",
            "volume",
            {"volume": self.full_name, "uid": uid, "gid": gid},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[made]),
        )

    def _of_podman(
        self, name: str, args: VolumeArgs, account: RootlessAccount
    ) -> pulumi.CustomResource:
        return args.host.remote.step(
            f"{name}-volume",
            "quadlet",
            {
                "account": account.account,
                "name": self.full_name,
                "kind": "volume",
                "content": volume_unit(
                    self.full_name, system=args.host.remote.system, owner=args.owner
                ),
            },
            down=True,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[account.step], protect=args.protect
            ),
        )


def volume_unit(full_name: str, *, system: str, owner: str) -> str:
    """Return the Quadlet unit of a volume."""
    uid, gid = owner.split(":")
    return unit(
        {
            "Volume": [
                ("VolumeName", full_name),
                ("User", uid),
                ("Group", gid),
                ("Label", word(f"homeport.system={system}")),
            ]
        }
    )
