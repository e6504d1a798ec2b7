"""Stands in for Postal: takes mail by SMTP and by its API, keeps and shows it; sends nothing."""

import contextlib
import email
import email.policy
import hmac
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import serving, settings

KEPT = 200


class Box:
    """The newest messages."""

    def __init__(self) -> None:
        self.messages: deque[dict[str, Any]] = deque(maxlen=KEPT)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep a message that came by SMTP."""
        parsed = email.message_from_bytes(
            envelope.original_content or b"", policy=email.policy.default
        )
        text = parsed.get_body(("plain",))
        self.messages.append(
            {
                "from": envelope.mail_from,
                "to": list(envelope.rcpt_tos),
                "subject": str(parsed.get("Subject", "")),
                "text": text.get_content() if text else "",
            }
        )
        return "250 Message accepted for delivery"


def serve() -> None:
    """Serve until SIGTERM."""
    serving.run(app())


def app() -> Starlette:
    """Return the service.

    Raises:
        SettingsError: a variable is missing or wrong.
    """
    key = settings.secret("POSTAL_API_KEY", shortest=20)
    port = settings.number("SMTP_PORT", 2525)
    box = Box()

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        controller = Controller(box, hostname="0.0.0.0", port=port)  # noqa: S104 - in a container
        controller.start()
        try:
            yield
        finally:
            controller.stop()

    def known(request: Request) -> bool:
        shown = request.headers.get("x-server-api-key", "")
        return hmac.compare_digest(shown.encode(), key.encode())

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def messages(request: Request) -> Response:
        if not known(request):
            return serving.error(401, "X-Server-API-Key is missing or wrong")
        to = request.query_params.get("to")
        return JSONResponse([each for each in box.messages if to is None or to in each["to"]])

    async def send(request: Request) -> Response:
        given = await serving.body(request)
        if not known(request):
            return serving.error(401, "X-Server-API-Key is missing or wrong")
        if not isinstance(given, dict) or not given.get("to"):
            return serving.error(422, "needs to, from, subject and plain_body")
        box.messages.append(
            {
                "from": str(given.get("from", "")),
                "to": [str(to) for to in given["to"]],
                "subject": str(given.get("subject", "")),
                "text": str(given.get("plain_body", "")),
            }
        )
        return JSONResponse({"status": "success"})

    routes = [
        Route("/health", health),
        Route("/messages", messages),
        Route("/api/v1/send/message", send, methods=["POST"]),
    ]
    return serving.app("mail", routes, lifespan)
