"""What the proxies are told: whole files compared with golden ones, the same sites for each."""

import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from components.dns_challenge import HetznerDns
from components.proxies import caddy, nginx
from components.proxies.choice import chosen
from components.proxies.proxy import Kind, SitePlan
from components.proxies.static import FILE_ENDINGS
from components.secrets import Secret
from components.site_access import BasicAuth, ClientAddress, Maintenance
from components.site_headers import content_security_policy
from components.site_routes import Listens, PathRoute, RateLimit, Static
from components.site_settings import SiteSettings
from components.site_tls import Acme, InternalAuthority, OnDemand, ProvidedCertificate

GOLDEN = Path(__file__).parent / "golden"
KINDS: tuple[Kind, ...] = ("caddy", "nginx")
AUTHORITY = Acme(directory="https://acme.example.com/directory", email="ops@example.com")


def secret(value: str) -> Secret:
    return Secret(value=pulumi.Output.from_input(value), version="1")


def app(port: int) -> Listens:
    return SimpleNamespace(port=port)


def static(name: str, *, single_page: bool = False) -> Static:
    return SimpleNamespace(folder=f"/srv/{name}", live=f"/srv/{name}/live", single_page=single_page)


def plan(*, system: str = "shop-staging", tls: Any = AUTHORITY, **settings: Any) -> SitePlan:
    filled = {"hostnames": ["shop.example.com"], "routes": [PathRoute(app=app(10001))], **settings}
    return SitePlan(system=system, name="web", settings=SiteSettings(**filled, tls=tls), tls=tls)


SITES = {
    "smallest": plan(),
    "everything": plan(
        system="shop-production",
        hostnames=["shop.example.com", "shop.example.org"],
        redirects_from=["www.example.com", "www.example.org"],
        routes=[
            PathRoute(app=app(10001)),
            PathRoute(
                path="/api",
                app=app(10002),
                stream=True,
                connect_seconds=10,
                timeout_seconds=300,
                public=True,
            ),
            PathRoute(path="/api/v2", app=app(10003), strip_prefix=True),
            PathRoute(path="/admin", app=app(10001), allow_from=["192.0.2.0/24", "2001:db8::/32"]),
            PathRoute(path="/files", folder="/srv/files", strip_prefix=True),
            PathRoute(path="/partner", upstream="https://api.example.net:8443"),
        ],
        headers={
            "Content-Security-Policy": content_security_policy(default=["self"]),
            "x-frame-options": "DENY",
        },
        hsts_seconds=31_536_000,
        max_body_mib=64,
        basic_auth=BasicAuth(username="ops", password=secret("x")),
    ),
    "closed": plan(
        routes=[PathRoute(folder="/srv/www", single_page=True)],
        maintenance=Maintenance(text="We are back at 5 o'clock."),
    ),
    "closed-but-to-some": plan(
        routes=[PathRoute(path="/app", app=app(10001))],
        maintenance=Maintenance(text='Closed: "$5" \\ only.', allow_from=["192.0.2.7"]),
        compress=False,
    ),
    "behind-a-cdn": plan(
        routes=[PathRoute(app=app(10001), allow_from=["198.51.100.0/24"])],
        client_address=ClientAddress(
            trusted_networks=["203.0.113.0/24", "2001:db8:1::/48"], header="CF-Connecting-IP"
        ),
        maintenance=Maintenance(text="Closed.", allow_from=["198.51.100.7"]),
    ),
    "with-a-certificate-of-its-own": plan(
        tls=ProvidedCertificate(name="own", certificate="PEM", key=secret("PEM"))
    ),
    "static": plan(
        routes=[
            PathRoute(static=static("shop", single_page=True)),
            PathRoute(path="/docs", static=static("docs"), strip_prefix=True),
        ]
    ),
}
HETZNER = HetznerDns(zone="example.com", token=secret("x"))
SITES["with-all-names-below-one"] = plan(
    hostnames=["example.com", "*.example.com"],
    redirects_from=["*.old.example.com"],
    tls=dataclasses.replace(AUTHORITY, challenge=HETZNER),
)
ASK = OnDemand(app=app(10004), path="/domains/allowed")
ONLY: dict[Kind, dict[str, SitePlan]] = {
    "caddy": {
        "internal": plan(tls=InternalAuthority()),
        "on-demand": plan(
            hostnames=["shop.example.com", "*.shop.example.com", "*"],
            redirects_from=["www.example.com"],
            tls=dataclasses.replace(AUTHORITY, on_demand=ASK),
        ),
    },
    "nginx": {
        "limited": plan(
            hostnames=["a-name-that-is-longer-than-the-tables-of-names.shop.example.com"],
            routes=[
                PathRoute(app=app(10001), rate_limit=RateLimit(requests=50)),
                PathRoute(
                    path="/login",
                    app=app(10001),
                    rate_limit=RateLimit(requests=6, per="minute", burst=0),
                ),
            ],
        )
    },
}
RENDERED = [(kind, name, site) for kind in KINDS for name, site in (SITES | ONLY[kind]).items()]
rendered = pytest.mark.parametrize(
    ("kind", "name", "site"), RENDERED, ids=[f"{kind}-{name}" for kind, name, _ in RENDERED]
)


