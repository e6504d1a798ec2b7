"""Logs: one JSON object a line on standard output, with the request's id, and no secret."""

import json
import logging
import sys
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

# What every record has; whatever else a caller passes as `extra` becomes a field.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class JsonFormatter(logging.Formatter):
    """Writes time, level, logger, msg, release, request_id where there is one, and the extras.

    Every secret that it was given is replaced by `[secret]` wherever it would have shown.
    """

    def __init__(self, release: str, secrets: Sequence[str] = ()) -> None:
        super().__init__()
        self._release = release
        # JSON escapes some characters, so the escaped spelling has to be looked for, too. The
        # longest goes first: a password is part of the URL that holds it.
        spellings = {s for s in secrets if s} | {json.dumps(s)[1:-1] for s in secrets if s}
        self._secrets = sorted(spellings, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """Renders one record as one line."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
            "release": self._release,
        }
        if request_id.get() is not None:
            entry["request_id"] = request_id.get()
        entry.update((key, value) for key, value in vars(record).items() if key not in _STANDARD)
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        line = json.dumps(entry, default=str, ensure_ascii=True)
        for secret in self._secrets:
            line = line.replace(secret, "[secret]")
        return line


def configure(level: str, release: str, secrets: Sequence[str] = ()) -> None:
    """Sends every logger of the process through the JSON formatter to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(release, secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    if root.level < logging.WARNING:
        # A line for each connection and each step says nothing that ours do not.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        logging.getLogger("websockets").setLevel(logging.WARNING)
        logging.getLogger("alembic").setLevel(logging.WARNING)
