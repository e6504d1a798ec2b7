"""An account of a host under which containers run without root, by its own user units."""

import dataclasses
import re

import pulumi
import pulumi_command as command

from .host import Host

PACKAGES = (
    "podman",
    # Docker's package brings runc, which would do for Podman's dependency, and cannot do as much.
    "crun",
    "uidmap",
    "dbus-user-session",
    "netavark",
    "aardvark-dns",
    "catatonit",
    "passt",
    # Networks of Podman 4, which some distributions have.
    "slirp4netns",
    # Used where the home's file system, or the kernel, cannot overlay for an account.
    "fuse-overlayfs",
)
TOO_OLD = ("debian-12", "ubuntu-22.04")
"""Systems whose Podman has no Quadlet, or one that cannot say all that our units say."""
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RootlessAccountArgs:
    """Which account."""

    host: Host
    """The machine that it lies on; Debian 13 or Ubuntu 24.04, or later."""
    name: str = "apps"
    """Its name. One that is there already is used, and stays."""

    def __post_init__(self) -> None:
        """Refuse what cannot run Quadlet units.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        if not _NAME.fullmatch(self.name) or self.name == "root":
            msg = (
                "RootlessAccount: name: must be 1 to 31 lower-case letters, digits, hyphens and "
                f"underscores, and not root (got {self.name!r})"
            )
            raise ValueError(msg)
        if self.host.facts.image in TOO_OLD:
            msg = (
                f"RootlessAccount {self.name}: host: the Podman of {self.host.facts.image} is too "
                "old for Quadlet; take image debian-13, which a server that was upgraded in place "
                "may name too, or the runtime docker"
            )
            raise ValueError(msg)


class RootlessAccount(pulumi.ComponentResource):
    """An account whose containers run from boot on, with nobody logged in.

    Apps of one account share its rights on the host; give apps that do not trust each other
    accounts of their own. Destroying takes back what was made of account, session and numbers;
    packages stay.
    """

    account: str
    """The account's name."""
    step: command.remote.Command
    """Makes it; whatever runs under it depends on this."""

    def __init__(
        self, name: str, args: RootlessAccountArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:rootless:RootlessAccount", name, {}, opts)
        self.account = args.name
        args.host.remote.claims.take(
            "account", args.name, f"account {name}", cure="share one RootlessAccount"
        )
        self.step = args.host.remote.step(
            f"{name}-account",
            "rootless",
            {"account": args.name, "packages": list(PACKAGES)},
            down=True,
            timeout_seconds=1800,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"account": self.account})
