"""How an instance is served: events at the port for events, everything else at the other."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pulumi

from components.app import App
from components.reverse_proxy import ReverseProxy
from components.site import Site, SiteArgs
from components.site_routes import PathRoute
from components.site_tls import Tls

if TYPE_CHECKING:
    from . import config

EVENTS = ("/websocket", "/longpolling")
"""What Odoo answers at its gevent port."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SiteNames:
    """What a site answers to."""

    hostnames: Sequence[str]
    """Names, and patterns such as `*.example.com`."""
    redirects_from: Sequence[str] = ()
    """Names that redirect to the first of them."""


def served(
    name: str,
    app: App,
    settings: "config.Site",
    proxy: ReverseProxy,
    names: SiteNames,
    *,
    tls: Tls | None = None,
    opts: pulumi.ResourceOptions | None = None,
) -> Site:
    """Serve an instance."""
    seconds = settings.timeout_seconds
    events = [
        PathRoute(path=path, app=app, side_port="gevent", stream=True, timeout_seconds=seconds)
        for path in EVENTS
    ]
    args = SiteArgs(
        proxy=proxy,
        hostnames=names.hostnames,
        routes=[PathRoute(app=app, timeout_seconds=seconds), *events],
        redirects_from=names.redirects_from,
        tls=tls,
        hsts_seconds=settings.hsts_seconds,
        max_body_mib=settings.max_body_mib,
        # Asked at the domain itself too, where no tenant is.
        check_path="/web/health",
    )
    return Site(name, args, opts)
