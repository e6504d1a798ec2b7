"""How to log in to a host: for steps (the command provider) and for programs that start `ssh`.

The docker provider and people start `ssh`, which wants files: they lie in a private folder of the
project, `.homeport/run/<system>/<host>/`, and are written whenever the program runs. Provider
inputs name only the relative path, so they are the same on every machine. Where one checkout serves
several servers of the same stack, as several local clouds do, HOMEPORT_RUN_FOLDER keeps them apart.
"""

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pulumi
import pulumi_command as command

from .secrets import Secret

RUN_FOLDER = Path(os.environ.get("HOMEPORT_RUN_FOLDER", ".homeport/run"))
PORT = 22

_PATIENCE = 12
_DIAL_SECONDS = 15


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Bastion:
    """A machine to go through."""

    address: str
    """Name or address, as this side reaches it."""
    host_key: str
    """Its public host key line, so that nothing else can stand in for it."""
    user: str = "root"
    """The account on it; it needs no rights but to forward connections."""
    port: int = PORT
    """Where its sshd listens."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """An account on a host, and how to prove on both sides who is who."""

    address: pulumi.Input[str]
    """Name or address, as this side reaches it."""
    host_key: pulumi.Input[str]
    """The public host key line that must be offered."""
    user: str = "root"
    """The account."""
    port: int = PORT
    """Where sshd listens."""
    private_key: pulumi.Output[str] | None = dataclasses.field(default=None, repr=False)
    """OpenSSH private key; None means the operator's SSH agent."""
    bastion: Bastion | None = None
    """What to go through."""
    bastion_key: pulumi.Output[str] | None = dataclasses.field(default=None, repr=False)
    """OpenSSH private key for the bastion; None means the operator's SSH agent."""

    def connection(self, patience: int = _PATIENCE) -> command.remote.ConnectionArgs:
        """Return what the command provider needs; `patience` is the number of dials."""
        proxy = None
        if self.bastion:
            proxy = command.remote.ProxyConnectionArgs(
                host=self.bastion.address,
                port=self.bastion.port,
                user=self.bastion.user,
                host_key=two_words(self.bastion.host_key),
                private_key=self.bastion_key,
                dial_error_limit=patience,
                per_dial_timeout=_DIAL_SECONDS,
            )
        return command.remote.ConnectionArgs(
            host=self.address,
            port=self.port,
            user=self.user,
            host_key=pulumi.Output.from_input(self.host_key).apply(two_words),
            private_key=self.private_key,
            dial_error_limit=patience,
            per_dial_timeout=_DIAL_SECONDS,
            proxy=proxy,
        )

    def files(self, system: str, host: str) -> pulumi.Output[str]:
        """Write what `ssh` needs and return the relative path of its configuration."""
        folder = RUN_FOLDER / system / host
        values = {
            "address": self.address,
            "host_key": self.host_key,
            "key": self.private_key or "",
            "bastion_key": self.bastion_key or "",
        }

        def write(known: dict[str, str]) -> str:
            keys = {name: known[name] for name in ("key", "bastion_key") if known[name]}
            config = ssh_config(folder, host, self, known["address"], keys=set(keys))
            forget_connection(folder, config)
            hosts = known_hosts(host, known["host_key"], self.bastion)
            write_private(folder, {"ssh_config": config, "known_hosts": hosts, **keys})
            return config_file(system, host)

        return pulumi.Output.unsecret(pulumi.Output.all(**values).apply(write))


def config_file(system: str, host: str) -> str:
    """Return the relative path of the configuration with which `ssh` reaches a host."""
    return str(RUN_FOLDER / system / host / "ssh_config")


def ssh_config(folder: Path, host: str, login: Login, address: str, *, keys: set[str]) -> str:
    """Return the client configuration with which `ssh -F <it> <host>` logs in.

    The host is known by one name whatever its address, and all connections to it share one
    (ControlMaster), since the docker provider starts `ssh` for each call.

    Args:
        folder: where the files lie that it names.
        host: the host's name.
        login: the account.
        address: where the host is.
        keys: which key files there are: `key`, `bastion_key`; the agent serves what is missing.
    """

    def identity(key: str) -> list[str]:
        return [f"IdentityFile {folder / key}", "IdentitiesOnly yes"] if key in keys else []

    target = [
        f"HostName {address}",
        f"Port {login.port}",
        f"User {login.user}",
        f"HostKeyAlias {host}",
        *identity("key"),
        "ControlMaster auto",
        f"ControlPath {folder / 'mux'}",
        "ControlPersist 60",
        "ServerAliveInterval 15",
    ]
    blocks = [(" ".join(dict.fromkeys([host, address])), target)]
    if bastion := login.bastion:
        target.append("ProxyJump bastion")
        through = [
            f"HostName {bastion.address}",
            f"Port {bastion.port}",
            f"User {bastion.user}",
            "HostKeyAlias bastion",
            *identity("bastion_key"),
        ]
        blocks.append(("bastion", through))
    everywhere = [
        f"UserKnownHostsFile {folder / 'known_hosts'}",
        "GlobalKnownHostsFile /dev/null",
        "StrictHostKeyChecking yes",
        "BatchMode yes",
        f"ConnectTimeout {_DIAL_SECONDS}",
    ]
    blocks.append(("*", everywhere))
    return "".join(
        f"Host {title}\n" + "".join(f"  {line}\n" for line in lines) for title, lines in blocks
    )


def known_hosts(host: str, host_key: str, bastion: Bastion | None) -> str:
    """Return the keys that must be offered."""
    lines = [f"{host} {two_words(host_key)}\n"]
    if bastion:
        lines.append(f"bastion {two_words(bastion.host_key)}\n")
    return "".join(lines)


def two_words(public_line: str) -> str:
    """Return a public key line without its comment."""
    return " ".join(public_line.split()[:2])


def write_private(folder: Path, contents: dict[str, str]) -> None:
    """Write files that only their owner can read, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    for name, text in contents.items():
        path = folder / name
        with contextlib.suppress(FileNotFoundError):
            if path.read_text() == text and path.stat().st_mode & 0o777 == 0o600:
                continue
        descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        Path(temporary).replace(path)


def forget_connection(folder: Path, config: str) -> None:
    """Let the next `ssh` connect anew when it is told another address than the last."""
    with contextlib.suppress(FileNotFoundError):
        if (folder / "ssh_config").read_text() != config:
            (folder / "mux").unlink()


def ssh_options(config: str) -> Sequence[str]:
    """Return what the docker provider passes to `ssh`."""
    return ["-F", config]


def given_key(key: Secret | None) -> pulumi.Output[str] | None:
    """Return the private key that a person gave, with the newline that OpenSSH insists on."""
    return key.value.apply(lambda text: text.rstrip("\n") + "\n") if key else None
