"""What nginx does below each path of a site: its locations."""

import re
from collections.abc import Sequence

from ..site_routes import PathRoute
from . import checks, nginx_static
from .proxy import SitePlan


def _zone(plan: SitePlan, number: int) -> str:
    return f"{plan.own}-{number}"


def zones(plan: SitePlan) -> list[str]:
    """Return the counters of the routes that have a limit; they stand outside of servers."""
    lines = []
    for number, route in enumerate(plan.settings.routes_by_length):
        if route.rate_limit:
            rate = f"{route.rate_limit.requests}r/{route.rate_limit.per[0]}"
            zone = f"zone={_zone(plan, number)}:1m"
            lines.append(f"limit_req_zone $binary_remote_addr {zone} rate={rate};")
    return lines


def routes(plan: SitePlan) -> list[str]:
    """Return the locations, the longest path first: the first expression that matches is taken."""
    lines: list[str] = []
    for number, route in enumerate(plan.settings.routes_by_length):
        limit, access = _limit(route, plan, number), _access(route, plan)
        if route.static:
            missing = f"@missing_{number}"
            served = nginx_static.served(route.static, route.path, missing)
            not_found = nginx_static.not_found(route.static)
            lines += _location(nginx_static.matcher(route.path), [*limit, *access, *served])
            lines += _location(missing, [*access, *not_found])
        else:
            match = "/" if route.path == "/" else f'~* "^{re.escape(route.path)}(?:/|$)"'
            lines += _location(match, [*limit, *access, *_target(route)])
    if not any(route.path == "/" for route in plan.settings.routes):
        lines += _location("/", ["return 404;"])
    return lines


def _location(match: str, body: Sequence[str]) -> list[str]:
    return [f"location {match} {{", *indent(body), "}"]


def _limit(route: PathRoute, plan: SitePlan, number: int) -> list[str]:
    if not route.rate_limit:
        return []
    burst = f" burst={route.rate_limit.burst} nodelay" if route.rate_limit.burst else ""
    return [f"limit_req zone={_zone(plan, number)}{burst};", "limit_req_status 429;"]


def _access(route: PathRoute, plan: SitePlan) -> list[str]:
    lines: list[str] = []
    if route.networks:
        lines += [*(f"allow {network};" for network in route.networks), "deny all;"]
    if plan.settings.basic_auth and route.public:
        lines.append("auth_basic off;")
    return lines


def _target(route: PathRoute) -> list[str]:
    prefix = f"(?i)^{re.escape(route.path)}"
    strip = [f'rewrite "{prefix}/?$" / break;', f'rewrite "{prefix}(/.+)$" $1 break;']
    serve = _folder(route) if route.folder else _upstream(route)
    # A rewrite ends what follows of its kind, so variables are set before.
    variables = [line for line in serve if line.startswith("set ")]
    rest = [line for line in serve if line not in variables]
    if route.strip_prefix and not route.folder:
        variables.append(f'set $homeport_prefix "{route.path}";')
    return [*variables, *(strip if route.strip_prefix else []), *rest]


def _folder(route: PathRoute) -> list[str]:
    # Whatever is found is served from here; a new search among the locations would go astray.
    page = " /index.html" if route.single_page else ""
    return [
        f"root {route.folder};",
        "charset utf-8;",
        f"try_files $uri $uri/index.html{page} =404;",
    ]


def _upstream(route: PathRoute) -> list[str]:
    where = [f"proxy_pass http://127.0.0.1:{route.port};"] if route.app else _outside(route)
    streaming = ["proxy_buffering off;", "proxy_request_buffering off;", "gzip off;"]
    return [
        *where,
        f"proxy_connect_timeout {route.connect_seconds}s;",
        f"proxy_read_timeout {route.timeout_seconds}s;",
        f"proxy_send_timeout {route.timeout_seconds}s;",
        *(streaming if route.stream else []),
    ]


def _outside(route: PathRoute) -> list[str]:
    """Return the way to another server, which is looked up when it is asked and not at the start.

    A name that is gone would keep nginx from starting.
    """
    scheme, _, host = str(route.upstream).partition("://")
    variable = "$homeport_upstream"
    name = host.partition(":")[0]
    return [
        f'set {variable} "{host}";',
        f'set $homeport_host "{host}";',
        f"proxy_ssl_name {name};",
        f"proxy_pass {scheme}://{variable};",
    ]


def indent(lines: Sequence[str]) -> list[str]:
    """Return the lines one level deeper."""
    return [f"\t{line}" for line in lines]


def quote(where: str, value: str) -> str:
    """Return a text in quotes, in which nothing names a variable."""
    escaped = checks.text(where, value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("$", "${homeport_dollar}") + '"'
