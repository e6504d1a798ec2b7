"""What Caddy is told: whole files compared with golden ones, and nothing that can escape."""

from collections.abc import Callable
from pathlib import Path

import pytest

from components.proxies import caddy, checks
from components.proxies.caddy import Issuer, RouteText, SiteText
from components.proxies.static import StaticText

GOLDEN = Path(__file__).parent / "golden" / "caddy"
ISSUER = Issuer(directory="https://acme.example.com/directory", email="ops@example.com")

SITES = {
    "smallest": SiteText(
        name="shop-staging-web",
        issuer=ISSUER,
        hostnames=["shop.example.com"],
        routes=[RouteText(path="/", port=10001)],
    ),
    "everything": SiteText(
        name="shop-production-web",
        issuer=ISSUER,
        hostnames=["shop.example.com", "shop.example.org"],
        redirects_from=["www.example.com", "www.example.org"],
        routes=[
            RouteText(path="/", port=10001),
            RouteText(path="/api", port=10002, stream=True, timeout_seconds=300, public=True),
            RouteText(path="/api/v2", port=10003, strip_prefix=True),
            RouteText(path="/admin", port=10001, allow_from=["192.0.2.0/24", "2001:db8::/32"]),
            RouteText(path="/files", folder="/srv/files", strip_prefix=True),
            RouteText(path="/partner", upstream="https://api.example.net:8443"),
        ],
        headers={"Content-Security-Policy": "default-src 'self'", "x-frame-options": "DENY"},
        hsts_seconds=31_536_000,
        max_body_mib=64,
        credentials_file="/etc/caddy/homeport.d/shop-production-web.auth",
    ),
    "static": SiteText(
        name="shop-staging-web",
        issuer=ISSUER,
        hostnames=["shop.example.com"],
        routes=[
            RouteText(path="/", static=StaticText(live="/srv/shop/live", single_page=True)),
            RouteText(path="/docs", static=StaticText(live="/srv/docs/live"), strip_prefix=True),
        ],
    ),
    "closed": SiteText(
        name="shop-staging-web",
        issuer=ISSUER,
        hostnames=["shop.example.com"],
        routes=[RouteText(path="/", folder="/srv/www", single_page=True)],
        maintenance="We are back at 5 o'clock.",
    ),
    "closed-but-to-some": SiteText(
        name="shop-staging-web",
        issuer=ISSUER,
        hostnames=["shop.example.com"],
        routes=[RouteText(path="/app", port=10001)],
        maintenance="We are back soon.",
        maintenance_allow_from=["192.0.2.7/32"],
    ),
}


@pytest.mark.parametrize("name", SITES)
def test_a_site_is_rendered_exactly_as_its_golden_file_says(name: str) -> None:
    assert caddy.site(SITES[name]) == (GOLDEN / f"{name}.caddy").read_text()


def test_every_golden_file_belongs_to_a_site() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(SITES)


@pytest.mark.parametrize("name", SITES)
def test_no_site_keeps_connections_to_an_app(name: str) -> None:
    text = caddy.site(SITES[name])
    assert text.count("reverse_proxy ") == text.count("keepalive off")


def test_the_longest_path_comes_first_whatever_the_order_of_the_routes() -> None:
    routes = [RouteText(path=path, port=10001) for path in ("/", "/a", "/a/b/c", "/a/b")]
    text = caddy.site(SiteText(name="x", issuer=ISSUER, hostnames=["a.example.com"], routes=routes))
    places = [text.index(f"path {path} ") for path in ("/a/b/c", "/a/b", "/a")]
    assert places == sorted(places)
    assert text.index("handle {") > places[-1]


def test_credentials_are_one_line_with_a_hash() -> None:
    password_hash = "$2b$12$" + "a" * 53
    assert caddy.credentials("ops", password_hash) == f"ops {password_hash}\n"
    with pytest.raises(ValueError, match="is no bcrypt hash") as refused:
        caddy.credentials("ops", "hunter2\nevil")
    assert "hunter2" not in str(refused.value)


INJECTIONS = [
    "a`b",
    "`\nrespond evil",
    "line\nbreak",
    "carriage\rreturn",
    "{env.HOME}",
    "{$HOME}",
    "}",
    "tab\there",
    "nul\0",
    "ümlaut",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_text_that_could_end_its_quotes_or_name_a_placeholder_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII without backticks and braces"):
        checks.quote("headers: X", text)


@pytest.mark.parametrize("text", ["", "plain", 'double "quotes"', "back\\", "# no comment", "$x"])
def test_other_text_stands_between_backticks_as_it_is(text: str) -> None:
    assert checks.quote("x", text) == f"`{text}`"


@pytest.mark.parametrize("injection", [*INJECTIONS, "a b", "a;b", '"', "a # b"])
@pytest.mark.parametrize(
    "check",
    [
        checks.hostname,
        checks.path,
        checks.folder,
        checks.upstream,
        checks.header,
        checks.username,
        checks.directory,
        checks.email,
        checks.network,
        checks.password_hash,
    ],
)
def test_nothing_but_plain_characters_passes_any_check(
    check: Callable[[str, str], str], injection: str
) -> None:
    for prefix in ("", "/", "https://a.example.com", "a.example.com", "/a"):
        with pytest.raises(ValueError, match="the field: "):
            check("the field", prefix + injection)


@pytest.mark.parametrize(
    "name", ["a.de", "ledger.example.com", "a-b.example.com", "xn--mnchen-3ya.example", "1.example"]
)
def test_a_full_dns_name_is_accepted(name: str) -> None:
    assert checks.hostname("x", name) == name


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "Example.com",
        "*.example.com",
        "example.com.",
        "example.com:443",
        "https://example.com",
        "-a.example.com",
        "a-.example.com",
        "a..example.com",
        "a_b.example.com",
        "192.0.2.7",
        "münchen.example",
        "a" * 64 + ".example",
        "a." * 126 + "example",
        "example.com\n",
    ],
)
def test_what_is_no_full_dns_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="hostname: must"):
        checks.hostname("hostname", name)


@pytest.mark.parametrize("path", ["/", "/api", "/api/v2", "/.well-known", "/a_b~c-d.e"])
def test_a_plain_path_is_accepted(path: str) -> None:
    assert checks.path("x", path) == path


@pytest.mark.parametrize("path", ["api", "/api/", "//", "/a//b", "/a/../b", "/..", "/a*", "/a?b"])
def test_a_path_that_could_match_something_else_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path: must"):
        checks.path("path", path)


@pytest.mark.parametrize(
    ("given", "usual"),
    [("192.0.2.7", "192.0.2.7/32"), ("2001:DB8::/32", "2001:db8::/32"), ("0.0.0.0/0", "0.0.0.0/0")],
)
def test_networks_are_written_in_their_usual_form(given: str, usual: str) -> None:
    assert checks.network("x", given) == usual


@pytest.mark.parametrize("network", ["192.0.2.7/24", "192.0.2", "example.com", "::1/129"])
def test_what_is_no_network_is_refused(network: str) -> None:
    with pytest.raises(ValueError, match="allow_from: must be an address or a network"):
        checks.network("allow_from", network)
