"""The app: its routes, its errors, and what lives as long as the process does."""

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from ledger import api, intake, login, pages, probes, streams
from ledger.database import Database, Unavailable
from ledger.drain import Drain
from ledger.middleware import Envelope
from ledger.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """What the handlers work with; found at `request.app.state.services`."""

    settings: Settings
    database: Database
    drain: Drain
    host_name: str = field(default_factory=socket.gethostname)
    started: float = field(default_factory=time.monotonic)

    @property
    def instance(self) -> str:
        """Names this process among all that may serve the same release."""
        return f"{self.host_name}:{os.getpid()}"


def create_app(settings: Settings, drain: Drain) -> ASGIApp:
    """Makes the app; the database is opened when the server starts, not here."""
    services = Services(settings, Database(settings.conninfo, settings.schema_head), drain)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        crash = asyncio.create_task(settings.fail_mode.crash_when_due())
        await services.database.open()
        try:
            yield
        finally:
            crash.cancel()
            await services.database.close()

    app = Starlette(
        routes=[
            *probes.routes,
            *pages.routes,
            *login.routes(settings),
            *api.routes,
            *intake.routes,
            *streams.routes,
        ],
        middleware=login.sessions(settings),
        lifespan=lifespan,
        exception_handlers={
            HTTPException: _http_error,
            Exception: _server_error,
            **dict.fromkeys(Unavailable, _unavailable),
        },
    )
    app.state.services = services
    return Envelope(app, release=settings.release, instance=services.instance, drain=drain)


def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
    return api.problem(error.status_code, code, error.detail, headers=error.headers)


def _unavailable(_request: Request, error: Exception) -> Response:
    log.error("database unavailable", extra={"error": str(error)})
    return api.problem(
        503, "database_unavailable", "the database cannot be reached", headers={"retry-after": "2"}
    )


def _server_error(_request: Request, _error: Exception) -> JSONResponse:
    return api.problem(500, "internal", "something broke here; the log has it by the request id")
