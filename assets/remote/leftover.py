#!/usr/bin/python3 -B
"""Frees a name of Docker's that an interrupted deploy has left taken.

Whoever asks is about to make something of that name, and does not know that it is there. What
belongs to somebody else is left alone, and so is a release that has traffic.
"""

import json
import time
from typing import Any

import _routes
from _homeport import Spec, fail, main, run

DOCKER_SECONDS = 60
POLL_SECONDS = 0.5
NOTHING = "/nothing/to/start"
"""No image has it: a container with this as its program takes its ports, and runs nothing."""


def up(spec: Spec) -> None:
    """Remove the container or network, once Docker answers; one that is not there is fine."""
    found = look(spec, time.monotonic() + DOCKER_SECONDS)
    if not found:
        return
    kind, name = spec["kind"], spec["name"]
    if labels(found).get("homeport.system") != spec["system"]:
        cure = f"rename it or remove it: `docker {kind} inspect {name}` says what it is"
        fail(f"there is a {kind} {name} on this host, which is not of {spec['system']}", "", cure)
    if kind == "container":
        refuse_live(spec, found)
        # Not `rm --force` alone: it may be a database, which wants to end in peace.
        run(["docker", "stop", name], check=False)
        run(["docker", "rm", "--force", "--volumes", name])
        free_ports(spec, found)
    else:
        run(["docker", "network", "rm", name])


def look(spec: Spec, deadline: float) -> dict[str, Any]:
    """Return what Docker knows of the name; empty when it is free."""
    while True:
        result = run(["docker", spec["kind"], "inspect", spec["name"]], check=False)
        if result.returncode == 0:
            found: dict[str, Any] = json.loads(result.stdout)[0]
            return found
        said = result.stderr.lower()
        if "no such" in said or "not found" in said:
            return {}
        if time.monotonic() > deadline:
            fail("Docker does not answer", result.stderr, "look at `systemctl status docker`")
        time.sleep(POLL_SECONDS)


def free_ports(spec: Spec, found: dict[str, Any]) -> None:
    """Make Docker let go of the ports of a container that is gone.

    An engine that died while it started the container may never find out that it has gone, until it
    starts anew itself. Whether it has is only shown by asking for the ports.
    """
    host = found["HostConfig"]
    bindings = [
        f"--publish={one['HostIp']}:{one['HostPort']}:{inside}"
        for inside, many in (host.get("PortBindings") or {}).items()
        for one in many or []
    ]
    if not bindings:
        return
    trial = ["docker", "run", "--rm", "--pull=never", f"--network={host['NetworkMode']}"]
    asked = run([*trial, *bindings, f"--entrypoint={NOTHING}", found["Image"]], check=False)
    if "already allocated" in asked.stderr:
        survive = ["docker", "info", "--format={{.LiveRestoreEnabled}}"]
        if run(survive).stdout.strip() != "true":
            cure = "run `systemctl restart docker` when its containers may stop for a moment"
            fail(f"Docker holds the port of {spec['name']}, which is gone", asked.stderr, cure)
        run(["systemctl", "restart", "docker"])
    look(spec, time.monotonic() + DOCKER_SECONDS)


def labels(found: dict[str, Any]) -> dict[str, str]:
    """Return the labels of a container or network."""
    return (found.get("Config") or found).get("Labels") or {}


def refuse_live(spec: Spec, found: dict[str, Any]) -> None:
    """Refuse to remove a release that the map leads to."""
    bindings = (found["HostConfig"].get("PortBindings") or {}).values()
    ports = {int(one["HostPort"]) for many in bindings for one in many or []}
    if ports & set(_routes.read(spec).values()):
        cure = "raise `revision` of its app: another release takes over without a gap"
        fail(f"{spec['name']} serves, but the stack's state does not know it", "", cure)


if __name__ == "__main__":
    main({"up": up})
