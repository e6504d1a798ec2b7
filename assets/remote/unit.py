#!/usr/bin/python3 -B
"""Starts a release as a unit, and takes it away with everything that a try of it left.

`up` writes the unit, enables it for every boot and starts it; whether it is any good, the gate
finds out. `down` also stops jobs that a cut-off run left, and forgets which jobs are done.
"""

import sys
from pathlib import Path

import _accounts
from _homeport import (
    Spec,
    at,
    main,
    receipts,
    remove_receipt,
    run,
    write_receipt,
)
from _room import check_memory
from _units import SERVICES, place, recorded, remove, remove_job


def up(spec: Spec) -> None:
    """Start the unit, or leave it alone when it runs as it should."""
    unit = spec["unit"]
    path = file_of(unit)
    running = run(["systemctl", "is-active", "--quiet", unit], check=False).returncode == 0
    if not running:
        check_memory(spec["memory_mib"])
    _accounts.ensure(spec["account"])
    verb = "restart" if place(path, spec) and running else "start"
    files = [recorded(f"{SERVICES}/{unit}")]
    write_receipt(spec, receipt(spec), {"files": files, "units": [unit]})
    run(["systemctl", "enable", "--quiet", unit])
    # Whether it could be run is the gate's to see, which shows its last lines too.
    run(["systemctl", verb, unit], check=False)
    sys.stdout.write(f"{unit}\n")


def down(spec: Spec) -> None:
    """Stop and remove the release's unit and what is left of its jobs."""
    release, *jobs = spec["units"]
    remove(release, file_of(release))
    for job in jobs:
        remove_job(job)
    _accounts.forget(spec["account"])
    remove_receipt(spec, receipt(spec))
    for path in receipts(spec).glob(f"job-{spec['app']}-{spec['release']}-*.json"):
        remove_receipt(spec, path.stem)


def receipt(spec: Spec) -> str:
    """Return the name of the receipt."""
    return f"unit-{spec['app']}-{spec['release']}"


def file_of(unit: str) -> Path:
    """Return where a unit lies."""
    return at(f"{SERVICES}/{unit}")


if __name__ == "__main__":
    main({"up": up, "down": down})
