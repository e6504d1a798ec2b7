"""Docker by its own command line: the local cloud runs on what the user's `docker` reaches."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from homeport.cloud.contract import MachineryError

TIMEOUT = 120.0
"""Seconds after which a Docker command that is not a build counts as stuck."""


def run(*argv: str, stdin: str | bytes | None = None, timeout: float = TIMEOUT) -> str:
    """Run `docker` with these arguments and return what it printed.

    Raises:
        MachineryError: With the command's name and Docker's own words.
    """
    data = stdin.encode() if isinstance(stdin, str) else stdin
    try:
        done = subprocess.run(
            ["docker", *argv], input=data, capture_output=True, timeout=timeout, check=False
        )
    except FileNotFoundError as error:
        msg = "there is no `docker` on PATH; install Docker Engine"
        raise MachineryError(msg) from error
    except subprocess.TimeoutExpired as error:
        text = f"`docker {' '.join(argv[:2])}` has not ended after {timeout:.0f} s"
        raise MachineryError(text) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip() or done.stdout.decode().strip()
        msg = f"`docker {_name(argv)}` failed: {said}"
        raise MachineryError(msg)
    return done.stdout.decode(errors="replace").strip()


def succeeds(*argv: str, timeout: float = TIMEOUT) -> bool:
    """Whether a `docker` command ends well; for questions, never for work."""
    try:
        run(*argv, timeout=timeout)
    except MachineryError:
        return False
    return True


def inspect(kind: str, name: str) -> dict[str, Any] | None:  # Docker's JSON
    """Return Docker's description of an object, or None where there is none."""
    try:
        found = json.loads(run(kind, "inspect", name))
    except MachineryError as error:
        if "no such" in str(error).lower() or "not found" in str(error).lower():
            return None
        raise
    return dict(found[0])


def names(kind: str, label: str) -> list[str]:
    """Return the names of the containers, networks or volumes that have a label, sorted."""
    match kind:
        case "container":
            argv = ["container", "ls", "--all", "--format", "{{.Names}}"]
        case _:
            argv = [kind, "ls", "--format", "{{.Name}}"]
    return sorted(run(*argv, "--filter", f"label={label}").split())


def labels(pairs: Mapping[str, str]) -> list[str]:
    """Return the arguments that put labels on an object."""
    return [part for key, value in pairs.items() for part in ("--label", f"{key}={value}")]


def remove_container(*containers: str) -> None:
    """Remove containers and their unnamed volumes; those that are gone are no error."""
    if containers:
        _remove(["container", "rm", "--force", "--volumes"], containers)


def remove_network(*networks: str) -> None:
    """Remove networks; those that are gone are no error."""
    if networks:
        _remove(["network", "rm"], networks)


def remove_volume(*volumes: str) -> None:
    """Remove volumes and what is in them; those that are gone are no error."""
    if volumes:
        _remove(["volume", "rm", "--force"], volumes)


def _remove(verb: list[str], objects: Sequence[str]) -> None:
    for name in objects:
        try:
            run(*verb, name)
        except MachineryError as error:
            text = str(error).lower()
            if "no such" not in text and "not found" not in text and "in progress" not in text:
                raise


def _name(argv: Sequence[str]) -> str:
    return " ".join(part for part in argv[:6] if "=" not in part)
