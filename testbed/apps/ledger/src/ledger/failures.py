"""Failure modes: how an operator makes this app misbehave on purpose, to see what a deploy does."""

import asyncio
import logging
import os
from dataclasses import dataclass

log = logging.getLogger(__name__)

PLAIN = ("none", "never-healthy", "migration-fails")
TIMED = ("crash-after", "unhealthy-after")
CRASH_EXIT_CODE = 70


@dataclass(frozen=True, slots=True)
class FailMode:
    """One way to fail; `seconds` counts from the start of the process where the kind is timed."""

    kind: str = "none"
    seconds: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "FailMode":
        """Reads `none`, `never-healthy`, `migration-fails`, `crash-after:N`, `unhealthy-after:N`.

        Raises:
            ValueError: The text is none of these, or N is not a number of seconds from 0 up.
        """
        kind, colon, number = text.partition(":")
        if kind in PLAIN and not colon:
            return cls(kind)
        try:
            seconds = float(number)
        except ValueError:
            seconds = -1.0
        if kind in TIMED and 0 <= seconds < float("inf"):
            return cls(kind, seconds)
        expected = ", ".join([*PLAIN, *(f"{kind}:SECONDS" for kind in TIMED)])
        msg = f"expected one of {expected}"
        raise ValueError(msg)

    def health_reason(self, age_seconds: float) -> str | None:
        """Says why a process of this age has to call itself unhealthy, or None."""
        if self.kind == "never-healthy":
            return "FAIL_MODE is never-healthy"
        if self.kind == "unhealthy-after" and age_seconds >= self.seconds:
            return f"FAIL_MODE is unhealthy-after:{self.seconds:g}"
        return None

    @property
    def breaks_migrations(self) -> bool:
        """Tells whether `ledger migrate` has to fail, and to leave the schema as it was."""
        return self.kind == "migration-fails"

    async def crash_when_due(self) -> None:
        """Ends the process without ceremony when its time has come; otherwise returns at once."""
        if self.kind != "crash-after":
            return
        await asyncio.sleep(self.seconds)
        log.critical("crashing because FAIL_MODE is crash-after:%g", self.seconds)
        os._exit(CRASH_EXIT_CODE)
