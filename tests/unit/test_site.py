"""Proxy and sites: what reaches the host, in which order, and what a preview refuses."""

import dataclasses
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bcrypt
import pulumi
import pulumi_random as random
import pytest

from components import secrets
from components.dns_challenge import DynamicDns, HetznerDns
from components.proxies import caddy, standin
from components.reverse_proxy import AUTHORITIES, ReverseProxy, ReverseProxyArgs
from components.site import Site, SiteArgs, expected_status
from components.site_access import BasicAuth, Maintenance, lets_host_in, password_hash
from components.site_routes import PathRoute, RateLimit
from components.site_tls import Acme, InternalAuthority, OnDemand, ProvidedCertificate
from tests.recorder import Deployment, Secret, record
from tests.unit.fake_host import fake_host

ASSETS = Path(__file__).parent.parent.parent / "assets" / "caddy"
NGINX = ASSETS.parent / "nginx"


class Web(pulumi.ComponentResource):
    """Stands for an app."""

    def __init__(self, port: int = 10001) -> None:
        super().__init__("homeport:test:Web", f"web-{port}", {})
        self.port = port
        random.RandomId(f"id-{port}", byte_length=1, opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({})


def proxy(**more: Any) -> ReverseProxy:
    args: dict[str, Any] = {"host": fake_host(), "acme_email": "ops@example.com", **more}
    return ReverseProxy("proxy", ReverseProxyArgs(**args))


def deploy(
    *, proxy_args: dict[str, Any] | None = None, make: Callable[[], dict[str, Any]] | None = None
) -> Deployment:
    def run() -> None:
        args: dict[str, Any] = {
            "proxy": proxy(**(proxy_args or {})),
            "hostnames": ["shop.example.com"],
            "routes": [PathRoute(app=Web())],
            **(make() if make else {}),
        }
        Site("shop", SiteArgs(**args))

    return record(run)


def document(deployment: Deployment, name: str) -> dict[str, Any]:
    stdin = deployment.one("Command", name).inputs["stdin"]
    parsed: dict[str, Any] = json.loads(stdin.value if isinstance(stdin, Secret) else stdin)
    return parsed


def site_file(deployment: Deployment) -> dict[str, Any]:
    (file,) = document(deployment, "site-shop")["files"]
    assert isinstance(file, dict)
    return file


def test_the_proxy_is_the_distributions_and_what_it_is_told_depends_on_no_stack() -> None:
    made = document(deploy(), "proxy")
    assert made["packages"] == made["hold"] == ["caddy"]
    files = {file["path"]: file["content"] for file in made["files"]}
    assert files == {
        "/etc/systemd/system/caddy.service.d/homeport.conf": (ASSETS / "unit.conf").read_text(),
        "/etc/caddy/Caddyfile": (ASSETS / "Caddyfile").read_text(),
        **{file.path: file.content for file in standin.files(caddy.STANDIN)},
    }
    assert made["units_enabled"] == ["caddy.service"]


def test_the_proxys_admin_interface_is_a_socket_in_a_folder_that_only_it_can_enter() -> None:
    address = "admin unix/{$RUNTIME_DIRECTORY:/run/caddy}/admin.sock"
    assert address in (ASSETS / "Caddyfile").read_text()
    unit = (ASSETS / "unit.conf").read_text()
    assert "RuntimeDirectory=caddy\nRuntimeDirectoryMode=0700\n" in unit


def test_packages_are_upgraded_when_the_word_for_it_changes_and_not_otherwise() -> None:
    assert not [r for r in deploy().resources if r.name == "proxy-upgrade"]
    deployment = deploy(proxy_args={"upgraded_by": "november"})
    made = document(deployment, "proxy-upgrade")
    assert (made["upgraded_by"], made["packages"]) == ("november", ["caddy"])
    installed = deployment.one("Command", "proxy")
    assert installed.urn in deployment.one("Command", "proxy-upgrade").options.dependencies


def test_nothing_is_installed_before_the_guard_has_looked() -> None:
    deployment = deploy()
    guard = deployment.one("Command", "proxy-guard")
    assert guard.urn in deployment.one("Command", "proxy").options.dependencies
    assert document(deployment, "proxy-guard")["ports"] == [80, 443]


def test_a_site_is_a_file_that_is_checked_before_caddy_takes_it() -> None:
    made = document(deploy(), "site-shop")
    (file,) = made["files"]
    assert file["path"] == "/etc/caddy/homeport.d/homeport-staging-shop.caddy"
    assert (file["mode"], file["group"]) == ("0640", "caddy")
    (check,) = made["check"]
    assert check[:4] == ["runuser", "-u", "caddy", "--"]
    assert check[6:] == [
        "caddy",
        "validate",
        "--config",
        "/etc/caddy/Caddyfile",
        "--adapter",
        "caddyfile",
    ]
    reload = (ASSETS.parent / "standin" / "reload.sh").read_text()
    assert made["then"] == [["sh", "-c", reload, "reload", "caddy", "/run/caddy/admin.sock"]]


def test_a_site_tells_the_guard_of_routes_which_ports_it_uses() -> None:
    def make() -> dict[str, Any]:
        web = Web(10003)
        routes = [PathRoute(app=web), PathRoute(path="/api", app=Web(10002))]
        return {"routes": [*routes, PathRoute(path="/v2", app=web)]}

    assert document(deploy(make=make), "site-shop")["meta"]["ports"] == [10002, 10003]


class Pages(pulumi.ComponentResource):
    """Stands for a static app."""

    folder = "/opt/homeport/shop/static/pages"
    live = f"{folder}/live"
    single_page = True

    def __init__(self) -> None:
        super().__init__("homeport:test:Pages", "pages", {})
        random.RandomId("pages-id", byte_length=1, opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({})


def test_a_site_with_a_static_app_comes_after_it_and_says_where_it_is() -> None:
    def make() -> dict[str, Any]:
        docs = PathRoute(path="/docs", static=Pages(), strip_prefix=True)
        return {"routes": [PathRoute(folder="/srv"), docs]}

    deployment = deploy(make=make)
    site = deployment.one("Command", "site-shop")
    assert deployment.one("RandomId", "pages-id").urn in site.options.dependencies
    meta = document(deployment, "site-shop")["meta"]
    assert meta["statics"] == [{"folder": Pages.folder, "path": "/docs"}]
    assert f"root * {Pages.live}/site\n" in site_file(deployment)["content"]
    assert "statics" not in document(deploy(), "site-shop")["meta"]


def test_a_static_app_below_a_path_sees_its_own_paths() -> None:
    class Served:
        folder, live, single_page = "/srv/a", "/srv/a/live", False

    with pytest.raises(ValueError, match=r"route /docs: .* set strip_prefix"):
        PathRoute(path="/docs", static=Served())
    with pytest.raises(ValueError, match="single_page is for a folder; a static app has its own"):
        PathRoute(static=Served(), single_page=True)


def test_a_site_comes_after_its_apps_and_its_proxy_and_is_then_verified() -> None:
    deployment = deploy()
    site = deployment.one("Command", "site-shop")
    assert deployment.one("Command", "proxy").urn in site.options.dependencies
    assert deployment.one("RandomId", "id-10001").urn in site.options.dependencies
    verify = deployment.one("Command", "shop-verify")
    assert site.urn in verify.options.dependencies
    made = document(deployment, "shop-verify")
    assert made["hostname"] == "shop.example.com"
    assert made["address"] == "203.0.113.7"
    assert (made["path"], made["status"], made["trusted"]) == ("/", 200, True)


def test_a_site_is_verified_again_when_its_configuration_changes() -> None:
    plain, limited = deploy(), deploy(make=lambda: {"max_body_mib": 64})
    first, second = (document(d, "shop-verify") for d in (plain, limited))
    assert first.pop("configuration") != second.pop("configuration")
    assert first == second


@pytest.mark.parametrize(
    ("directory", "url", "trusted"),
    [
        ("letsencrypt", AUTHORITIES["letsencrypt"], True),
        ("letsencrypt-staging", AUTHORITIES["letsencrypt-staging"], False),
        (AUTHORITIES["letsencrypt-staging"], AUTHORITIES["letsencrypt-staging"], False),
        ("https://acme.test:14000/dir", "https://acme.test:14000/dir", True),
    ],
)
def test_each_site_names_the_authority_of_its_stack(
    directory: str, url: str, trusted: bool
) -> None:
    deployment = deploy(proxy_args={"acme_directory": directory})
    assert f"dir {url}\n" in site_file(deployment)["content"]
    assert "email ops@example.com\n" in site_file(deployment)["content"]
    assert document(deployment, "shop-verify")["trusted"] is trusted


def with_password() -> dict[str, Any]:
    class Owner(pulumi.ComponentResource):
        def __init__(self) -> None:
            super().__init__("homeport:test:Owner", "owner", {})
            child = pulumi.ResourceOptions(parent=self)
            self.password = secrets.generated("site-password", opts=child)
            self.register_outputs({})

    return {"basic_auth": BasicAuth(username="ops", password=Owner().password)}


def test_a_password_reaches_the_host_as_a_hash_in_a_secret_step_of_its_own() -> None:
    deployment = deploy(make=with_password)
    assert isinstance(deployment.one("Command", "shop-credentials").inputs["stdin"], Secret)
    assert isinstance(deployment.one("Command", "site-shop").inputs["stdin"], str)
    (file,) = document(deployment, "shop-credentials")["files"]
    assert f"import {file['path']}\n" in site_file(deployment)["content"]
    username, hashed = file["content"].split()
    answer = deployment.one("RandomPassword").outputs
    assert answer is not None
    password = answer["result"]
    plain = password.value if isinstance(password, Secret) else password
    assert username == "ops"
    assert bcrypt.checkpw(plain.encode(), hashed.encode())
    credentials = deployment.one("Command", "shop-credentials")
    assert credentials.urn in deployment.one("Command", "site-shop").options.dependencies


def test_the_same_password_and_salt_give_the_same_hash() -> None:
    salt = bytes(range(16))
    assert password_hash("x", salt, 5) == password_hash("x", salt, 5)
    assert password_hash("x", salt, 5) != password_hash("x", salt[::-1], 5)
    assert password_hash("x", salt, 5) != password_hash("x", salt, 6)
    assert bcrypt.checkpw(b"x" * 72, password_hash("x" * 72, salt, 5).encode())


@pytest.mark.parametrize("password", ["", "x" * 73, "ä" * 37])
def test_a_password_that_bcrypt_would_cut_off_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="from 1 to 72 bytes"):
        password_hash(password, bytes(16), 5)


FOLDER = PathRoute(folder="/srv/www")
API = PathRoute(path="/api", folder="/srv/www")
HOME_ONLY = ["192.0.2.0/24"]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({}, 200),
        ({"check_status": 204}, 204),
        ({"maintenance": Maintenance(text="closed")}, 503),
        ({"maintenance": Maintenance(text="closed", allow_from=["127.0.0.0/8"])}, 200),
        ({"basic_auth": "set"}, 401),
        ({"basic_auth": "set", "routes": [PathRoute(folder="/srv", public=True)]}, 200),
        ({"routes": [PathRoute(folder="/srv", allow_from=HOME_ONLY)]}, 403),
        ({"routes": [PathRoute(folder="/srv", allow_from=["0.0.0.0/0"])]}, 200),
        ({"routes": [PathRoute(path="/a", folder="/srv")]}, 404),
        (
            {
                "check_path": "/a/up",
                "routes": [FOLDER, PathRoute(path="/a", folder="/srv", allow_from=HOME_ONLY)],
            },
            403,
        ),
        (
            {
                "check_path": "/ab",
                "routes": [FOLDER, PathRoute(path="/a", folder="/srv", allow_from=HOME_ONLY)],
            },
            200,
        ),
    ],
)
def test_the_host_knows_what_it_gets_from_its_own_site(more: dict[str, Any], status: int) -> None:
    found: list[int] = []

    def run() -> None:
        args: dict[str, Any] = {"proxy": proxy(), "hostnames": ["a.example.com"]}
        args |= {"routes": [FOLDER], **more}
        if more.get("basic_auth"):
            args |= with_password()
        found.append(expected_status(SiteArgs(**args)))

    record(run)
    assert found == [status]


