#!/usr/bin/python3 -B
"""Runs a release's job in a container of its own, once, and leaves nothing behind.

When it runs again, `_jobs` says; what a run that was cut off left is removed first.
"""

import subprocess
from pathlib import Path

from _containers import create_command
from _homeport import Spec, at, fail, main, run
from _instances import last_lines
from _jobs import CURE, cure, ended_with, findings, once


def up(spec: Spec) -> None:
    """Run the job unless it is done."""
    once(spec, spec["container"], work)


def work(spec: Spec) -> "dict[str, str]":
    """Run the job's container to its end, which has to be 0 and in time."""
    secrets = at(spec["secrets"]) if spec["secrets"] else None
    clear(spec)
    try:
        run(create_command(spec), cure=CURE)
        for network in spec["networks"][1:]:
            run(["docker", "network", "connect", network, spec["container"]], cure=CURE)
        run(["docker", "start", spec["container"]], cure=CURE)
        finish(spec, secrets)
        return findings(spec, instance(spec), secrets)
    finally:
        clear(spec)


def clear(spec: Spec) -> None:
    """Remove the job's container, whatever it does."""
    run(["docker", "rm", "--force", "--volumes", spec["container"]], check=False)


def finish(spec: Spec, secrets: Path | None) -> None:
    """Wait for the job's end; it has to be in time, and 0."""
    container, limit = spec["container"], spec["timeout_seconds"]
    try:
        waited = subprocess.run(
            ["docker", "wait", container],
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        longer = f"raise timeout_seconds of the job, or {CURE}"
        lines = last_lines(instance(spec), secrets)
        fail(f"the job took over {limit} s and was stopped", lines, longer)
    code = waited.stdout.strip()
    if code != "0":
        what = ended_with(spec, code) if code else "Docker lost the job"
        fail(what, last_lines(instance(spec), secrets) + waited.stderr, cure(spec))


def instance(spec: Spec) -> "dict[str, str]":
    """Return the job's container as an instance."""
    return {"kind": "docker", "name": spec["container"]}


if __name__ == "__main__":
    main({"up": up})
