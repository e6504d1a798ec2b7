"""nginx 1.22 and later: pure functions from a site as plain data to its server blocks.

Whatever a person wrote has passed `checks`, where each value that stands in the text is named.
What all sites have in common stands in `assets/nginx`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..remote import FOLDER as HOMEPORT
from ..remote import Argv, File
from ..site_settings import SiteSettings
from ..site_tls import Acme, InternalAuthority, ProvidedCertificate
from ..tools import ASSETS
from . import certificates, checks, nginx_static, standin
from . import nginx_access as access
from . import nginx_locations as locations
from .nginx_locations import indent, quote
from .proxy import DEFAULT_HEADERS, SitePlan

SERVICE = "nginx"
FOLDER = "/etc/nginx/homeport.d"
SUFFIX = ".conf"
GROUP = "www-data"
KEY_GROUP = "root"
# It looks at the password with every request, and nothing else happens in that process meanwhile.
BCRYPT_COST = 5
CONFIGURATION = "/etc/nginx/nginx.conf"
SITES = "/etc/nginx/sites-enabled/"
FACTS = f"{standin.FOLDER}/nginx-facts"
COPY = f"{standin.FOLDER}/nginx-copy"
LOG_FOLDER = "/var/log/nginx"
"""Holds one access log per site; the package rotates it."""
CHECK: Sequence[Argv] = ((FACTS,), ("nginx", "-t", "-q"))
RELOAD: Argv = standin.reload(SERVICE, "/run/homeport-nginx")
UPGRADED: Sequence[str] = ("nginx",)
STANDIN: Mapping[str, Any] = standin.about(
    SERVICE, "/run/homeport-nginx", ("nginx", "-s", "reload")
)
_LONGEST_HASHED_NAME = 40


def guard() -> Mapping[str, Any]:
    """Return what makes a host unusable: a configuration that does not read our file; ports."""
    about = {"configuration": CONFIGURATION, "includes": SITES}
    return {**about, "command": SERVICE, "package": "nginx-common", "ports": [80, 443]}


def installation(system: str, *, made: bool) -> Mapping[str, Any]:
    """Return what is beside the host's other sites, and the renewal of this stack's certificates.

    Its main file, with room for more visitors, is ours only on a host that the stack made.
    The sites' file sorts last, so that a site of somebody else goes on answering for all names that
    nobody has.
    """
    ours = {
        FACTS: "facts.sh",
        COPY: "copy.py",
        "/etc/systemd/system/nginx.service.d/homeport.conf": "unit.conf",
        "/etc/nginx/modules-enabled/99-homeport.conf": "main.conf",
        f"{SITES}zz-homeport": "sites.conf",
        f"{FOLDER}/site.inc": "site.inc",
        **({CONFIGURATION: "nginx.conf"} if made else {}),
    }
    texts = {path: (ASSETS / "nginx" / name).read_text() for path, name in ours.items()}
    files = [
        File(path=path, content=text, mode=0o755 if path in (FACTS, COPY) else 0o644)
        for path, text in {**texts, **nginx_static.files()}.items()
    ]
    return {
        "packages": ["nginx", "certbot"],
        "hold": list(UPGRADED),
        "directories": [
            {"path": "/etc/systemd/system/nginx.service.d"},
            {"path": standin.FOLDER},
            {"path": FOLDER, "mode": "0750", "group": GROUP},
            {"path": certificates.CHALLENGES},
        ],
        "files": [*files, *standin.files(STANDIN), *certificates.renewal(system)],
        "gone_if_alone": {
            "path": f"{SITES}default",
            "package": "nginx-common",
            "folders": [SITES, "/etc/nginx/conf.d"],
        },
        "units_enabled": ["nginx.service", certificates.timer(system)],
        "units_shared": ["nginx.service"],
        "units_helping": [standin.RETURN],
    }


def refuse(plan: SitePlan) -> None:
    """Refuse what nginx does not have: certificates on demand or of its own."""
    caddy = 'take ReverseProxyArgs(kind="caddy")'
    if plan.on_demand:
        msg = (
            f"site {plan.name}: tls: on_demand: nginx gets no certificates while visitors wait; "
            f"set challenge and hostnames such as *.example.com, or {caddy}"
        )
        raise ValueError(msg)
    if isinstance(plan.tls, InternalAuthority):
        msg = (
            f"site {plan.name}: tls: nginx has no internal authority; give the certificate with "
            'ProvidedCertificate, or take ReverseProxyArgs(kind="caddy")'
        )
        raise ValueError(msg)  # noqa: TRY004 - the type is right, the proxy is not


def credentials(username: str, password_hash: str) -> str:
    """Return the line that lets one account in; a file of its own, since the hash is a secret."""
    account = checks.username("basic_auth: username", username)
    return f"{account}:{checks.password_hash('basic_auth: hash', password_hash)}\n"


def before_certificate(plan: SitePlan) -> str | None:
    """Return the file by which an authority is answered, before the site's own can be there."""
    if not isinstance(plan.tls, Acme) or plan.tls.challenge:
        return None
    return _head(plan) + _text(_plain_http(plan))


