#!/usr/bin/python3 -B
"""Lets something run at its times, as a unit or as a container that a unit starts.

`up` has the host's systemd read the calendar expression before anything is written. `down` stops
the timer first and lets a run that is under way end, within its own time.
"""

import sys

import _accounts
import _containers
from _homeport import (
    Spec,
    at,
    main,
    receipts,
    remove_receipt,
    run,
    write_receipt,
)
from _timers import check_calendar, wait_for_run
from _units import SERVICES, place, recorded, remove, remove_job, show, write


def up(spec: Spec) -> None:
    """Write unit and timer, and start the timer."""
    check_calendar(spec)
    service, timer = (at(f"{SERVICES}/{spec[key]}") for key in ("unit", "timer"))
    if spec.get("container"):
        image = _containers.image_of(spec)
        changed = write(service, _containers.unit_text({**spec["container"], "image": image}, spec))
    else:
        _accounts.ensure(spec["account"])
        changed = place(service, spec)
    if write(timer, spec["timer_text"]) or changed:
        run(["systemctl", "daemon-reload"])
    files = [recorded(f"{SERVICES}/{spec[key]}") for key in ("unit", "timer")]
    write_receipt(spec, receipt(spec), {"files": files, "units": [spec["timer"]]})
    run(["systemctl", "enable", "--quiet", spec["timer"]])
    run(["systemctl", "restart", spec["timer"]], cure=f"see `systemctl status {spec['timer']}`")
    sys.stdout.write(f"{spec['timer']}\n")


def down(spec: Spec) -> None:
    """Stop the timer, wait for a run that is under way, and remove both."""
    run(["systemctl", "stop", spec["timer"]], check=False)
    wait_for_run(spec, lambda: show(spec["unit"])["ActiveState"])
    for unit in (spec["timer"], spec["unit"]):
        remove(unit, at(f"{SERVICES}/{unit}"))
    for job in spec.get("units", []):
        remove_job(job)
    if spec.get("account"):
        _accounts.forget(spec["account"])
    remove_receipt(spec, receipt(spec))
    for path in receipts(spec).glob(f"job-{spec['app']}-{spec['release']}-*.json"):
        remove_receipt(spec, path.stem)


def receipt(spec: Spec) -> str:
    """Return the name of the receipt."""
    return f"timer-{spec['app']}-{spec['release']}"


if __name__ == "__main__":
    main({"up": up, "down": down})
