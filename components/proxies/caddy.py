"""Caddy 2.6 and later: pure functions from a site as plain data to a Caddyfile.

Whatever a person wrote has passed `checks`, where each value that stands in the text is named.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ..remote import Argv, File
from ..site_settings import SiteSettings
from ..site_tls import Acme, InternalAuthority
from ..tools import ASSETS
from . import caddy_routes as routes
from . import checks, standin
from .caddy_routes import indent
from .proxy import DEFAULT_HEADERS, SitePlan

SERVICE = "caddy"
FOLDER = routes.FOLDER
SUFFIX = ".caddy"
GROUP = "caddy"
KEY_GROUP = "caddy"
# It remembers passwords that it has seen.
BCRYPT_COST = 12
CONFIGURATION = "/etc/caddy/Caddyfile"
LOG_FOLDER = "/var/log/caddy"
"""Holds one access log per site."""
CHECK: Sequence[Argv] = (
    (
        # As Caddy's own account: whoever validates makes the log files.
        *("runuser", "-u", "caddy", "--", "env", "HOME=/var/lib/caddy"),
        *("caddy", "validate", "--config", CONFIGURATION, "--adapter", "caddyfile"),
    ),
)
_ONE_ENDPOINT: Argv = ("sh", "-c", (ASSETS / "caddy" / "endpoint.sh").read_text())
RELOAD: Argv = standin.reload(SERVICE, "/run/caddy/admin.sock")
UPGRADED: Sequence[str] = ("caddy",)
STANDIN: Mapping[str, Any] = standin.about(
    SERVICE,
    "/run/caddy",
    ("caddy", "reload", "--force", "--config", CONFIGURATION, "--adapter", "caddyfile"),
)


def guard() -> Mapping[str, Any]:
    """Return what makes a host somebody else's: its Caddyfile, and both ports."""
    return {"configuration": CONFIGURATION, "command": SERVICE, "ports": [80, 443]}


def installation(system: str, *, made: bool) -> Mapping[str, Any]:  # noqa: ARG001 - others need it
    """Return what does not depend on the stack, so that several on one host share it."""
    return {
        "packages": ["caddy"],
        "hold": list(UPGRADED),
        "directories": [
            {"path": "/etc/systemd/system/caddy.service.d"},
            {"path": standin.FOLDER},
            {"path": FOLDER, "mode": "0750", "group": GROUP},
        ],
        "files": [
            File(
                path="/etc/systemd/system/caddy.service.d/homeport.conf",
                content=(ASSETS / "caddy" / "unit.conf").read_text(),
            ),
            File(path=CONFIGURATION, content=(ASSETS / "caddy" / "Caddyfile").read_text()),
            *standin.files(STANDIN),
        ],
        "units_enabled": ["caddy.service"],
        "units_helping": [standin.RETURN],
    }


def refuse(plan: SitePlan) -> None:
    """Refuse rate limits, which need a module that the distribution's Caddy does not have."""
    for route in plan.settings.routes:
        if route.rate_limit:
            msg = (
                f"site {plan.name}: route {route.path}: rate_limit: the distribution's Caddy has "
                'none; leave it out, or take ReverseProxyArgs(kind="nginx")'
            )
            raise ValueError(msg)


def before_certificate(plan: SitePlan) -> None:
    """Return nothing: Caddy asks authorities itself."""


def site(plan: SitePlan) -> str:
    """Return the file of one site, complete."""
    settings = plan.settings
    name = settings.hostnames[0]
    blocks = []
    if settings.redirects_from:
        redirect = [*_tls(plan), f"redir https://{name}{{uri}} permanent"]
        blocks.append(_block(settings.redirects_from, redirect))
    headers = _headers(settings)
    client = routes.client(settings)
    main = [
        "import homeport_leaving",
        *_log(plan.own),
        *(["encode zstd gzip"] if settings.compress else []),
        *headers,
        "request_body {",
        f"\tmax_size {settings.max_body_mib}MiB",
        "}",
        # RFC 7239 wants IPv6 addresses in brackets and quotes.
        f"map {client} {{forwarded_for}} {{",
        f'\t~: "\\"[{client}]\\""',
        f"\tdefault {client}",
        "}",
        "route {",
        *indent(_client_address(settings)),
        *indent(_maintenance(settings)),
        *indent(routes.routes(plan)),
        "}",
        "handle_errors {",
        *indent(headers),
        # Caddy 2.6 calls it a bad gateway when a request to an app is cut off at the limit.
        '\t@too_large expression `{http.error.message}.contains("request body too large")`',
        '\trespond @too_large "413 Request Entity Too Large" 413',
        '\trespond "{http.error.status_code} {http.error.status_text}"',
        "}",
    ]
    blocks += _served(plan, main)
    head = f"# Site {plan.own}, made by Homeport: changes here are lost.\n"
    return head + "\n".join("\n".join(block) + "\n" for block in blocks)