@pytest.mark.parametrize(
    ("networks", "inside"),
    [([], False), (["127.0.0.1/32"], True), (["::/0"], False), (["10.0.0.0/8", "0.0.0.0/0"], True)],
)
def test_the_loopback_is_let_in_only_by_networks_that_hold_it(
    networks: Sequence[str], inside: bool
) -> None:
    assert lets_host_in(networks) is inside


@pytest.mark.parametrize(
    ("route", "message"),
    [
        ({}, "name exactly one of app, static, folder and upstream"),
        ({"folder": "/a", "upstream": "https://a.de"}, "name exactly one of"),
        ({"folder": "a"}, "folder: must be an absolute path"),
        ({"upstream": "a.de"}, "upstream: must be http:// or https://"),
        ({"upstream": "https://a.de/path"}, "upstream: must be http:// or https://"),
        ({"path": "api", "folder": "/a"}, "route: path: must begin with /"),
        ({"path": "/api/", "folder": "/a"}, "route: path: must begin with /"),
        ({"folder": "/a", "strip_prefix": True}, "there is no prefix to strip"),
        ({"upstream": "https://a.de", "single_page": True}, "single_page is for a folder"),
        ({"folder": "/a", "timeout_seconds": 0}, "timeout_seconds must be from 1 to 3600"),
        ({"folder": "/a", "connect_seconds": 61}, "connect_seconds must be from 1 to 60"),
        ({"folder": "/a", "allow_from": ["10.0.0.1/8"]}, "must be an address or a network"),
    ],
)
def test_a_route_that_cannot_be_served_is_refused(route: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PathRoute(**route)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"hostnames": []}, "needs at least one hostname and one route"),
        ({"routes": []}, "needs at least one hostname and one route"),
        ({"hostnames": ["*.example.com"]}, "the first of hostnames: must be a full DNS name in"),
        ({"hostnames": ["a.example.com", "*.A.com"]}, "must be a full DNS name in lower case"),
        ({"redirects_from": ["WWW.example.com"]}, "must be a full DNS name in lower case"),
        ({"redirects_from": ["shop.example.com"]}, "'shop.example.com' is there twice"),
        ({"routes": [FOLDER, FOLDER]}, "route: '/' is there twice"),
        ({"routes": [API, dataclasses.replace(API, path="/API")]}, "route: '/api' is there twice"),
        ({"headers": {"X Y": "1"}}, "must be a header's name"),
        ({"headers": {"X-Y": "{env.HOME}"}}, "without backticks and braces"),
        ({"hsts_seconds": -1}, "hsts_seconds must be from 0"),
        ({"max_body_mib": 0}, "max_body_mib must be from 1"),
        ({"check_status": 99}, "check_status must be from 200"),
        ({"check_path": "up"}, "check_path: must begin with /"),
    ],
)
def test_a_site_that_cannot_be_served_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=message):
        deploy(make=lambda: more)


