"""What timers have in common, whoever's service manager starts what they are for."""

import time
from collections.abc import Callable

from _homeport import Spec, fail, run

POLL_SECONDS = 0.25
UNDER_WAY = ("active", "activating", "deactivating", "reloading")


def check_calendar(spec: Spec) -> None:
    """End the step when the host's systemd does not understand the calendar expression."""
    read = run(["systemd-analyze", "calendar", spec["calendar"]], check=False)
    if read.returncode != 0:
        said = read.stdout + read.stderr
        cure = "correct schedule.calendar; `systemd-analyze calendar` on the host explains it"
        fail(f"the host's systemd does not understand {spec['calendar']!r}", said, cure)


def wait_for_run(spec: Spec, state: "Callable[[], str]") -> None:
    """Let a run that is under way end, within its own time."""
    deadline = time.monotonic() + spec["timeout_seconds"]
    while state() in UNDER_WAY and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
