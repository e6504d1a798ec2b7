#!/usr/bin/python3 -B
"""Runs a release's job as a Quadlet unit of a rootless account, once (see `_jobs`).

It leaves nothing behind; what a run that was cut off left is removed first.
"""

import _podman
import _rootless
from _homeport import Spec, fail, main
from _instances import last_lines
from _jobs import CURE, cure, ended_with, findings, once

ASKED = ("ExecMainStatus", "Result")


def up(spec: Spec) -> None:
    """Run the job unless it is done."""
    once(spec, spec["name"], work, forget)


def forget(spec: Spec) -> None:
    """Remove the secrets that only the job needed."""
    _podman.remove_secrets(spec["account"], spec["secrets"])


def work(spec: Spec) -> "dict[str, str]":
    """Run the unit to its end, which has to be in time, and 0."""
    account, file = spec["account"], f"{spec['name']}.container"
    service = f"{spec['name']}.service"
    clear(account, service, file)
    try:
        _rootless.write_unit(account, file, spec["content"])
        # The unit itself ends it when it takes too long.
        started = _rootless.systemctl(account, "start", service, check=False)
        if started.returncode != 0:
            explain(spec, service, started.stderr)
        return findings(spec, instance(spec))
    finally:
        clear(account, service, file)


def clear(account: str, service: str, file: str) -> None:
    """Remove the job, whatever it does."""
    _rootless.stop(account, service)
    _rootless.remove_unit(account, file)


def explain(spec: Spec, service: str, said: str) -> None:
    """Say why the job failed."""
    unit = _rootless.property_of(spec["account"], service, ASKED)
    lines = last_lines(instance(spec)) or said
    if unit["Result"] == "timeout":
        limit = spec["timeout_seconds"]
        again = f"raise timeout_seconds of the job, or {CURE}"
        fail(f"the job took over {limit} s and was stopped", lines, again)
    fail(ended_with(spec, unit["ExecMainStatus"]), lines, cure(spec))


def instance(spec: Spec) -> "dict[str, str]":
    """Return the job's container as an instance."""
    return {"kind": "podman", "name": spec["name"], "account": spec["account"]}


if __name__ == "__main__":
    main({"up": up})