def by_dns() -> Acme:
    token = secrets.Secret(value=pulumi.Output.secret("TOKEN"), version="1")
    challenge = HetznerDns(zone="example.com", token=token)
    return Acme(directory="https://acme.test/dir", email="a@b.de", challenge=challenge)


def on_demand(url: str = "http://127.0.0.1:9000/ask") -> Acme:
    return dataclasses.replace(by_dns(), challenge=None, on_demand=OnDemand(url=url))


SHOP = "shop.example.com"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"hostnames": [SHOP, "*.example.com"]}, r"\*\.example\.com: .* no wildcard .* over HTTP"),
        ({"redirects_from": ["*.example.com"]}, r"set tls=proxy\.certificates\(challenge=Hetzner"),
        ({"hostnames": [SHOP, "*"]}, r"\*: no certificate is for every name; add OnDemand"),
        ({"hostnames": [SHOP, "*"], "tls": InternalAuthority()}, "no certificate is for every"),
        (
            {"hostnames": [SHOP, "*.example.org"], "tls": by_dns()},
            "does not lie in the zone example",
        ),
        (
            {"redirects_from": ["notexample.com"], "tls": by_dns()},
            "names of another zone a site of",
        ),
        ({"tls": on_demand()}, "on_demand: every name is known; add"),
        (
            {"hostnames": [SHOP, "*"], "redirects_from": ["*.a.de"], "tls": on_demand()},
            r"redirects_from: \*\.a\.de: a name that nobody knows yet cannot be a redirect",
        ),
    ],
)
def test_names_that_get_no_such_certificate_are_refused_with_the_cure(
    more: dict[str, Any], message: str
) -> None:
    with pytest.raises(Exception, match=message):
        deploy(make=lambda: more)


