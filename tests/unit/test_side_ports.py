"""Side ports: further ports of one release, on every runtime, switched with the main one."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components import names
from components.app import App, AppArgs
from components.artefact import Artefact, ArtefactArgs
from components.artefact_source import LocalSource
from components.health import HealthCheck
from components.host import Host
from components.proxies import caddy, nginx
from components.proxies.proxy import SitePlan
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.rootless import RootlessAccount, RootlessAccountArgs
from components.runtimes.quadlet import Quadlet
from components.runtimes.systemd import Systemd
from components.site import Site, SiteArgs
from components.site_routes import Listens, PathRoute
from components.site_settings import SiteSettings
from components.site_tls import Acme
from tests.recorder import Deployment, record
from tests.unit.fake_host import fake_host

FULL = "homeport-staging-odoo"
STABLE = names.stable_side_ports(FULL, names.stable_port(FULL), ["gevent"])["gevent"]


def app(host: Host, **changes: Any) -> App:
    plain: dict[str, Any] = {
        "host": host,
        "image": "odoo:1",
        "memory_mib": 128,
        "health": HealthCheck(path="/up"),
        "container_port": 8069,
        "side_ports": {"gevent": 8072},
    }
    return App("odoo", AppArgs(**{**plain, **changes}))


def as_container(host: Host) -> App:
    return app(host)


def as_rootless(host: Host) -> App:
    account = RootlessAccount("apps", RootlessAccountArgs(host=host))
    return app(host, runtime=Quadlet(account=account))


def as_unit(host: Host) -> App:
    files = Artefact("files", ArtefactArgs(host=host, source=LocalSource(path="build")))
    return app(host, image=None, artefact=files, runtime=Systemd(), command=["serve"])


def deployed(build: Callable[[Host], App]) -> Deployment:
    return record(lambda: build(fake_host()))


def release(deployment: Deployment) -> str:
    outputs = deployment.one("homeport:app:App").outputs
    assert outputs
    return str(outputs["release"])


def document(deployment: Deployment, role: str) -> dict[str, Any]:
    text = deployment.one("Command", f"odoo-{role}-{release(deployment)}").inputs["stdin"]
    parsed: dict[str, Any] = json.loads(text)
    return parsed


@pytest.fixture(autouse=True)
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build").mkdir()
    (tmp_path / "build/serve").write_text("#!/bin/sh")


def side_port(made: Deployment) -> int:
    return names.release_side_ports(FULL, release(made), ["gevent"])["gevent"]


def test_all_ports_of_one_app_differ_whatever_its_release_is_called() -> None:
    sides = [f"side-{number}" for number in range(200)]
    for own in (names.STABLE_PORTS[0], names.STABLE_PORTS[-1]):
        stable = names.stable_side_ports(FULL, own, sides)
        assert len({own, *stable.values()}) == 201
        assert set(stable.values()) <= set(names.STABLE_PORTS)
    for release_id in (f"{number:08x}" for number in range(50)):
        ports = names.release_side_ports(FULL, release_id, sides)
        assert len({names.release_port(FULL, release_id), *ports.values()}) == 201
        assert set(ports.values()) <= set(names.RELEASE_PORTS)


def test_a_side_port_stays_when_another_one_comes() -> None:
    alone = names.release_side_ports(FULL, "aaaa1111", ["gevent"])
    assert (
        names.release_side_ports(FULL, "aaaa1111", ["gevent", "metrics"])["gevent"]
        == (alone["gevent"])
    )


@pytest.mark.parametrize("program", [as_container, as_rootless, as_unit])
def test_one_switch_and_one_drain_know_all_ports_of_a_release(
    program: Callable[[Host], App],
) -> None:
    made = deployed(program)
    expected = [
        {
            "name": "gevent",
            "stable_port": STABLE,
            "release_port": side_port(made),
        }
    ]
    for role in ("switch", "drain"):
        assert document(made, role)["side_ports"] == expected
    outputs = made.one("homeport:app:App").outputs
    assert outputs
    assert outputs["side_ports"] == {"gevent": expected[0]["stable_port"]}


def test_a_container_publishes_all_on_the_loopback_and_is_told_where_they_are() -> None:
    made = deployed(as_container)
    container = made.one("Container").inputs
    own = names.release_port(FULL, release(made))
    side = side_port(made)
    assert container["ports"] == [
        {"internal": 8069, "external": own, "ip": "127.0.0.1"},
        {"internal": 8072, "external": side, "ip": "127.0.0.1"},
    ]
    assert {"PORT=8069", "GEVENT_PORT=8072"} <= set(container["envs"])


def test_a_rootless_container_does_the_same() -> None:
    made = deployed(as_rootless)
    lines = document(made, "start")["content"].splitlines()
    side = side_port(made)
    assert f"PublishPort=127.0.0.1:{side}:8072" in lines
    assert 'Environment="GEVENT_PORT=8072"' in lines


def test_a_unit_is_told_the_ports_of_its_release() -> None:
    made = deployed(as_unit)
    side = side_port(made)
    assert f'Environment="GEVENT_PORT={side}"' in document(made, "unit")["text"].splitlines()


def test_without_side_ports_nothing_is_said_of_them() -> None:
    made = deployed(lambda host: app(host, side_ports={}))
    assert "side_ports" not in document(made, "switch")
    assert len(made.one("Container").inputs["ports"]) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"side_ports": {"Gevent": 1}}, "'Gevent' must be up to 20 lower-case letters and digits"),
        ({"side_ports": {"a-b": 1}}, "'a-b' must be up to 20"),
        ({"side_ports": {"gevent": 0}}, "gevent: must be from 1 to 65535"),
        ({"side_ports": {"gevent": 8069}}, "gevent: 8069 is container_port too"),
        ({"side_ports": {"a": 1, "b": 1}}, "b: 1 is a too"),
        ({"environment": {"GEVENT_PORT": "1"}}, "GEVENT_PORT is set by the component"),
    ],
)
def test_side_ports_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        deployed(lambda host: app(host, **changes))


def test_a_host_that_cannot_switch_all_at_once_is_refused() -> None:
    with pytest.raises(ValueError, match="side_ports: need nftables on the host"):
        record(lambda: app(fake_host(nftables=False)))


def test_a_release_port_that_two_apps_would_have_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def both(host: Host) -> None:
        app(host)
        App("other", AppArgs(host=host, image="o:1", memory_mib=64, health=HealthCheck(path="/")))

    monkeypatch.setattr(names, "release_port", lambda *_: 20_001)
    message = "app other: release port 20001 is already .* app odoo .*raise revision of app other"
    with pytest.raises(ValueError, match=message):
        record(lambda: both(fake_host()))


def listens() -> Listens:
    return SimpleNamespace(port=10_001, side_ports={"gevent": 10_002})


def plan(**route: Any) -> SitePlan:
    tls = Acme(directory="https://acme.example.com/directory", email="ops@example.com")
    routes = [PathRoute(app=listens()), PathRoute(path="/websocket", app=listens(), **route)]
    settings = SiteSettings(hostnames=["shop.example.com"], routes=routes, tls=tls)
    return SitePlan(system="shop-staging", name="web", settings=settings, tls=tls)


def test_a_route_leads_to_the_side_port_it_names_on_both_proxies() -> None:
    text = nginx.site(plan(side_port="gevent"))
    assert "proxy_pass http://127.0.0.1:10002;" in text
    assert "proxy_pass http://127.0.0.1:10001;" in text
    assert "127.0.0.1:10002" in caddy.site(plan(side_port="gevent"))
    assert "10002" not in nginx.site(plan())


@pytest.mark.parametrize(
    ("route", "message"),
    [
        ({"app": listens(), "side_port": "other"}, "'other' is none of its app, which has gevent"),
        ({"folder": "/srv/x", "side_port": "gevent"}, "is none of its app, which has none"),
    ],
)
def test_a_side_port_that_is_not_there_is_refused(route: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PathRoute(path="/websocket", **route)


def test_a_site_tells_all_stable_ports_that_it_uses() -> None:
    def program() -> None:
        host = fake_host()
        made = app(host)
        proxy = ReverseProxy("proxy", ReverseProxyArgs(host=host, acme_email="ops@example.com"))
        routes = [PathRoute(app=made), PathRoute(path="/ws", app=made, side_port="gevent")]
        Site("shop", SiteArgs(proxy=proxy, hostnames=["shop.example.com"], routes=routes))

    made = record(program)
    meta = json.loads(made.one("Command", "site-shop").inputs["stdin"])["meta"]
    assert meta["ports"] == sorted([names.stable_port(FULL), STABLE])
