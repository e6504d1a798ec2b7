"""What the tools ask of an instance: how it is, and what it said last, its secrets hidden.

An instance is `{"kind": ..., "name": ..., "account": ...}` as `components.runtimes` writes it; each
kind has a module that knows how to ask: `look`, `output`, `first_process`, `read_inside` and
`hint`, and how to end and begin: `tell_to_go` and `start`.
"""

from pathlib import Path
from typing import NoReturn

import _containers
import _podman
import _units
from _asked import Look, hide
from _homeport import fail

RESTARTS = 3
KINDS = {"docker": _containers, "podman": _podman, "systemd": _units}

Instance = dict[str, str]


def look(instance: Instance) -> Look:
    """Return how an instance is."""
    return KINDS[instance["kind"]].look(instance)


def hint(instance: Instance) -> str:
    """Return what a person may type on the host to see more."""
    return KINDS[instance["kind"]].hint(instance)


def tell_to_go(instance: Instance) -> None:
    """Send an instance its stop signal and go on; what waits for its health starts it again."""
    KINDS[instance["kind"]].tell_to_go(instance)


def last_lines(instance: Instance, secrets: Path | None = None) -> str:
    """Return the last lines that an instance wrote, the values of its secret files hidden."""
    text, own = KINDS[instance["kind"]].output(instance)
    return hide(text, values(own or secrets))


class Watch:
    """Ends the step as soon as an instance cannot get healthy any more."""

    def __init__(self, instance: Instance, *, wake: bool = False) -> None:
        """Look for the first time; with `wake`, start what has ended: it may have been told to."""
        self.instance = instance
        self.restarts = 0
        self.exit_code: int | None = None
        found = self._there()
        if wake and found.ended:
            KINDS[instance["kind"]].start(instance)
            found = self._there()
        self.first = found.restarts

    def look(self) -> Look:
        """Return how it is, or fail when it has ended, or ends all the time."""
        found = self._there()
        self.restarts = restarts = found.restarts - self.first
        if found.exit_code is not None and (restarts or not found.running):
            self.exit_code = found.exit_code
        if found.ended or restarts >= RESTARTS:
            self._fail(found, restarts)
        return found

    def _fail(self, found: Look, restarts: int) -> NoReturn:
        cure = f"mend the release and run `pulumi up` again; {hint(self.instance)}"
        if found.out_of_memory:
            cure = "raise memory_mib: it was stopped when it needed more than its limit"
        again = f", {restarts} times by now" if restarts else ""
        code = found.exit_code if self.exit_code is None else self.exit_code
        ended = "ended" if code is None else f"ended with exit code {code}"
        what = f"{self.instance['name']} {ended}{again}"
        fail(what, last_lines(self.instance), cure)

    def _there(self) -> Look:
        found = look(self.instance)
        if not found.there:
            fail(
                f"there is no {self.instance['name']} on this host",
                "",
                "run `pulumi refresh`, then `pulumi up`: it was removed behind the program's back",
            )
        return found


def values(secrets: Path | None) -> dict[str, str]:
    """Return what the files of a folder hold, by their names."""
    if secrets is None or not secrets.is_dir():
        return {}
    return {path.name: path.read_text(errors="replace") for path in sorted(secrets.iterdir())}