def test_ways_to_a_certificate_that_lead_nowhere_are_refused() -> None:
    with pytest.raises(ValueError, match="name exactly one of app and url"):
        OnDemand()
    with pytest.raises(ValueError, match="url: must be a URL of the host's loopback"):
        OnDemand(url="https://example.com/ask")
    with pytest.raises(ValueError, match="on_demand: goes by HTTP; leave out challenge"):
        dataclasses.replace(by_dns(), on_demand=on_demand().on_demand)
    key = secrets.Secret(value=pulumi.Output.secret("KEY"), version="1")
    with pytest.raises(ValueError, match="challenge: zone: must be a full DNS name"):
        HetznerDns(zone="*.example.com", token=key)
    with pytest.raises(ValueError, match="challenge: server: must be a full DNS name"):
        DynamicDns(zone="example.com", server="ns:53", key_name="updates", key=key)


@pytest.mark.parametrize(("kind", "copied"), [("caddy", True), ("nginx", False)])
def test_a_wildcard_is_asked_for_by_certbot_whatever_the_proxy_and_its_token_is_a_secret(
    kind: str, copied: bool
) -> None:
    def make() -> dict[str, Any]:
        names = {"hostnames": ["example.com", "www.example.com", "*.example.com"]}
        return {**names, "tls": by_dns()}

    deployment = deploy(proxy_args={"kind": kind}, make=make)
    steps = ("proxy", "shop-renewal", "shop-challenge", "shop-certificate", "site-shop")
    order = [deployment.one("Command", name) for name in steps]
    for earlier, later in itertools.pairwise(order):
        assert earlier.urn in later.options.dependencies
    assert [isinstance(step.inputs["stdin"], Secret) for step in order] == [
        name == "shop-challenge" for name in steps
    ]
    (settings,) = document(deployment, "shop-challenge")["files"]
    assert (settings["mode"], settings["owner"], settings["group"]) == ("0600", "root", "root")
    assert json.loads(settings["content"]) == {
        "system": "homeport-staging",
        "step": "shop-certificate",
        "kind": "hetzner",
        "zone": "example.com",
        "token": "TOKEN",
    }
    certificate = document(deployment, "shop-certificate")
    assert certificate["dns"] == settings["path"]
    assert certificate["names"] == ["example.com", "*.example.com"], "authorities refuse more"
    copy = {"path": "/etc/caddy/homeport.d/homeport-staging-shop.pem", "group": "caddy"}
    assert certificate.get("copy") == (copy if copied else None)
    renewal = document(deployment, "shop-renewal")
    assert renewal["packages"] == ["certbot"]
    assert renewal["units_enabled"] == ["homeport-certificates-homeport-staging.timer"]
    shown = document(deployment, "shop-verify")["certificates"]
    assert shown == ["example.com", "www.example.com", "homeport-check.example.com"]


