#!/usr/bin/python3 -B
"""Runs a release's job as a unit of its own, once, and leaves nothing behind (see `_jobs`).

Account, limits and walls are those of the release; what a run that was cut off left is removed
first.
"""

from pathlib import Path

import _accounts
from _homeport import Spec, at, fail, main, run
from _instances import last_lines
from _jobs import CURE, cure, ended_with, findings, once
from _units import JOBS, exit_code, place, remove, remove_job, show


def up(spec: Spec) -> None:
    """Run the job unless it is done."""
    once(spec, spec["unit"], work)


def work(spec: Spec) -> "dict[str, str]":
    """Run the unit to its end, which has to be 0 and in time."""
    unit = spec["unit"]
    path = at(f"{JOBS}/{unit}")
    remove_job(unit)
    _accounts.ensure(spec["account"])
    try:
        place(path, spec)
        # systemd itself ends it when its time is over; this is for a systemd that hangs.
        limit = spec["timeout_seconds"] + 60
        ended = run(["systemctl", "start", unit], check=False, timeout_seconds=limit)
        if ended.returncode != 0:
            explain(spec, ended.stderr)
        return findings(spec, instance(spec), secrets(spec))
    finally:
        remove(unit, path)


def explain(spec: Spec, said: str) -> None:
    """End the step with what the job said last."""
    found = show(spec["unit"])
    lines = last_lines(instance(spec), secrets(spec))
    if found["Result"] == "timeout":
        longer = f"raise timeout_seconds of the job, or {CURE}"
        fail(f"the job took over {spec['timeout_seconds']} s and was stopped", lines, longer)
    if found["Result"] == "oom-kill":
        fail("the job needed more memory than its limit", lines, "raise memory_mib")
    code = exit_code(found)
    what = "the job could not run" if code is None else ended_with(spec, code)
    fail(what, lines or said, cure(spec))


def instance(spec: Spec) -> "dict[str, str]":
    """Return the job's unit as an instance."""
    return {"kind": "systemd", "name": spec["unit"]}


def secrets(spec: Spec) -> "Path | None":
    """Return the folder of the job's secrets."""
    return at(spec["secrets"]) if spec["secrets"] else None


if __name__ == "__main__":
    main({"up": up})
