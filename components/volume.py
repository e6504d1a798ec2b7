"""Named volumes: data of apps that outlives their releases."""

import dataclasses
import re

import pulumi
import pulumi_docker as docker

from . import names
from .host import Host
from .quadlet_unit import unit, word
from .rootless import RootlessAccount

_OWNER = re.compile(r"\d{1,9}:\d{1,9}")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class VolumeArgs:
    """What a volume is."""

    host: Host
    """The machine that it lies on."""
    account: RootlessAccount | None = None
    """Whose Podman has it; None is Docker."""
    owner: str = "10001:10001"
    """Numeric user and group, inside containers, that its folder belongs to when it is made."""
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


class Volume(pulumi.ComponentResource):
    """A named volume; apps mount it with `volumes={"/data": volume}`.

    The old and the new release of an app have it at the same time while one follows the other.
    """

    full_name: str
    """Its name on the host."""
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
        if args.account:
            self.volume = self._of_podman(name, args, args.account)
        else:
            self.volume = self._of_docker(name, args)
        self.register_outputs({"full_name": self.full_name, "account": self.account})

    def _of_docker(self, name: str, args: VolumeArgs) -> pulumi.CustomResource:
        uid, gid = args.owner.split(":")
        made = docker.Volume(
            f"{name}-volume",
            name=self.full_name,
            labels=[docker.VolumeLabelArgs(label="homeport.system", value=args.host.remote.system)],
            opts=pulumi.ResourceOptions.merge(
                args.host.remote.bound(),
                pulumi.ResourceOptions(
                    parent=self, provider=args.host.docker, protect=args.protect
                ),
            ),
        )
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