def test_a_zone_that_takes_updates_needs_a_package() -> None:
    def make() -> dict[str, Any]:
        key = secrets.Secret(value=pulumi.Output.secret("KEY"), version="1")
        ours = DynamicDns(zone="example.com", server="192.0.2.53", key_name="updates", key=key)
        return {"tls": dataclasses.replace(by_dns(), challenge=ours)}

    deployment = deploy(make=make)
    assert document(deployment, "shop-renewal")["packages"] == ["certbot", "bind9-dnsutils"]
    (file,) = document(deployment, "shop-challenge")["files"]
    assert json.loads(file["content"])["key"] == "KEY"


def test_a_site_for_every_name_comes_after_the_app_that_knows_them() -> None:
    def run() -> None:
        ours, web = proxy(), Web(10004)
        tls = ours.certificates(on_demand=OnDemand(app=web, path="/allowed"))
        assert tls.directory == ours.authority.directory
        hosts = [SHOP, "*.shop.example.com", "*"]
        Site("shop", SiteArgs(proxy=ours, hostnames=hosts, routes=[FOLDER], tls=tls))

    deployment = record(run)
    site, made = deployment.one("Command", "site-shop"), document(deployment, "site-shop")
    assert deployment.one("RandomId", "id-10004").urn in site.options.dependencies
    assert made["meta"]["ports"] == [10004]
    base = "/etc/caddy/homeport.d/homeport-staging-shop"
    paths = [file["path"] for file in made["files"]]
    assert paths == [f"{base}.caddy", f"{base}.global", f"{base}.http"]
    assert "ask http://127.0.0.1:10004/allowed" in made["files"][1]["content"]
    assert len(made["check"]) == 2
    assert document(deployment, "shop-verify")["certificates"] == [SHOP]


