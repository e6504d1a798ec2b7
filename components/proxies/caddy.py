"""Text for Caddy 2.6 and later: pure functions from plain data to a Caddyfile.

Whatever a person wrote has passed `checks`, where each value that stands in the text is named.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from . import caddy_static, checks
from .static import StaticText

FOLDER = "/etc/caddy/homeport.d"
"""Holds one file per site."""
LOG_FOLDER = "/var/log/caddy"
"""Holds one access log per site."""
DEFAULT_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}
"""Sent unless the app sends its own."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Issuer:
    """Who gives the certificates."""

    directory: str
    """URL of the ACME directory."""
    email: str
    """Where the authority writes to."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RouteText:
    """What happens to requests below one path; exactly one of the four targets is set."""

    path: str
    """`/`, or a prefix of whole path segments such as `/api`."""
    port: int | None = None
    """An app's stable port on the loopback."""
    static: StaticText | None = None
    """A static app."""
    folder: str | None = None
    """A folder of files on the host."""
    upstream: str | None = None
    """The URL of another server."""
    strip_prefix: bool = False
    """Whether the target sees paths without the prefix."""
    single_page: bool = False
    """Whether paths without a file get /index.html."""
    stream: bool = False
    """Whether every byte is passed on at once."""
    timeout_seconds: int = 60
    """Limit until the target begins its answer."""
    allow_from: Sequence[str] = ()
    """Networks that may ask; empty is everybody."""
    public: bool = False
    """Whether it needs no password although the site asks for one."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SiteText:
    """One set of hostnames and what they serve."""

    name: str
    """Names its files: `<system>-<site>`."""
    issuer: Issuer
    """Who gives its certificates."""
    hostnames: Sequence[str]
    """What it answers to; the first is where redirects lead."""
    redirects_from: Sequence[str] = ()
    """Names that redirect to the first hostname."""
    routes: Sequence[RouteText]
    """What it serves, by path."""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Sent with every answer, whatever the app sends."""
    hsts_seconds: int = 0
    """How long browsers refuse plain HTTP."""
    max_body_mib: int = 10
    """Limit of what a request carries."""
    credentials_file: str | None = None
    """Holds the account that may ask; None asks for none."""
    maintenance: str | None = None
    """Answered to everybody else instead of the site."""
    maintenance_allow_from: Sequence[str] = ()
    """Networks that get the site all the same."""


def site(text: SiteText) -> str:
    """Return the file of one site, complete."""
    name = text.hostnames[0]
    blocks = []
    if text.redirects_from:
        blocks.append(
            [
                f"{', '.join(text.redirects_from)} {{",
                *_indent(_tls(text.issuer)),
                f"\tredir https://{name}{{uri}} permanent",
                "}",
            ]
        )
    headers = _headers(text)
    main = [
        *_tls(text.issuer),
        *_log(text.name),
        "encode zstd gzip",
        *headers,
        "request_body {",
        f"\tmax_size {text.max_body_mib}MiB",
        "}",
        # RFC 7239 wants IPv6 addresses in brackets and quotes.
        "map {http.request.remote.host} {forwarded_for} {",
        '\t~: "\\"[{http.request.remote.host}]\\""',
        "\tdefault {http.request.remote.host}",
        "}",
        "route {",
        *_indent(_maintenance(text)),
        *_indent(_routes(text)),
        "}",
        "handle_errors {",
        *_indent(headers),
        # Caddy 2.6 calls it a bad gateway when a request to an app is cut off at the limit.
        '\t@too_large expression `{http.error.message}.contains("request body too large")`',
        '\trespond @too_large "413 Request Entity Too Large" 413',
        '\trespond "{http.error.status_code} {http.error.status_text}"',
        "}",
    ]
    blocks.append([f"{', '.join(text.hostnames)} {{", *_indent(main), "}"])
    head = f"# Site {text.name}, made by Homeport: changes here are lost.\n"
    return head + "\n".join("\n".join(block) + "\n" for block in blocks)