def site(plan: SitePlan) -> str:
    """Return the file of one site; where an authority was answered, plain HTTP is there before."""
    settings = plan.settings
    main = [
        *_names(settings.hostnames),
        f"include {FOLDER}/site.inc;",
        *_certificate(plan),
        f"access_log {LOG_FOLDER}/{plan.own}.access.log homeport;",
        f"gzip {'on' if settings.compress else 'off'};",
        f"client_max_body_size {settings.max_body_mib}m;",
        *access.client_address(settings),
        *_headers(settings),
        *access.maintenance(plan),
        *_password(plan),
        *locations.routes(plan),
    ]
    plain = [] if before_certificate(plan) else _plain_http(plan)
    text = _head(plan) + _text([*plain, *locations.zones(plan), *access.closed(plan)])
    if settings.redirects_from:
        redirect = [
            *_names(settings.redirects_from),
            f"include {FOLDER}/site.inc;",
            *_certificate(plan),
            "access_log off;",
            f"return 301 https://{settings.hostnames[0]}$request_uri;",
        ]
        text += _text(["server {", *indent(redirect), "}"])
    return text + _text(["server {", *indent(main), "}"])


def beside(plan: SitePlan) -> Mapping[str, str]:  # noqa: ARG001 - other proxies need it
    """Return nothing: one file is enough."""
    return {}


def check(plan: SitePlan) -> Sequence[Argv]:  # noqa: ARG001 - other proxies need it
    """Return what every site is checked by."""
    return CHECK


def _plain_http(plan: SitePlan) -> list[str]:
    """Return the server block in which challenges are answered, and all else leads to HTTPS."""
    server = [
        "include /run/homeport-nginx/http.conf;",
        *_names(plan.settings.names),
        "server_tokens off;",
        "access_log off;",
        "location ^~ /.well-known/acme-challenge/ {",
        f"\troot {certificates.CHALLENGES};",
        "\tdefault_type text/plain;",
        "\ttry_files $uri =404;",
        "}",
        "location / {",
        "\treturn 308 https://$host$request_uri;",
        "}",
    ]
    return ["server {", *indent(server), "}"]


def _head(plan: SitePlan) -> str:
    return f"# Site {plan.own}, made by Homeport: changes here are lost.\n"


def _names(hostnames: Sequence[str]) -> list[str]:
    """Return the names; long ones as expressions, since the host's table may be too narrow."""

    def shown(name: str) -> str:
        if name.startswith("*."):
            # What nginx itself writes so would also be names two levels below.
            return f"~^[^.]+{re.escape(name[1:])}$"
        return name if len(name) <= _LONGEST_HASHED_NAME else f"~^{re.escape(name)}$"

    return [f"server_name {' '.join(shown(name) for name in hostnames)};"]


def _certificate(plan: SitePlan) -> list[str]:
    if isinstance(plan.tls, ProvidedCertificate):
        base = f"{FOLDER}/{plan.own_certificate(plan.tls)}"
        files = (f"{base}.crt", f"{base}.key")
    else:
        files = certificates.files(f"{HOMEPORT}/{plan.system}", plan.name)
    return [f"ssl_certificate {files[0]};", f"ssl_certificate_key {files[1]};"]


def _headers(settings: SiteSettings) -> list[str]:
    """Return what every answer gets; no location has headers of its own, or it would lose these."""
    own = {name.lower() for name in settings.headers}
    lines = [
        f"add_header {name} $homeport_{name.lower().replace('-', '_')} always;"
        for name in DEFAULT_HEADERS
        if name.lower() not in own
    ]
    sent = {name: quote(name, value) for name, value in sorted(settings.headers.items())}
    if settings.hsts_seconds:
        sent["Strict-Transport-Security"] = f'"max-age={settings.hsts_seconds}"'
    for name, value in sent.items():
        lines += [f"proxy_hide_header {name};", f"add_header {name} {value} always;"]
    if any(route.static for route in settings.routes):
        asked = {k: v for k, v in nginx_static.HEADERS.items() if k.lower() not in own}
        lines += [f"add_header {name} {value} always;" for name, value in asked.items()]
    return lines


def _password(plan: SitePlan) -> list[str]:
    if not plan.settings.basic_auth:
        return []
    return ["auth_basic restricted;", f"auth_basic_user_file {FOLDER}/{plan.own}.auth;"]


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
