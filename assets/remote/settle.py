#!/usr/bin/python3 -B
"""Waits until a container that nobody connects to has shown that it runs.

With a health check (its own or its image's), the check is run until it passes once. Without one,
the container has to run for a while without a restart.
"""

import json
import sys
import time
from typing import Any

from _containers import LOOK, Watch, last_lines
from _homeport import Spec, fail, main, run

POLL_SECONDS = 0.25
CHECK_SECONDS = 10


def up(spec: Spec) -> None:
    """Return once the container runs well."""
    watch, start = Watch(spec["container"]), time.monotonic()
    since, restarts, problem = start, watch.first, "it does not run"
    while True:
        found = watch.look()
        if found["RestartCount"] != restarts or not found["State"].get("Running"):
            since, restarts = time.monotonic(), found["RestartCount"]
        elif check := health_command(found):
            problem = failure_of(check, spec["container"])
            if not problem:
                break
        elif time.monotonic() - since >= spec["settle_seconds"]:
            break
        if time.monotonic() - start > spec["start_seconds"]:
            what = f"{spec['container']} did not get healthy within {spec['start_seconds']} s"
            cure = f"mend the release or raise start_seconds; {LOOK.format(spec['container'])}"
            fail(f"{what}: {problem}", last_lines(spec["container"]), cure)
        time.sleep(POLL_SECONDS)
    seconds = round(time.monotonic() - start, 3)
    sys.stdout.write(json.dumps({"settle_seconds": seconds}) + "\n")


def health_command(found: dict[str, Any]) -> list[str]:
    """Return the container's health check as a command; empty when it has none."""
    test = ((found.get("Config") or {}).get("Healthcheck") or {}).get("Test") or ["NONE"]
    if test[0] == "CMD-SHELL":
        return ["/bin/sh", "-c", test[1]]
    return list(test[1:]) if test[0] == "CMD" else []


def failure_of(check: list[str], container: str) -> str:
    """Run the check inside the container, as Docker does; return what it says when it fails."""
    limit = ["timeout", str(CHECK_SECONDS)]
    result = run([*limit, "docker", "exec", container, *check], check=False)
    if result.returncode == 0:
        return ""
    said = (result.stdout + result.stderr).strip().splitlines()
    return said[-1] if said else f"its health check ended with {result.returncode}"


if __name__ == "__main__":
    main({"up": up})