def credentials(username: str, password_hash: str) -> str:
    """Return the line that lets one account in; a file of its own, since the hash is a secret."""
    account = checks.username("basic_auth: username", username)
    return f"{account} {checks.password_hash('basic_auth: hash', password_hash)}\n"


def _tls(issuer: Issuer) -> list[str]:
    return [
        "tls {",
        "\tissuer acme {",
        f"\t\tdir {issuer.directory}",
        f"\t\temail {issuer.email}",
        "\t}",
        "}",
    ]


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


def _headers(text: SiteText) -> list[str]:
    lines = [
        f"?{name} `{value}`"
        for name, value in DEFAULT_HEADERS.items()
        if name.lower() not in {key.lower() for key in text.headers}
    ]
    lines += [f"{name} {checks.quote(name, value)}" for name, value in sorted(text.headers.items())]
    if text.hsts_seconds:
        lines.append(f"Strict-Transport-Security `max-age={text.hsts_seconds}`")
    # Deferred, so that they also replace what the app sends.
    return ["header {", *_indent([*lines, "-Server", "defer"]), "}"]


def _maintenance(text: SiteText) -> list[str]:
    if text.maintenance is None:
        return []
    body = [
        "header Retry-After 300",
        f"respond {checks.quote('maintenance', text.maintenance)} 503",
    ]
    if not text.maintenance_allow_from:
        return ["handle {", *_indent(body), "}"]
    allowed = " ".join(text.maintenance_allow_from)
    return [f"@closed not remote_ip {allowed}", "handle @closed {", *_indent(body), "}"]


def _routes(text: SiteText) -> list[str]:
    """Return the routes, the longest path first: the first that matches is taken."""
    lines: list[str] = []
    for number, route in enumerate(sorted(text.routes, key=lambda r: (-len(r.path), r.path))):
        body = [*_access(route, text.credentials_file, number), *_target(route)]
        matcher = ""
        if route.path != "/":
            matcher = f"@path_{number} "
            lines.append(f"{matcher}path {route.path} {route.path}/*")
        lines += [f"handle {matcher}{{", *_indent(["route {", *_indent(body), "}"]), "}"]
    if not any(route.path == "/" for route in text.routes):
        lines += ["handle {", "\terror 404", "}"]
    return lines


def _access(route: RouteText, credentials_file: str | None, number: int) -> list[str]:
    lines: list[str] = []
    if route.allow_from:
        allowed = " ".join(route.allow_from)
        lines += [f"@elsewhere_{number} not remote_ip {allowed}"]
        lines += [f"error @elsewhere_{number} 403"]
    if credentials_file and not route.public:
        lines += ["basicauth {", f"\timport {credentials_file}", "}"]
    return lines


def _target(route: RouteText) -> list[str]:
    if route.static:
        return caddy_static.served(route.static, route.path)
    strip = [f"uri strip_prefix {route.path}"] if route.strip_prefix else []
    if route.folder:
        fallback = ["try_files {path} /index.html"] if route.single_page else []
        return [*strip, f"root * {route.folder}", *fallback, "file_server"]
    to = f"127.0.0.1:{route.port}" if route.port else str(route.upstream)
    outside = [] if route.port else ["header_up Host {http.reverse_proxy.upstream.hostport}"]
    proxy = [
        *outside,
        "header_up X-Real-IP {http.request.remote.host}",
        'header_up Forwarded "for={forwarded_for};host={http.request.host};'
        'proto={http.request.scheme}"',
        *(["flush_interval -1"] if route.stream else []),
        # An app that is just restarting is waited for; nothing but a GET is ever sent twice.
        "lb_try_duration 5s",
        "lb_try_interval 100ms",
        "transport http {",
        # A kept connection would stay with the release that it was opened to.
        "\tkeepalive off",
        "\tdial_timeout 3s",
        f"\tresponse_header_timeout {route.timeout_seconds}s",
        "}",
    ]
    return [*strip, f"reverse_proxy {to} {{", *_indent(proxy), "}"]


def _indent(lines: Sequence[str]) -> list[str]:
    return [f"\t{line}" for line in lines]
