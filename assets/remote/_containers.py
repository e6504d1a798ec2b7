"""What the tools ask Docker about containers: how they are, what they said last; secrets hidden."""

import json
import urllib.parse
from pathlib import Path
from typing import Any

from _homeport import at, fail, run

SECRETS = "/run/secrets"
RESTARTS = 3
LOG_LINES = 40
LOOK = "look at it with `docker logs {0}` and `docker inspect {0}` on the host"


def inspect(container: str) -> dict[str, Any]:
    """Return what Docker knows of a container; empty when there is none of that name."""
    result = run(["docker", "inspect", "--type", "container", container], check=False)
    if result.returncode != 0:
        if "no such container" in result.stderr.lower():
            return {}
        fail("Docker does not answer", result.stderr, "look at `systemctl status docker`")
    found: dict[str, Any] = json.loads(result.stdout)[0]
    return found


class Watch:
    """Ends the step as soon as a container cannot get healthy any more."""

    def __init__(self, container: str) -> None:
        self.container = container
        self.restarts = 0
        self.first = self._inspect().get("RestartCount", 0)

    def look(self) -> dict[str, Any]:
        """Return what Docker knows, or fail when the container has ended, or ends all the time."""
        found = self._inspect()
        state: dict[str, Any] = found["State"]
        self.restarts = restarts = found.get("RestartCount", 0) - self.first
        cure = f"mend the release and run `pulumi up` again; {LOOK.format(self.container)}"
        if state.get("OOMKilled"):
            cure = "raise memory_mib: the container was stopped when it needed more than its limit"
        if state["Status"] in ("exited", "dead") or restarts >= RESTARTS:
            again = f", {restarts} times by now" if restarts else ""
            what = f"the container ended with exit code {state.get('ExitCode')}{again}"
            fail(f"{what}: {self.container}", last_lines(self.container), cure)
        return found

    def _inspect(self) -> dict[str, Any]:
        found = inspect(self.container)
        if not found:
            fail(
                f"there is no container {self.container}",
                "",
                "run `pulumi refresh`, then `pulumi up`: it was removed behind the program's back",
            )
        return found


def last_lines(container: str, secrets: Path | None = None) -> str:
    """Return the last lines of a container's log, the values of its secret files hidden."""
    result = run(["docker", "logs", "--tail", str(LOG_LINES), container], check=False)
    text = result.stdout + result.stderr
    for mount in inspect(container).get("Mounts", []):
        if mount.get("Destination") == SECRETS:
            secrets = at(mount["Source"])
    return hide(text, secrets)


def hide(text: str, secrets: Path | None) -> str:
    """Return the text with every value that a file of the folder holds replaced by its name."""
    if secrets is None or not secrets.is_dir():
        return text
    for path in sorted(secrets.iterdir()):
        value = path.read_text(errors="replace").strip()
        for shape in {value, urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value)}:
            if shape:
                text = text.replace(shape, f"[{path.name}]")
    return text
