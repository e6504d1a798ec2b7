"""Runs steps on a host: the only module that does.

A step is one tool (a script of `assets/remote/`, planted by the bootstrap) fed with one JSON
document on its standard input, over one SSH connection. It is guaranteed that a step that did not
change opens no connection, that `up` may run any number of times, and that no secret stands in a
command line. A tool that changed does not run its steps again: only their documents decide.
"""

import dataclasses
import functools
import json
import posixpath
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_command as command

from . import leftovers, sketch, tools
from .claims import Claims
from .machine import Machine, bound_to

FOLDER = "/opt/homeport"
"""Holds, per stack, everything that this project puts on a host beyond units and service config."""

_UPLOAD_SECONDS = 1800

Argv = Sequence[str]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file as it is to be on the host."""

    path: str
    """Absolute."""
    content: pulumi.Input[str] = dataclasses.field(repr=False)
    """The whole text."""
    mode: int = 0o644
    """Permissions."""
    owner: str = "root"
    """User; may be one that a package of the same step makes."""
    group: str = "root"
    """Group; likewise."""
    then: Sequence[Argv] = ()
    """What runs after this file changed."""
    merge: bool = False
    """Whether the content's JSON keys are laid over those that the file has."""

    def __post_init__(self) -> None:
        if not self.path.startswith("/") or posixpath.normpath(self.path) != self.path:
            msg = f"File: path: {self.path!r} is not absolute and plain; write it like /etc/x.conf"
            raise ValueError(msg)

    def spec(self) -> dict[str, Any]:
        """Return the file as the tool `files` takes it."""
        return {
            "path": self.path,
            "content": self.content,
            "mode": f"{self.mode:04o}",
            "owner": self.owner,
            "group": self.group,
            **({"then": [list(argv) for argv in self.then]} if self.then else {}),
            **({"merge": True} if self.merge else {}),
        }


class Remote:
    """Runs steps on one host, each as a resource that shows its plain input in a preview."""

    def __init__(
        self,
        *,
        system: str,
        connection: pulumi.Input[command.remote.ConnectionArgs],
        sudo: bool,
        machine: Machine | None,
        ready: list[pulumi.Resource],
        login: Argv = (),
    ) -> None:
        """Describe how to reach the host; opens no connection.

        Args:
            system: `<project>-<stack>`; names the folder on the host.
            connection: address, account, key, and the host key that must be offered.
            sudo: whether the account needs `sudo -n` to act as root.
            machine: what everything on the host goes with, if the program made it.
            ready: what must exist before the first step (bootstrap, baseline).
            login: the command that logs in from here, as the docker provider does.
        """
        self.system = system
        self.folder = f"{FOLDER}/{system}"
        self.machine = machine
        self.claims = Claims()
        self._connection = connection
        self._prefix = "sudo -n " if sudo else ""
        self._ready = ready
        self._login = login

    def bound(self) -> pulumi.ResourceOptions:
        """Return the options of everything that lives and dies with the machine."""
        return bound_to(self.machine)

    def step(
        self,
        name: str,
        tool: str,
        spec: Mapping[str, Any],
        *,
        up: bool = True,
        down: bool = False,
        secret: bool = False,
        elsewhere: bool = False,
        progress: bool = False,
        timeout_seconds: int = 600,
        opts: pulumi.ResourceOptions | None = None,
    ) -> command.remote.Command:
        """Run `tool up` with `spec` as JSON on standard input whenever `spec` changes.

        Args:
            name: logical name; also the step's name in messages.
            tool: a script of `assets/remote/`.
            spec: JSON document; may hold Outputs; a secret in it hides the whole document.
            up: whether creating or changing the resource runs anything; a step without it only
                marks a place in the order, and opens no connection until it is deleted.
            down: whether deleting the resource runs `tool down` with the same document.
            secret: whether what the tool prints is secret.
            elsewhere: whether what it makes lies on another machine, and so does not go with this
                one: it is removed one by one, and stays when this machine is replaced.
            progress: whether what the tool says on the way is shown while it runs; no secret.
            timeout_seconds: limit of one run.
            opts: parent and dependencies.
        """
        path = f"{self._prefix}{self.folder}/bin/{tool}"
        document = {"system": self.system, "step": name, **spec}
        sketch.note(name, document)
        base = pulumi.ResourceOptions(
            depends_on=self._ready,
            additional_secret_outputs=["stdout", "stderr"] if secret else None,
            custom_timeouts=timeouts(timeout_seconds),
        )
        return command.remote.Command(
            name,
            connection=self._connection,
            create=f"{path} up" if up else None,
            delete=f"{path} down" if down else None,
            stdin=_json(document),
            logging=command.remote.Logging.STDERR if progress else command.remote.Logging.NONE,
            add_previous_output_in_env=False,
            opts=_merge(base, None if elsewhere else self.bound(), opts),
        )

    def now(self, tool: str, spec: Mapping[str, Any]) -> "subprocess.CompletedProcess[str]":
        """Run `tool up` at once, for hooks: outside the plan, and only when something failed."""
        return subprocess.run(
            [*self._login, f"{self._prefix}{self.folder}/bin/{tool} up"],
            input=json.dumps({"system": self.system, **spec}),
            capture_output=True,
            text=True,
            check=False,
        )

    @functools.cached_property
    def leftovers(self) -> pulumi.ResourceHookBinding:
        """Makes room where an interrupted deploy has left a name of Docker's taken."""
        return leftovers.binding(f"{self.system}-{self._login[-1]}-leftovers", self.now)

    def upload(
        self, name: str, path: Path, to: str, *, opts: pulumi.ResourceOptions | None = None
    ) -> command.remote.CopyToRemote:
        """Copy a file of this machine into the home of the account that logs in.

        Whoever has that account could change it there: a tool that uses it checks its hash. It is
        removed by that tool; deleting the resource opens no connection.

        Args:
            name: logical name; has to change whenever the content does.
            path: the file, relative to the program, so that it is the same on every machine.
            to: its name in the account's home.
            opts: parent and dependencies.
        """
        return command.remote.CopyToRemote(
            name,
            connection=self._connection,
            source=pulumi.FileAsset(str(path)),
            remote_path=to,
            opts=_merge(
                self.bound(),
                pulumi.ResourceOptions(
                    depends_on=self._ready, custom_timeouts=timeouts(_UPLOAD_SECONDS)
                ),
                opts,
            ),
        )

    def files(
        self,
        name: str,
        *,
        files: Sequence[File] = (),
        directories: Sequence[Mapping[str, str]] = (),
        packages: Sequence[str] = (),
        hold: Sequence[str] = (),
        check: Sequence[Argv] = (),
        then: Sequence[Argv] = (),
        units_enabled: Sequence[str] = (),
        units_shared: Sequence[str] = (),
        units_helping: Sequence[str] = (),
        gone: Sequence[str] = (),
        gone_if_alone: Mapping[str, Any] | None = None,
        meta: Mapping[str, Any] | None = None,
        timeout_seconds: int = 1800,
        opts: pulumi.ResourceOptions | None = None,
    ) -> command.remote.Command:
        """Put files on the host as one transaction; deleting the resource takes them away.

        Args:
            name: logical name, and the name of the receipt on the host.
            files: the files; a secret in one hides all of them, so give it a step of its own.
            directories: path, and if need be mode, owner and group.
            packages: installed when missing: `name`, `either|or`, `name?` where there is one.
            hold: those of them that no upgrade may touch.
            check: run with the new files in place; when one fails, the old files return.
            then: runs after any change.
            units_enabled: systemd units that are to be enabled and running.
            units_shared: those of them that others may have enabled before; they then stay.
            units_helping: what those start and stop themselves; ends before the last of them does.
            gone: files that must not be there.
            gone_if_alone: likewise one (`path`) that is as its `package` shipped it, unless there
                are files of others in `folders`.
            meta: goes into the receipt, for other tools to read.
            timeout_seconds: limit of one run.
            opts: parent and dependencies.
        """
        wanted: dict[str, Any] = {
            "files": [file.spec() for file in files],
            "directories": [dict(directory) for directory in directories],
            "packages": list(packages),
            "hold": list(hold),
            "check": [list(argv) for argv in check],
            "then": [list(argv) for argv in then],
            "units_enabled": list(units_enabled),
            "units_shared": list(units_shared),
            "units_helping": list(units_helping),
            "gone": list(gone),
            "gone_if_alone": dict(gone_if_alone or {}),
            "meta": dict(meta or {}),
        }
        spec = {"name": name, **{key: value for key, value in wanted.items() if value}}
        return self.step(name, "files", spec, down=True, timeout_seconds=timeout_seconds, opts=opts)


