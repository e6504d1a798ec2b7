"""The one clock of the stand-in."""

import datetime


def now() -> str:
    """Return the present second in UTC, in ISO form."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