def test_all_sites_of_a_host_ask_the_same_endpoint() -> None:
    def sites(*urls: str) -> Callable[[], None]:
        def run() -> None:
            shared = proxy()
            for number, url in enumerate(urls):
                own = f"s{number}.example.com"
                hosts = [own, f"*.{own}"]
                args = SiteArgs(proxy=shared, hostnames=hosts, routes=[FOLDER], tls=on_demand(url))
                Site(f"s{number}", args)

        return run

    record(sites("http://127.0.0.1:1/a", "http://127.0.0.1:1/a"))
    with pytest.raises(Exception, match=r"the endpoint http://127\.0\.0\.1:2/a: .* ask the same"):
        record(sites("http://127.0.0.1:1/a", "http://127.0.0.1:2/a"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"acme_email": "ops"}, "acme_email: must be an e-mail address"),
        ({"acme_directory": "http://acme.test/dir"}, "acme_directory: must be the https URL"),
        ({"acme_directory": "letsencript"}, "acme_directory: must be the https URL"),
        ({"kind": "apache"}, "kind: must be one of caddy, nginx"),
    ],
)
def test_a_proxy_without_a_usable_authority_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=message):
        deploy(proxy_args=more)


def test_two_sites_cannot_have_the_same_hostname() -> None:
    def run() -> None:
        shared = proxy()
        for name, hosts in (("a", ["one.example.com"]), ("b", ["two.example.com"])):
            args = SiteArgs(
                proxy=shared, hostnames=hosts, routes=[FOLDER], redirects_from=["www.example.com"]
            )
            Site(name, args)

    with pytest.raises(
        Exception, match=r"site b: hostname www\.example\.com is already taken by site a"
    ):
        record(run)


def test_a_host_has_one_proxy() -> None:
    def run() -> None:
        host = fake_host()
        for name in ("one", "two"):
            ReverseProxy(name, ReverseProxyArgs(host=host, acme_email="ops@example.com"))

    with pytest.raises(Exception, match="already taken by proxy one"):
        record(run)


def on_nginx(make: Callable[[], dict[str, Any]] | None = None) -> Deployment:
    return deploy(proxy_args={"kind": "nginx"}, make=make)


def test_nginx_is_put_beside_what_is_there_and_stays_when_it_was_there() -> None:
    made = document(on_nginx(), "proxy")
    assert made["packages"] == ["nginx", "certbot"]
    assert made["hold"] == ["nginx"]
    files = {file["path"]: file["content"] for file in made["files"]}
    assert files["/etc/nginx/sites-enabled/zz-homeport"] == (NGINX / "sites.conf").read_text()
    assert "/etc/nginx/nginx.conf" not in files
    assert made["gone_if_alone"] == {
        "path": "/etc/nginx/sites-enabled/default",
        "package": "nginx-common",
        "folders": ["/etc/nginx/sites-enabled/", "/etc/nginx/conf.d"],
    }
    assert "gone" not in made
    assert made["units_shared"] == ["nginx.service"]
    assert "nginx.service" in made["units_enabled"]