def golden(kind: Kind, name: str) -> Path:
    return GOLDEN / kind / f"{name}{chosen(kind).SUFFIX}"


@rendered
def test_a_site_is_rendered_exactly_as_its_golden_file_says(
    kind: Kind, name: str, site: SitePlan, update_snapshots: bool
) -> None:
    chosen(kind).refuse(site)
    text = chosen(kind).site(site)
    if update_snapshots:
        golden(kind, name).write_text(text)
    assert text == golden(kind, name).read_text()


def test_every_golden_file_belongs_to_a_site() -> None:
    wanted = {golden(kind, name) for kind, name, _ in RENDERED}
    assert {file for kind in KINDS for file in (GOLDEN / kind).iterdir()} == wanted


@rendered
def test_braces_and_quotes_are_balanced(kind: Kind, name: str, site: SitePlan) -> None:
    text = chosen(kind).site(site)
    assert text.count("{") == text.count("}"), name
    assert text.replace('\\"', "").count('"') % 2 == 0


def test_no_proxy_keeps_connections_to_an_app() -> None:
    for site in SITES.values():
        text = caddy.site(site)
        assert text.count("reverse_proxy ") == text.count("keepalive off")
        assert "keepalive" not in nginx.site(site)
        assert "upstream {" not in nginx.site(site)
    shared = (nginx.ASSETS / "nginx" / "site.inc").read_text()
    assert "proxy_set_header Connection $homeport_connection;" in shared


@pytest.mark.parametrize("kind", KINDS)
def test_the_longest_path_comes_first_whatever_the_order_of_the_routes(kind: Kind) -> None:
    routes = [PathRoute(path=path, app=app(10001)) for path in ("/", "/a", "/a/b/c", "/a/b")]
    text = chosen(kind).site(plan(routes=routes))
    marks = {"caddy": "path {} ", "nginx": '"^{}(?:'}
    places = [text.index(marks[kind].format(path)) for path in ("/a/b/c", "/a/b", "/a")]
    assert places == sorted(places)


@pytest.mark.parametrize(("kind", "between"), [("caddy", " "), ("nginx", ":")])
def test_credentials_are_one_line_with_a_hash(kind: Kind, between: str) -> None:
    password_hash = "$2b$12$" + "a" * 53
    assert chosen(kind).credentials("ops", password_hash) == f"ops{between}{password_hash}\n"
    with pytest.raises(ValueError, match="is no bcrypt hash") as refused:
        chosen(kind).credentials("ops", "hunter2\nevil")
    assert "hunter2" not in str(refused.value)


def test_a_text_for_nginx_names_no_variable_and_ends_no_quote() -> None:
    assert nginx.quote("x", 'a "b" \\ $c;') == '"a \\"b\\" \\\\ ${homeport_dollar}c;"'


def test_what_a_proxy_cannot_do_is_refused_with_the_cure() -> None:
    limited = ONLY["nginx"]["limited"]
    with pytest.raises(ValueError, match=r"site web: route /: rate_limit: .*kind=\"nginx\""):
        caddy.refuse(limited)
    with pytest.raises(ValueError, match=r"site web: tls: on_demand: nginx .*kind=\"caddy\""):
        nginx.refuse(ONLY["caddy"]["on-demand"])
    with pytest.raises(ValueError, match=r"site web: tls: nginx has no .*ProvidedCertificate"):
        nginx.refuse(ONLY["caddy"]["internal"])
    with pytest.raises(ValueError, match=r"kind: must be one of caddy, nginx \(got 'apache'\)"):
        chosen("apache")  # type: ignore[arg-type]


def test_plain_http_answers_challenges_for_every_name_before_there_is_a_certificate() -> None:
    text = nginx.before_certificate(SITES["everything"])
    assert text
    names = "shop.example.com shop.example.org www.example.com www.example.org"
    assert f"\tserver_name {names};\n" in text
    assert "root /var/lib/homeport-acme;" in text
    assert "ssl" not in text
    assert "http.conf" not in nginx.site(SITES["everything"])
    given = SITES["with-a-certificate-of-its-own"]
    assert nginx.before_certificate(given) is None
    assert "http.conf" in nginx.site(given)
    assert caddy.before_certificate(SITES["everything"]) is None  # type: ignore[func-returns-value]


