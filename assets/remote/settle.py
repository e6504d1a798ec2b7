#!/usr/bin/python3 -B
"""Waits until an instance that nobody connects to has shown that it runs.

With a health check (its own or its image's), the check is run until it passes once. Without one,
it has to run for a while without a restart. Then its environment has to be as its contract says.
"""

import json
import sys
import time

import _environment
from _homeport import Spec, fail, main, run
from _instances import Watch, hint, last_lines

POLL_SECONDS = 0.25
CHECK_SECONDS = 10


def up(spec: Spec) -> None:
    """Return once the container runs well."""
    watch, start = Watch(spec["instance"]), time.monotonic()
    since, restarts, problem = start, watch.first, "it does not run"
    while True:
        found = watch.look()
        if found.restarts != restarts or not found.running:
            since, restarts = time.monotonic(), found.restarts
        elif found.check:
            problem = failure_of(found.check)
            if not problem:
                break
        elif time.monotonic() - since >= spec["settle_seconds"]:
            break
        if time.monotonic() - start > spec["start_seconds"]:
            name, limit = spec["instance"]["name"], spec["start_seconds"]
            what = f"{name} did not get healthy within {limit} s"
            cure = f"mend the release or raise start_seconds; {hint(spec['instance'])}"
            fail(f"{what}: {problem}", last_lines(spec["instance"]), cure)
        time.sleep(POLL_SECONDS)
    _environment.check(spec)
    seconds = round(time.monotonic() - start, 3)
    sys.stdout.write(json.dumps({"settle_seconds": seconds}) + "\n")


def failure_of(check: list[str]) -> str:
    """Run the check; return what it says when it fails."""
    result = run(["timeout", str(CHECK_SECONDS), *check], check=False)
    if result.returncode == 0:
        return ""
    said = (result.stdout + result.stderr).strip().splitlines()
    return said[-1] if said else f"its health check ended with {result.returncode}"


if __name__ == "__main__":
    main({"up": up})
