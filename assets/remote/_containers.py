"""What the tools ask a container engine."""

import json
from pathlib import Path
from typing import Any

from _asked import Look
from _homeport import at, fail, run

SECRETS = "/run/secrets"
LOG_LINES = 40


def look(instance: dict[str, str]) -> Look:
    """Return how a container is."""
    found = inspect(instance["name"])
    if not found:
        return Look(there=False)
    state: dict[str, Any] = found["State"]
    test = ((found.get("Config") or {}).get("Healthcheck") or {}).get("Test") or ["NONE"]
    inside = {"CMD-SHELL": ["/bin/sh", "-c", *test[1:]], "CMD": test[1:]}.get(test[0], [])
    return Look(
        there=True,
        running=bool(state.get("Running")),
        ended=state["Status"] in ("exited", "dead"),
        restarts=found.get("RestartCount", 0),
        exit_code=state.get("ExitCode"),
        out_of_memory=bool(state.get("OOMKilled")),
        check=["docker", "exec", instance["name"], *inside] if inside else [],
    )


def hint(instance: dict[str, str]) -> str:
    """Return what a person may type on the host to see more."""
    name = instance["name"]
    return f"look at it with `docker logs {name}` and `docker inspect {name}` on the host"


def output(instance: dict[str, str]) -> tuple[str, Path | None]:
    """Return the last lines of a container's log, and the folder of its secrets if it has one."""
    result = run(["docker", "logs", "--tail", str(LOG_LINES), instance["name"]], check=False)
    secrets = None
    for mount in inspect(instance["name"]).get("Mounts", []):
        if mount.get("Destination") == SECRETS:
            secrets = at(mount["Source"])
    return result.stdout + result.stderr, secrets


def inspect(container: str) -> dict[str, Any]:
    """Return what Docker knows of a container; empty when there is none of that name."""
    result = run(["docker", "inspect", "--type", "container", container], check=False)
    if result.returncode != 0:
        if "no such container" in result.stderr.lower():
            return {}
        fail("Docker does not answer", result.stderr, "look at `systemctl status docker`")
    found: dict[str, Any] = json.loads(result.stdout)[0]
    return found