def test_caddy_asks_one_endpoint_about_names_that_no_site_knows() -> None:
    everyone = ONLY["caddy"]["on-demand"]
    assert caddy.beside(everyone) == {
        ".global": "on_demand_tls {\n\task http://127.0.0.1:10004/domains/allowed\n}\n",
        ".http": "redir https://{host}{uri} 308\n",
    }
    below = plan(hostnames=["shop.example.com", "*.shop.example.com"], tls=everyone.tls)
    assert set(caddy.beside(below)) == {".global"}
    assert "https:// {" not in caddy.site(below)
    assert caddy.beside(SITES["everything"]) == {}
    main = (caddy.ASSETS / "caddy" / "Caddyfile").read_text()
    for kind in ("global", "http"):
        assert f"import /etc/caddy/homeport.d/*.{kind}\n" in main
    (first, *rest) = caddy.check(everyone)
    assert "different endpoints" in first[2]
    assert rest == list(caddy.CHECK) == list(caddy.check(SITES["everything"]))


def test_the_certificates_of_two_stacks_are_apart() -> None:
    places = {
        line
        for system in ("shop-staging", "shop-production")
        for line in nginx.site(plan(system=system)).splitlines()
        if "ssl_certificate_key" in line
    }
    assert places == {
        f"\tssl_certificate_key /opt/homeport/shop-{stack}/acme/live/web/privkey.pem;"
        for stack in ("staging", "production")
    }


def test_the_site_of_somebody_else_that_answers_for_all_names_goes_on_doing_so() -> None:
    files = nginx.installation("shop-staging", made=True)["files"]
    ours = [file for file in files if file.path.startswith(nginx.SITES)]
    assert [file.path for file in ours] == ["/etc/nginx/sites-enabled/zz-homeport"]
    assert "default_server" not in ours[0].content


def test_all_that_nginx_shares_with_other_sites_has_names_of_our_own() -> None:
    read = (nginx.SITES, nginx.FOLDER)
    files = [
        f for f in nginx.installation("shop-staging", made=True)["files"] if f.path.startswith(read)
    ]
    lines = [line for file in files for line in file.content.splitlines()]
    named = [line.split() for line in lines if line.startswith(("map ", "geo "))]
    assert len(named) > 5
    assert all(words[-2].startswith("$homeport_") for words in named)


def test_the_main_file_of_nginx_is_ours_only_on_a_machine_that_the_stack_made() -> None:
    paths = [
        [file.path for file in nginx.installation("shop-staging", made=made)["files"]]
        for made in (True, False)
    ]
    assert set(paths[0]) - set(paths[1]) == {nginx.CONFIGURATION}


def test_both_proxies_know_the_same_endings_that_no_page_has() -> None:
    asked = next(
        file.content
        for file in nginx.installation("shop-staging", made=True)["files"]
        if file.path == f"{nginx.FOLDER}/static.conf"
    )
    (pattern,) = re.findall(r'"~\*(.*)" "";', asked)
    text = caddy.site(SITES["static"])
    for ending in FILE_ENDINGS:
        assert re.search(pattern, f"/a.b.{ending.upper()}", re.IGNORECASE)
        assert f" *.{ending}" in text
    assert not re.search(pattern, "/people/ann@example.org")
    assert not re.search(pattern, "/js")


def test_a_limit_is_a_sensible_number() -> None:
    with pytest.raises(ValueError, match="rate_limit: requests must be from 1 to 100000"):
        RateLimit(requests=0)
    with pytest.raises(ValueError, match="rate_limit: burst must be from 0 to 100000"):
        RateLimit(requests=1, burst=-1)


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ([], "name the networks of the CDN"),
        (["0.0.0.0/0"], "would believe everybody"),
        (["::/0"], "would believe everybody"),
        (["cdn.example.com"], "must be an address or a network"),
    ],
)
def test_behind_a_cdn_only_its_own_networks_are_believed(networks: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClientAddress(trusted_networks=networks)


def test_a_policy_is_written_with_the_quotes_that_browsers_want() -> None:
    policy = content_security_policy(
        default=["none"],
        img=["self", "data:", "https://*.example.com:8443/img"],
        script=["self", "sha256-" + "a" * 43 + "="],
        frame_ancestors=["none"],
    )
    assert policy == (
        "default-src 'none'; img-src 'self' data: https://*.example.com:8443/img; "
        f"script-src 'self' 'sha256-{'a' * 43}='; frame-ancestors 'none'"
    )


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"scripts": ["self"]}, "scripts: use one of base, child"),
        ({"img": []}, "img: name sources, or nothing but none"),
        ({"img": ["none", "self"]}, "img: name sources, or nothing but none"),
        ({"img": ["'self'"]}, "img: must be a keyword without quotes"),
        ({"img": ["a.example; script-src *"]}, "img: must be a keyword without quotes"),
    ],
)
def test_a_policy_that_no_browser_would_understand_is_refused(
    sources: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        content_security_policy(**sources)
