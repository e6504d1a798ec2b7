"""How long each phase of a step took."""

import json
import sys
import time


class Phases:
    """Measures what a run spends its time on."""

    def __init__(self) -> None:
        self._start = self._last = time.monotonic()
        self.seconds: dict[str, float] = {}

    def end(self, name: str) -> None:
        """Say that a phase is over."""
        now = time.monotonic()
        self.seconds[f"{name}_seconds"] = round(now - self._last, 3)
        self._last = now

    def report(self, **more: object) -> None:
        """Print everything as one line of JSON."""
        total = round(time.monotonic() - self._start, 3)
        sys.stdout.write(json.dumps({**self.seconds, "total_seconds": total, **more}) + "\n")
