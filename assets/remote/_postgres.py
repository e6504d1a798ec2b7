"""The PostgreSQL server of a step: in a container of this host, or elsewhere, run by others."""

from subprocess import CompletedProcess
from typing import Protocol

import _instances
from _engines import engine
from _homeport import Spec, at, fail, run

QUIET = "PGOPTIONS=-c client_min_messages=warning"


class Server(Protocol):
    """Runs PostgreSQL's own client programs as whoever may make databases and users."""

    title: str
    """What it is, for people."""
    missing: str
    """What a person does when it is not there."""

    def state(self) -> "str | None":
        """Return a word for how it is; None when it is not there."""

    def run(self, *argv: str, stdin: "str | None" = None) -> "CompletedProcess[str]":
        """Run a client program, whatever it ends with."""

    def ready(self) -> "CompletedProcess[str]":
        """Ask whether it accepts connections."""

    def last_words(self) -> "tuple[str, str]":
        """Return what it wrote last, and where more of it is."""


class InContainer:
    """A server in a container: its superuser, over the container's own socket."""

    missing = "run `pulumi up --refresh`, which makes it again"

    def __init__(self, spec: Spec) -> None:
        self._engine = engine(spec)
        self._container: str = spec["container"]
        self._account: str = spec.get("account") or ""
        self.title = f"container {self._container}"

    def state(self) -> "str | None":
        """Return the engine's word for the container's state."""
        form = ("--type", "container", "--format", "{{.State.Status}}")
        shown = self._engine.run("inspect", *form, self._container, check=False)
        if shown.returncode == 0:
            return shown.stdout.strip()
        if "no such" not in shown.stderr.lower():
            fail(f"{self._engine.title} does not answer", shown.stderr, self._engine.look)
        return None

    def run(self, *argv: str, stdin: "str | None" = None) -> "CompletedProcess[str]":
        """Run it inside."""
        inside = ["exec", "-i", "-u", "postgres", "-e", QUIET, self._container]
        return self._engine.run(*inside, *argv, stdin=stdin, check=False)

    def ready(self) -> "CompletedProcess[str]":
        """Ask by TCP: while it initialises, it listens on its socket only."""
        return self.run("pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres")

    def last_words(self) -> "tuple[str, str]":
        """Return the container's last lines."""
        kind = "podman" if self._account else "docker"
        instance = {"kind": kind, "name": self._container, "account": self._account}
        return _instances.last_lines(instance), _instances.hint(instance)


class Elsewhere:
    """A server on another machine: by a service file, which says where, as whom and how safely."""

    missing = "run `pulumi up --refresh`, which writes its service file again"

    def __init__(self, spec: Spec) -> None:
        self._file: str = spec["service_file"]
        self.title = f"PostgreSQL at {spec['hostname']}"

    def state(self) -> "str | None":
        """Return a word as long as this host knows the way."""
        return "elsewhere" if at(self._file).is_file() else None

    def run(self, *argv: str, stdin: "str | None" = None) -> "CompletedProcess[str]":
        """Run it here."""
        way = [f"PGSERVICEFILE={at(self._file)}", "PGSERVICE=server", QUIET]
        return run(["env", *way, *argv], stdin=stdin, check=False)

    def ready(self) -> "CompletedProcess[str]":
        """Log in, over the very connection that is checked."""
        return self.run("psql", "-XAtq", "-d", "postgres", "-c", "SELECT now()")

    def last_words(self) -> "tuple[str, str]":
        """Return what the last try said."""
        cure = "see whether it runs and lets this host in; check address, account and password"
        return self.ready().stderr, cure


def server(spec: Spec) -> Server:
    """Return the server that a step's document names."""
    return Elsewhere(spec) if spec.get("service_file") else InContainer(spec)
