"""The part of a site's Caddyfile that says what each path leads to, and who may ask."""

from collections.abc import Sequence

from ..site_routes import PathRoute
from ..site_settings import SiteSettings
from . import caddy_static
from .proxy import SitePlan

FOLDER = "/etc/caddy/homeport.d"
AT_ONCE = "1ms"
"""After that the bytes of a stream go on. Not -1: with it a reload of Caddy 2.6 ends the requests
under way, and panics when one of them is just connecting to its app."""


def client(settings: SiteSettings) -> str:
    """Return the placeholder of the client's address."""
    return "{http.vars.client}" if settings.client_address else "{http.request.remote.host}"


def of_networks(settings: SiteSettings, networks: Sequence[str]) -> str:
    """Return the matcher of requests from some networks."""
    forwarded = "forwarded " if settings.client_address else ""
    return f"remote_ip {forwarded}{' '.join(networks)}"


def routes(plan: SitePlan) -> list[str]:
    """Return what each path leads to, the longest first; nothing is found elsewhere."""
    lines: list[str] = []
    for number, route in enumerate(plan.settings.routes_by_length):
        body = [*_access(route, plan, number), *_target(route, plan.settings)]
        matcher = ""
        if route.path != "/":
            matcher = f"@path_{number} "
            lines.append(f"{matcher}path {route.path} {route.path}/*")
        lines += [f"handle {matcher}{{", *indent(["route {", *indent(body), "}"]), "}"]
    if not any(route.path == "/" for route in plan.settings.routes):
        lines += ["handle {", "\terror 404", "}"]
    return lines


def _access(route: PathRoute, plan: SitePlan, number: int) -> list[str]:
    lines: list[str] = []
    if route.networks:
        lines += [f"@elsewhere_{number} not {of_networks(plan.settings, route.networks)}"]
        lines += [f"error @elsewhere_{number} 403"]
    if plan.settings.basic_auth and not route.public:
        lines += ["basicauth {", f"\timport {FOLDER}/{plan.own}.auth", "}"]
    return lines


def _target(route: PathRoute, settings: SiteSettings) -> list[str]:
    if route.static:
        return caddy_static.served(route.static, route.path)
    strip = [f"uri strip_prefix {route.path}"] if route.strip_prefix else []
    if route.folder:
        return [*strip, *_folder(route)]
    to = f"127.0.0.1:{route.port}" if route.app else str(route.upstream)
    return [*strip, f"reverse_proxy {to} {{", *indent(_upstream(route, settings)), "}"]


def _folder(route: PathRoute) -> list[str]:
    fallback = ["try_files {path} /index.html"] if route.single_page else []
    return [f"root * {route.folder}", *fallback, "file_server"]


def _upstream(route: PathRoute, settings: SiteSettings) -> list[str]:
    address = client(settings)
    # What a client says of it is dropped.
    prefix = f"X-Forwarded-Prefix {route.path}" if route.strip_prefix else "-X-Forwarded-Prefix"
    return [
        *([] if route.app else ["header_up Host {http.reverse_proxy.upstream.hostport}"]),
        *([f"header_up X-Forwarded-For {address}"] if settings.client_address else []),
        f"header_up X-Real-IP {address}",
        f"header_up {prefix}",
        'header_up Forwarded "for={forwarded_for};host={http.request.host};'
        'proto={http.request.scheme}"',
        *([f"flush_interval {AT_ONCE}"] if route.stream else []),
        # An app that is just restarting is waited for; nothing but a GET is ever sent twice.
        "lb_try_duration 5s",
        "lb_try_interval 100ms",
        "transport http {",
        # A kept connection would stay with the release that it was opened to.
        "\tkeepalive off",
        f"\tdial_timeout {route.connect_seconds}s",
        f"\tresponse_header_timeout {route.timeout_seconds}s",
        f"\tread_timeout {route.timeout_seconds}s",
        "}",
    ]


def indent(lines: Sequence[str]) -> list[str]:
    """Return the lines of a block, as they stand within it."""
    return [f"\t{line}" for line in lines]