def test_a_timer_of_the_stacks_own_renews_its_certificates_where_certbot_keeps_them() -> None:
    deployment = on_nginx()
    made = document(deployment, "proxy")
    files = {file["path"]: file["content"] for file in made["files"]}
    unit = "homeport-certificates-homeport-staging"
    assert f"{unit}.timer" in made["units_enabled"]
    folder = document(deployment, "shop-certificate")["folder"]
    assert folder == "/opt/homeport/homeport-staging/acme"
    assert (
        f"renew --quiet --no-random-sleep-on-renew --config-dir {folder} "
        in files[f"/etc/systemd/system/{unit}.service"]
    )
    assert f"ssl_certificate {folder}/live/shop/fullchain.pem;" in site_file(deployment)["content"]


def test_on_nginx_plain_http_comes_first_then_the_certificate_then_the_site() -> None:
    deployment = on_nginx(lambda: {"redirects_from": ["www.example.com"]})
    order = [
        deployment.one("Command", name)
        for name in ("proxy-guard", "proxy", "shop-http", "shop-certificate", "site-shop")
    ]
    for earlier, later in itertools.pairwise(order):
        assert earlier.urn in later.options.dependencies
    certificate = document(deployment, "shop-certificate")
    assert certificate["names"] == ["shop.example.com", "www.example.com"]
    assert certificate["directory"] == AUTHORITIES["letsencrypt"]
    assert deployment.one("Command", "shop-certificate").inputs["delete"]
    assert "listen" not in site_file(deployment)["content"]


def test_caddy_asks_authorities_itself() -> None:
    steps = {made.name for made in deploy().of_type("Command")}
    assert steps == {"proxy-guard", "proxy", "site-shop", "shop-verify"}


@pytest.mark.parametrize(("kind", "group"), [("caddy", "caddy"), ("nginx", "root")])
def test_a_certificate_that_is_given_lies_beside_the_site_and_its_key_is_a_secret(
    kind: str, group: str
) -> None:
    def make() -> dict[str, Any]:
        key = secrets.Secret(value=pulumi.Output.secret("KEY"), version="1")
        return {"tls": ProvidedCertificate(name="own", certificate="CERTIFICATE", key=key)}

    deployment = deploy(proxy_args={"kind": kind}, make=make)
    assert isinstance(deployment.one("Command", "shop-certificate").inputs["stdin"], Secret)
    certificate, key = document(deployment, "shop-certificate")["files"]
    assert certificate["content"] == "CERTIFICATE"
    assert (key["content"], key["mode"], key["group"]) == ("KEY", "0640", group)
    for file in (certificate, key):
        assert file["path"] in site_file(deployment)["content"]
    verify = document(deployment, "shop-verify")
    assert verify["trusted"] is False
    assert verify["authority"] == "the certificate that was given"
    written = deployment.one("Command", "site-shop")
    assert deployment.one("Command", "shop-certificate").urn in written.options.dependencies


def test_what_a_proxy_cannot_do_is_refused_in_a_preview() -> None:
    limited = PathRoute(folder="/srv", rate_limit=RateLimit(requests=1))
    with pytest.raises(Exception, match="site shop: route /: rate_limit: the distribution's Caddy"):
        deploy(make=lambda: {"routes": [limited]})
    with pytest.raises(Exception, match="site shop: tls: nginx has no internal authority"):
        on_nginx(lambda: {"tls": InternalAuthority()})


def test_sites_may_share_a_certificate_and_different_ones_need_different_names() -> None:
    def run(*versions: str) -> Deployment:
        def make() -> None:
            shared = proxy()
            for version in versions:
                key = secrets.Secret(value=pulumi.Output.secret("KEY"), version=version)
                tls = ProvidedCertificate(name="wild", certificate="CERTIFICATE", key=key)
                name = f"site-{len(made)}"
                made.append(name)
                args = SiteArgs(
                    proxy=shared, hostnames=[f"{name}.example.com"], routes=[FOLDER], tls=tls
                )
                Site(name, args)

        made: list[str] = []
        return record(make)

    deployment = run("1", "1")
    files = [document(deployment, f"site-{n}-certificate")["files"] for n in (0, 1)]
    assert files[0] == files[1]
    with pytest.raises(Exception, match="give different certificates different names"):
        run("1", "2")
