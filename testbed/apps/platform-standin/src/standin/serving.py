"""What the services have in common: JSON, a database, figures for Prometheus, a server."""

import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any

import psycopg
import uvicorn
from prometheus_client import Counter, Histogram, exposition
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import settings

if TYPE_CHECKING:
    Pool = AsyncConnectionPool[psycopg.AsyncConnection[tuple[Any, ...]]]
else:
    Pool = AsyncConnectionPool  # Debian's is not generic
RELEASE = os.environ.get("RELEASE", "none").encode()
Lifespan = Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]

SECONDS = Histogram("http_request_duration_seconds", "How long answers took.", ["service"])
ANSWERS = Counter("http_requests", "How many answers there were.", ["service", "status"])


class Figures:
    """Counts and times every answer but that which tells the figures, and says which release."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["path"] == "/metrics":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-release", RELEASE)]
                SECONDS.labels(self._service).observe(time.perf_counter() - begun)
                ANSWERS.labels(self._service, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, counted)


def app(service: str, routes: Sequence[BaseRoute], lifespan: Lifespan | None = None) -> Starlette:
    """Return a service with its figures."""
    return Starlette(
        routes=[Route("/metrics", _metrics), *routes],
        middleware=[Middleware(Figures, service=service)],
        lifespan=lifespan,
    )


def run(made: Starlette) -> None:
    """Serve until SIGTERM; requests under way are finished."""
    port = settings.number("PORT", 8000)
    uvicorn.run(made, host="0.0.0.0", port=port, log_level="info", server_header=False)  # noqa: S104


@contextlib.asynccontextmanager
async def database(name: str) -> AsyncIterator[Pool]:
    """Yield a pool of connections to the database that a variable names."""
    pool: Pool = AsyncConnectionPool(
        settings.text(name), min_size=1, max_size=4, open=False, timeout=5
    )
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()


def error(status: int, message: str, **more: str) -> JSONResponse:
    """Return an answer that says what is wrong."""
    return JSONResponse({"message": message, **more}, status)


async def body(request: Request) -> object:
    """Return what a request holds as JSON; None for what is no JSON."""
    try:
        return await request.json()
    except ValueError:
        return None


async def _metrics(_: Request) -> Response:
    return Response(exposition.generate_latest(), media_type="text/plain; version=0.0.4")