def beside(plan: SitePlan) -> Mapping[str, str]:
    """Return what goes into the main file where some names are known only when they are asked for.

    One name is the same for all: the endpoint. The other is of the site for every name, whose plain
    HTTP leads to HTTPS.
    """
    if not plan.on_demand:
        return {}
    files = {".global": f"on_demand_tls {{\n\task {plan.on_demand.ask}\n}}\n"}
    if "*" in plan.settings.hostnames:
        files[".http"] = "redir https://{host}{uri} 308\n"
    return files


def check(plan: SitePlan) -> Sequence[Argv]:
    """Return CHECK, and with certificates on demand whether all stacks name the same endpoint."""
    return [_ONE_ENDPOINT, *CHECK] if plan.on_demand else CHECK


def credentials(username: str, password_hash: str) -> str:
    """Return the line that lets one account in; a file of its own, since the hash is a secret."""
    account = checks.username("basic_auth: username", username)
    return f"{account} {checks.password_hash('basic_auth: hash', password_hash)}\n"


def _served(plan: SitePlan, main: Sequence[str]) -> list[list[str]]:
    """Return the blocks of what the site serves: those names that are known, and those on demand.

    The known ones get their certificates at once, and nobody is asked about them.
    """
    settings = plan.settings
    if not plan.on_demand:
        return [_block(settings.hostnames, [*_tls(plan), *main])]
    known = [name for name in settings.hostnames if not name.startswith("*")]
    # Each in a block of its own: beside another name, `https://` would not be on demand.
    asked = ["https://" if n == "*" else n for n in settings.hostnames if n not in known]
    shared = [f"import {plan.own}"]
    return [
        _block([f"({plan.own})"], main),
        _block(known, [*_tls(plan), *shared]),
        *(_block([name], [*_tls(plan, "on_demand"), *shared]) for name in asked),
    ]


def _block(names: Sequence[str], lines: Sequence[str]) -> list[str]:
    return [f"{', '.join(names)} {{", *indent(lines), "}"]


def _tls(plan: SitePlan, *more: str) -> list[str]:
    if isinstance(plan.tls, InternalAuthority):
        return ["tls internal"]
    if isinstance(plan.tls, Acme) and plan.tls.challenge:
        file = f"{FOLDER}/{plan.own}.pem"
        return [f"tls {file} {file}"]
    if isinstance(plan.tls, Acme):
        issuer = [f"\t\tdir {plan.tls.directory}", f"\t\temail {plan.tls.email}"]
        return ["tls {", *indent(more), "\tissuer acme {", *issuer, "\t}", "}"]
    base = f"{FOLDER}/{plan.own_certificate(plan.tls)}"
    return [f"tls {base}.crt {base}.key"]


def _log(name: str) -> list[str]:
    return [
        "log {",
        f"\toutput file {LOG_FOLDER}/{name}.log {{",
        "\t\troll_size 20MiB",
        "\t\troll_keep 5",
        "\t\troll_keep_for 336h",
        "\t}",
        "\tformat json",
        "}",
    ]


def _headers(settings: SiteSettings) -> list[str]:
    own = {name.lower() for name in settings.headers}
    # A directive for each: together they would be sent only if the app sends none of them.
    defaults = [f"header ?{k} `{v}`" for k, v in DEFAULT_HEADERS.items() if k.lower() not in own]
    lines = [f"{k} `{checks.text(k, v)}`" for k, v in sorted(settings.headers.items())]
    if settings.hsts_seconds:
        lines.append(f"Strict-Transport-Security `max-age={settings.hsts_seconds}`")
    # Deferred, so that they also replace what the app sends.
    return [*defaults, "header {", *indent([*lines, "-Server", "defer"]), "}"]


def _client_address(settings: SiteSettings) -> list[str]:
    """Return what finds out the client's address; `remote_ip forwarded` reads it afterwards."""
    given = settings.client_address
    if not given:
        return []
    last = r"(?:^|,)\s*([0-9A-Fa-f.:]+)\s*$"
    return [
        "@cdn {",
        f"\tremote_ip {' '.join(given.networks)}",
        f"\theader_regexp client {given.header} `{last}`",
        "}",
        "vars client {http.request.remote.host}",
        "vars @cdn client {http.regexp.client.1}",
        "request_header X-Forwarded-For {http.vars.client}",
    ]


def _maintenance(settings: SiteSettings) -> list[str]:
    closed = settings.maintenance
    if closed is None:
        return []
    text = checks.text("maintenance: text", closed.text)
    body = ["header Retry-After 300", f"respond `{text}` 503"]
    if not closed.networks:
        return ["handle {", *indent(body), "}"]
    matcher = f"@closed not {routes.of_networks(settings, closed.networks)}"
    return [matcher, "handle @closed {", *indent(body), "}"]
