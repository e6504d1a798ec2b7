#!/usr/bin/python3 -B
"""Waits until an app answers as its flags say; changes nothing.

It asks the app's stable port, so that what answers is the release that has the traffic.
"""

import json
import sys
import time
from typing import Any

import _health
from _homeport import Spec, fail, main

POLL_SECONDS = 0.5


def up(spec: Spec) -> None:
    """Return once every check has held so many times in a row as it asks for."""
    start = time.monotonic()
    for check in spec["checks"]:
        wait(spec, check)
    seconds = round(time.monotonic() - start, 3)
    done = spec["order"][: spec["flipped"]]
    sys.stdout.write(json.dumps({"flipped": done, "seconds": seconds}) + "\n")


def wait(spec: Spec, check: "dict[str, Any]") -> None:
    """Wait for one check."""
    end, held = time.monotonic() + check["start_seconds"], 0
    while held < check["successes"]:
        problem = _health.problem(spec["port"], check, spec["release"])
        held = 0 if problem else held + 1
        if problem and time.monotonic() > end:
            fail(
                f"{check['what']}: {check['path']} gave {problem} for {check['start_seconds']} s",
                "",
                cure(spec),
            )
        if held < check["successes"]:
            time.sleep(POLL_SECONDS)


def cure(spec: Spec) -> str:
    """Return the ways out, the one back included."""
    look = f"see what {spec['app']} logs, and `pulumi up` again"
    if not spec["flipped"]:
        return look
    last = spec["order"][spec["flipped"] - 1]
    back = f"`{spec['key']}: {spec['flipped'] - 1}` and `up` flip {last} back"
    return f"{look}; {back}"


if __name__ == "__main__":
    main({"up": up})
