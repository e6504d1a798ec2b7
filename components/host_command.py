"""A command on a host that runs a program in the release that serves, such as `manage.py`."""

import dataclasses
import re
import shlex
from collections.abc import Sequence

import pulumi

from .app import App
from .host import Host
from .remote import File

FOLDER = "/usr/local/bin"
_NAME = re.compile(r"[a-z][a-z0-9_-]{1,31}")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class HostCommandArgs:
    """What a command is."""

    host: Host
    """The machine that the app runs on."""
    app: App
    """Whose release it runs in; an app of the runtime systemd."""
    name: str
    """What people type, as root: a file of /usr/local/bin."""
    command: Sequence[str]
    """The program, which is looked up as the app's own is, with its first arguments."""

    def __post_init__(self) -> None:
        """Refuse what could not be typed or run.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        if not _NAME.fullmatch(self.name):
            msg = (
                "HostCommand: name: must be 2 to 32 lower-case letters, digits, hyphens and "
                f"underscores (got {self.name!r})"
            )
            raise ValueError(msg)
        if not self.command:
            msg = f"HostCommand {self.name}: command: names no program"
            raise ValueError(msg)
        if not self.app.instance_name.endswith(".service"):
            msg = (
                f"HostCommand {self.name}: app: {self.app.instance_name} is no unit of systemd; "
                "enter its container by the engine's own `exec`"
            )
            raise ValueError(msg)


class HostCommand(pulumi.ComponentResource):
    """A command with the account, environment, secrets and limits of the release that serves.

    It changes to the next release once that has the traffic.
    """

    path: str
    """Where it lies on the host."""

    def __init__(
        self, name: str, args: HostCommandArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:host_command:HostCommand", name, {}, opts)
        remote = args.host.remote
        self.path = f"{FOLDER}/{args.name}"
        remote.claims.take("command", args.name, name, cure="choose another name")
        remote.files(
            f"{name}-command",
            files=[File(path=self.path, content=script(args, remote.folder), mode=0o755)],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.app]),
        )
        self.register_outputs({"path": self.path})


def script(args: HostCommandArgs, folder: str) -> str:
    """Return the command's text."""
    words = [f"{folder}/bin/console", args.app.instance_name, *args.command]
    return (
        "#!/bin/sh\n"
        f"# Runs {args.command[0]} in the release that serves, as it runs itself.\n"
        f'exec {shlex.join(words)} "$@"\n'
    )
