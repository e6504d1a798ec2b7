"""What a deploy asks: is the process alive, can it serve, which release is it."""

import hmac
import time
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ledger import __version__, redis

if TYPE_CHECKING:
    from ledger.app import Services

NO_STORE = {"cache-control": "no-store"}


def services_of(request: Request) -> "Services":
    """Finds what the app put aside for its handlers."""
    services: Services = request.app.state.services
    return services


def refusal(request: Request, header: str, secret: str) -> JSONResponse | None:
    """Says no to who does not show a secret in a header, or where there is none to be shown."""
    if not secret:
        return JSONResponse({"status": "unknown"}, 404, headers=NO_STORE)
    if not hmac.compare_digest(request.headers.get(header, "").encode(), secret.encode()):
        return JSONResponse({"status": "refused"}, 401, headers=NO_STORE)
    return None


async def healthz(request: Request) -> JSONResponse:
    """Answers 200 when a user could be served, otherwise 503 with the reason, within 2 s."""
    services = services_of(request)
    reason = services.settings.fail_mode.health_reason(time.monotonic() - services.started)
    if reason is None and services.drain.started:
        reason = "draining"
    if reason is None:
        reason = await services.database.problem()
    release = services.settings.release
    if reason is None:
        return JSONResponse({"status": "ok", "release": release}, headers=NO_STORE)
    body = {"status": "unhealthy", "release": release, "reason": reason}
    return JSONResponse(body, 503, headers=NO_STORE)


async def livez(_request: Request) -> JSONResponse:
    """Answers 200 as long as the process answers at all; the database plays no part."""
    return JSONResponse({"status": "ok"}, headers=NO_STORE)


async def health(request: Request) -> JSONResponse:
    """Tells whoever shows the secret how each service is that the app depends on.

    200 when all are well, otherwise 503; 401 without the secret, 404 where none is set.
    """
    services = services_of(request)
    settings = services.settings
    refused = refusal(request, "x-health-secret", settings.health_secret)
    if refused:
        return refused
    found = {"db": await services.database.problem() or "ok"}
    if settings.redis_host:
        asked = (settings.redis_host, settings.redis_port, settings.redis_password)
        found["redis"] = await redis.problem(*asked) or "ok"
    well = set(found.values()) == {"ok"}
    body = {"status": "ok" if well else "unhealthy", "release": settings.release, **found}
    return JSONResponse(body, 200 if well else 503, headers=NO_STORE)


async def version(request: Request) -> JSONResponse:
    """Says what runs here."""
    services = services_of(request)
    return JSONResponse(
        {
            "release": services.settings.release,
            "version": __version__,
            "schema": services.settings.schema_head,
            "host": services.host_name,
            "instance": services.instance,
            "uptime_seconds": round(time.monotonic() - services.started, 3),
            "draining": services.drain.started,
        },
        headers=NO_STORE,
    )


routes = [
    Route("/healthz", healthz),
    Route("/livez", livez),
    Route("/api/health", health),
    Route("/api/version", version),
]
