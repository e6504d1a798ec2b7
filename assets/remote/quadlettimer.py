#!/usr/bin/python3 -B
"""Lets a container of a rootless account run at its times, by a timer of the account's own systemd.

`up` has systemd read the calendar expression before anything is written. `down` needs no `up` to
have ended: it stops the timer first, lets a run that is under way end, and takes both away with the
podman secrets whose names begin with the unit's.
"""

import sys
from pathlib import Path

import _podman
import _rootless
from _homeport import Spec, fail, main, remove_receipt, sha256, write_receipt
from _timers import check_calendar, wait_for_run

TIMERS = ".config/systemd/user"


def up(spec: Spec) -> None:
    """Write unit and timer, and start the timer."""
    account, timer = spec["account"], timer_of(spec)
    check_calendar(spec)
    texts = {file_of(spec): spec["content"], timer: spec["timer_text"]}
    write_receipt(spec, receipt(spec), {"files": [about(spec, *file) for file in texts.items()]})
    for path, text in texts.items():
        _rootless.write(account, path, text)
    _rootless.systemctl(account, "daemon-reload")
    if state(spec, "LoadState") != "loaded":
        said = _rootless.complaints(account, file_of(spec).name)
        fail(f"Quadlet makes no service of {file_of(spec).name}", said, "mend what it says")
    _rootless.systemctl(account, "enable", "--quiet", timer.name)
    _rootless.systemctl(account, "restart", timer.name)
    sys.stdout.write(f"{timer.name}\n")


def down(spec: Spec) -> None:
    """Stop the timer, wait for a run that is under way, and remove what they are made of."""
    account, timer, service = spec["account"], timer_of(spec), f"{spec['name']}.service"
    if _rootless.known(account):
        _rootless.systemctl(account, "disable", "--now", timer.name, check=False)
        wait_for_run(spec, lambda: state(spec, "ActiveState"))
        _rootless.stop(account, service)
        _podman.remove(account, spec["name"])
        _rootless.run_as(account, "rm", "-f", str(timer))
        _rootless.remove_unit(account, file_of(spec).name)
    remove_receipt(spec, receipt(spec))
    sys.stdout.write(f"removed: {timer.name}\n")


def timer_of(spec: Spec) -> Path:
    """Return where the timer lies."""
    return _rootless.below_home(spec["account"], f"{TIMERS}/{spec['name']}.timer")


def file_of(spec: Spec) -> Path:
    """Return where the unit lies."""
    return _rootless.units(spec["account"]) / f"{spec['name']}.container"


def about(spec: Spec, path: Path, text: str) -> "dict[str, str]":
    """Return a file as a receipt has it."""
    hash_ = sha256(text.encode())
    return {"path": str(path), "sha256": hash_, "mode": "0644", "owner": spec["account"]}


def state(spec: Spec, which: str) -> str:
    """Return what the account's service manager says of the service."""
    found = _rootless.property_of(spec["account"], f"{spec['name']}.service", [which])
    return found.get(which, "")


def receipt(spec: Spec) -> str:
    """Return the name of the receipt."""
    return f"timer-{spec['app']}-{spec['release']}"


if __name__ == "__main__":
    main({"up": up, "down": down})
