#!/usr/bin/python3 -B
"""Looks at a machine and says all at once what is missing, and how to mend it.

Prints one line of JSON: what the machine is. Changes nothing.
"""

import json
import os
import platform
import shutil
import sys

from _homeport import Spec, at, fail, installed, main, run

Facts = dict[str, str | int | None]

FIRMWARE_SHARE = 0.9
"""Of the memory that is sold, firmware and kernel keep a part; what is left counts as enough."""


def up(spec: Spec) -> None:
    """Print the facts, or fail with a list of everything that does not fit."""
    facts = look()
    problems = complaints(facts, spec)
    if problems:
        listed = "\n".join(f"- {problem}" for problem in problems)
        fail("this machine cannot be used yet", listed, "mend what is listed, then `pulumi up`")
    sys.stdout.write(json.dumps(facts, sort_keys=True) + "\n")


def look() -> Facts:
    """Return what the machine is; None where it does not say."""
    release = os_release(at("/etc/os-release").read_text())
    memory = at("/proc/meminfo").read_text().split("MemTotal:", 1)[-1].split()
    return {
        "os": f"{release.get('ID', '?')}-{release.get('VERSION_ID', '?')}",
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "memory_mib": int(memory[0]) // 1024,
        "disk_free_mib": shutil.disk_usage(str(at("/"))).free // 2**20,
        "init": at("/proc/1/comm").read_text().strip(),
        "docker": docker_version(),
        "python": platform.python_version(),
    }


def os_release(text: str) -> dict[str, str]:
    """Return the fields of /etc/os-release."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip().strip("\"'") for key, value in pairs}


def docker_version() -> str | None:
    """Return the version of Docker's engine, or None when there is none that answers."""
    if not installed("docker"):
        return None
    result = run(["docker", "version", "--format", "{{.Server.Version}}"], check=False)
    return result.stdout.strip() or None


def complaints(facts: Facts, spec: Spec) -> list[str]:
    """Return everything that keeps this machine from being used, with the cure."""
    found = []
    if facts["os"] not in spec["systems"]:
        known = ", ".join(spec["systems"])
        found.append(f"it runs {facts['os']}; supported are {known}: use one of these")
    if facts["init"] != "systemd":
        found.append(f"its first process is {facts['init']}, not systemd: boot it with systemd")
    if not installed("apt-get"):
        found.append("it has no apt-get: use a Debian or Ubuntu system")
    if os.geteuid() != 0:
        found.append("this step does not run as root: check `privilege`")
    for key, unit in (("cores", "processors"), ("memory_mib", "MiB of memory")):
        have, want = facts[key], spec.get(key)
        if want and isinstance(have, int) and have < want * FIRMWARE_SHARE:
            found.append(f"it has {have} {unit}, the stack says {want}: correct `{key}`")
    free = facts["disk_free_mib"]
    if isinstance(free, int) and free < spec["disk_free_mib"]:
        found.append(f"its disk has {free} MiB free, {spec['disk_free_mib']} are needed: make room")
    if not facts["docker"] and not spec["install_docker"]:
        found.append(
            "Docker does not answer: `apt-get install docker.io`, or set install_docker to true"
        )
    return found


if __name__ == "__main__":
    main({"up": up})
