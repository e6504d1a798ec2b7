"""Logs: one JSON object a line, without query strings, bodies and credentials."""

import json
import logging
import os
from datetime import UTC, datetime


class Json(logging.Formatter):
    """Writes time, level, logger, message and release, and what an access line adds."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
            "release": os.environ.get("RELEASE", "dev"),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)
