"""The application: all routes, errors, and what happens at start and stop."""

import asyncio
import contextlib
import functools
import logging
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import version
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from homeport.cloud.api import (
    catalogue_routes,
    control,
    firewalls,
    load_balancer_actions,
    load_balancers,
    networks,
    placement_groups,
    primary_ips,
    rrset_routes,
    rrsets,
    server_actions,
    server_jobs,
    servers,
    ssh_keys,
    storage_boxes,
    volumes,
    zones,
)
from homeport.cloud.api.cloud import Cloud
from homeport.cloud.api.errors import ApiError
from homeport.cloud.api.gate import Gate, respond
from homeport.cloud.api.routing import Routes, action_routes
from homeport.cloud.contract import Machinery

log = logging.getLogger("homeport.cloud.api")

TOKEN_LENGTH = 64
REQUESTS_PER_HOUR = 360_000

_all_actions = Routes("")
action_routes(_all_actions, None)

_ROUTES = (
    _all_actions,
    *catalogue_routes.ROUTES,
    ssh_keys.routes,
    primary_ips.routes,
    firewalls.routes,
    networks.routes,
    volumes.routes,
    servers.routes,
    server_actions.routes,
    placement_groups.routes,
    zones.routes,
    rrset_routes.routes,
    load_balancers.routes,
    load_balancer_actions.routes,
    storage_boxes.routes,
)


def create_app(
    state: Path,
    machinery: Machinery,
    token: str,
    *,
    limits: Mapping[str, int] | None = None,
    requests_per_hour: int = REQUESTS_PER_HOUR,
) -> Starlette:
    """Return the stand-in for the vendor's API, serving `/v1` for one project.

    The work behind actions begins with the application's lifespan: what was running when the last
    process ended runs again, and firewalls, zones and load balancers are handed to the machinery.

    Args:
        state: The SQLite file; made when it is not there.
        machinery: What makes things real.
        token: The one token that is accepted, 64 characters.
        limits: How many of a kind (`server`, `volume`, …) the project may have, where not default.
        requests_per_hour: Beyond this, requests get `rate_limit_exceeded`.

    Returns:
        The application. `app.state.power_changed(server_id, running=…)` tells it about a machine
        that was switched on or off from within.

    Raises:
        ValueError: When the token has another length.
    """
    if len(token) != TOKEN_LENGTH:
        msg = f"the token must have {TOKEN_LENGTH} characters, as the vendor's have"
        raise ValueError(msg)
    cloud = Cloud(state, machinery, limits or {})

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await asyncio.to_thread(_begin, cloud)
        try:
            yield
        finally:
            await asyncio.to_thread(cloud.close)

    routes = [Route("/", _index)]
    for found in _ROUTES:
        routes += found.starlette(cloud, "/v1")
    routes += control.routes.starlette(cloud, "")
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[
            Middleware(Gate, cloud=cloud, token=token, per_hour=requests_per_hour),
        ],
        exception_handlers={ApiError: _on_api_error, HTTPException: _on_http_error, 500: _on_crash},
    )
    app.state.cloud = cloud
    app.state.power_changed = functools.partial(server_jobs.power_changed, cloud)
    return app


def _begin(cloud: Cloud) -> None:
    resumed = cloud.actions.resume()
    if resumed:
        log.info("resumed %d actions", resumed)
    with cloud.store.transaction():
        for server in cloud.store.all("server"):
            firewalls.start_enforcing(cloud, "apply_firewall", server["id"])
        for zone in cloud.store.all("zone"):
            rrsets.start_serving(cloud, "update_zone", zone)
        for balancer in cloud.store.all("load_balancer"):
            load_balancers.start_applying(cloud, "apply_load_balancer", balancer)


async def _index(_request: Request) -> Response:
    text = (
        f"Homeport {version('homeport')}: local stand-in for the Hetzner Cloud API.\n"
        "This is not Hetzner, and nothing here costs or reaches anything outside this machine.\n"
        "API: /v1 (bearer token). Faults and request log: /control/faults, /control/requests.\n"
    )
    return PlainTextResponse(text)


async def _on_api_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101  (registered for this class)
    return respond(error)


async def _on_http_error(request: Request, error: Exception) -> Response:
    code = getattr(error, "status_code", 404)
    if code == 405:
        msg = f"{request.method} is not possible on {request.url.path}"
        return respond(ApiError("method_not_allowed", msg))
    return respond(ApiError("not_found", f"there is nothing at {request.url.path}"))


async def _on_crash(request: Request, error: Exception) -> Response:
    log.error("%s %s broke", request.method, request.url.path, exc_info=error)
    msg = f"unexpected {type(error).__name__}; see the server's log"
    return respond(ApiError("server_error", msg))