def before_tools(
    name: str,
    tool: str,
    spec: Mapping[str, Any],
    *,
    connection: pulumi.Input[command.remote.ConnectionArgs],
    privilege: str = "",
    password: pulumi.Input[str] | None = None,
    timeout_seconds: int = 1800,
    opts: pulumi.ResourceOptions | None = None,
) -> command.remote.Command:
    """Run a tool on a host that has none of ours yet; deleting the resource runs its `down`.

    Args:
        name: logical name; also the step's name in messages.
        tool: a script of `assets/remote/` that can run from standard input.
        spec: JSON document; may hold Outputs.
        connection: how to log in.
        privilege: what makes the login root, such as `sudo -n sh -c`; takes one argument.
        password: the line that `privilege` reads from standard input, if it reads one.
        timeout_seconds: limit of one run.
        opts: parent and dependencies.
    """
    sketch.note(name, spec)
    document = pulumi.Output.all(spec=spec).apply(
        lambda known: tools.carried(tool, {**known["spec"], "step": name})
    )
    first_line = pulumi.Output.concat(password, "\n", tools.MARK, "\n") if password else ""
    become_root = privilege or "sh -c"
    return command.remote.Command(
        name,
        connection=connection,
        create=f"{become_root} {shlex.quote(tools.launcher('up'))}",
        delete=f"{become_root} {shlex.quote(tools.launcher('down'))}",
        stdin=pulumi.Output.concat(first_line, document),
        logging=command.remote.Logging.NONE,
        add_previous_output_in_env=False,
        opts=_merge(pulumi.ResourceOptions(custom_timeouts=timeouts(timeout_seconds)), opts),
    )


def timeouts(seconds: int) -> pulumi.CustomTimeouts:
    """Return the same limit for every operation."""
    text = f"{seconds}s"
    return pulumi.CustomTimeouts(create=text, update=text, delete=text)


def _json(document: Mapping[str, Any]) -> pulumi.Input[str]:
    """Return a document as JSON: as plain text at once, where no Output is in it.

    Most have none, and an Output of a document is made of one for each of its values.
    """
    try:
        return json.dumps(document, sort_keys=True)
    except TypeError:
        return pulumi.Output.json_dumps(document, sort_keys=True)


def _merge(
    first: pulumi.ResourceOptions, *others: pulumi.ResourceOptions | None
) -> pulumi.ResourceOptions:
    return functools.reduce(pulumi.ResourceOptions.merge, others, first)
