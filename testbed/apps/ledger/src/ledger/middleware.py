"""What holds for every response: release, instance, request id, security headers, access log."""

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ledger.drain import Drain
from ledger.logs import request_id

log = logging.getLogger("ledger.access")

_SECURITY = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    ),
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
# Asked every few seconds by a proxy and a monitor; at INFO they would drown everything else.
_QUIET = ("/healthz", "/livez")


class Envelope:
    """Wraps the whole app, so that its error responses are covered, too."""

    def __init__(self, app: ASGIApp, *, release: str, instance: str, drain: Drain) -> None:
        self._app = app
        self._drain = drain
        self._headers = {**_SECURITY, "x-release": release, "x-instance": instance}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request or websocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        identity = _request_id(scope)
        token = request_id.set(identity)
        started = time.monotonic()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.accept"):
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers["x-request-id"] = identity
                status = message.get("status", 101)
                if self._drain.started and status != 101:
                    headers["connection"] = "close"
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            log.exception("request failed", extra={"path": scope["path"]})
            if not status:
                raise
        finally:
            _log_access(scope, status or 500, time.monotonic() - started)
            request_id.reset(token)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given) else uuid.uuid4().hex


def _log_access(scope: Scope, status: int, seconds: float) -> None:
    # The query string is left out: people put tokens there.
    quiet = scope["path"] in _QUIET and status < 400
    client = scope.get("client")
    log.log(
        logging.DEBUG if quiet else logging.INFO,
        "request",
        extra={
            "method": scope.get("method", "WEBSOCKET"),
            "path": scope["path"],
            "status": status,
            "duration_ms": round(seconds * 1000, 1),
            "client": client[0] if client else None,
        },
    )
