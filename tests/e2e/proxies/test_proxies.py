"""What changes a proxy, under load: a site, a certificate, an upgrade, and mishaps meanwhile."""

import json
import socket
import ssl
from collections.abc import Iterator

import pytest

from homeport.cloud.instance import Cloud
from tests.e2e.conftest import until
from tests.e2e.local_stack import local_cloud, open_stack
from tests.e2e.proxies.deployed import KINDS, PROGRAM, Deployed, Server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def deployed(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("proxies")
    stack = open_stack("proxies", PROGRAM, folder, local_cloud(cloud))
    stack.configure(acme="letsencrypt-staging")
    try:
        stack.up()
        servers = {kind: Server(kind, stack.output(kind), cloud) for kind in KINDS}
        for server in servers.values():
            server.settle()
        yield Deployed(stack, servers)
    finally:
        stack.destroy()


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, deployed: Deployed) -> Server:
    """Each server in turn."""
    return deployed.servers[request.param]


def test_a_change_of_a_site_loses_no_request(deployed: Deployed) -> None:
    before = {kind: server.process for kind, server in deployed.servers.items()}
    with deployed.under_load():
        deployed.stack.configure(max_body_mib="2")
        deployed.stack.up()
        for server in deployed.servers.values():
            server.settle()
    for kind, server in deployed.servers.items():
        assert server.process != before[kind], "it runs with what the stand-in showed"
        limit = server.run("sh", "-c", f"cat /etc/{kind}/homeport.d/*main.*")
        assert "2MiB" in limit or "2m;" in limit


def test_an_upgrade_loses_no_request(deployed: Deployed) -> None:
    newer = {kind: server.offer_newer_package() for kind, server in deployed.servers.items()}
    with deployed.under_load():
        deployed.stack.configure(upgraded_by="newer")
        deployed.stack.up()
        for server in deployed.servers.values():
            server.settle()
    for kind, server in deployed.servers.items():
        shown = "${Version} ${db:Status-Want}"
        assert server.run("dpkg-query", "-W", "-f", shown, kind) == f"{newer[kind]} hold"


def test_a_renewed_certificate_is_served_without_losing_a_request(deployed: Deployed) -> None:
    # Caddy renews in the process that serves; certbot's hook reloads nginx.
    nginx = deployed.servers["nginx"]
    live = "/opt/homeport/proxies-test/acme/live/nginx-main/fullchain.pem"
    with deployed.under_load():
        nginx.renew_certificate()
        assert nginx.standing_in
        served = nginx.certificate
        nginx.settle()
    renewed = ssl.PEM_cert_to_DER_cert(nginx.run("openssl", "x509", "-in", live) + "\n")
    assert served == nginx.certificate == renewed


def test_a_stand_in_knows_its_visitors_and_open_websockets_stay_where_they_are(
    server: Server,
) -> None:
    before = server.process
    with server.websocket() as kept:
        kept.send("before")
        assert kept.recv(timeout=30) == "before"
        server.run("systemctl", "reload", server.kind)
        assert server.standing_in
        headers = json.dumps(server.ask("/api/headers").json())
        with socket.create_connection((server.address, 80), timeout=30) as own:
            assert own.getsockname()[0] in headers
        for port in (31081, 31441):
            assert not server.reachable(port)
        kept.send("after")
        assert kept.recv(timeout=30) == "after"
        assert server.process == before, "as long as somebody is connected to it"
    server.settle()
    assert server.process != before


def test_a_stand_in_that_is_killed_leaves_the_traffic_to_the_proxy(server: Server) -> None:
    with server.websocket():
        server.run("systemctl", "reload", server.kind)
        server.run("systemctl", "kill", "--signal=KILL", "homeport-standin@1.service")
        until(lambda: server.answers, 120, "an answer")
    server.settle()
    assert server.answers


def test_where_a_filter_of_somebody_else_stands_the_proxy_reloads_itself(server: Server) -> None:
    chain = "type filter hook input priority 5; policy accept; tcp dport 9 drop;"
    theirs = f"table ip theirs {{ chain input {{ {chain} }}; }}"
    server.run("nft", "-f", "-", stdin=theirs)
    try:
        before = server.process
        server.run("systemctl", "reload", server.kind)
        assert not server.standing_in
        assert server.process == before
        log = server.run("journalctl", "-u", server.kind, "-n", "50", "-o", "cat")
        assert "reloaded without a stand-in: chain input of table ip theirs" in log
        assert server.answers
    finally:
        server.run("nft", "delete", "table", "ip", "theirs")


def test_a_restart_of_dockers_engine_leaves_apps_running_and_the_site_answers_again(
    server: Server,
) -> None:
    # It cuts what goes through the engine's port handlers: docs/switch.md says how much.
    started = ("sh", "-c", "docker inspect -f '{{.State.StartedAt}}' $(docker ps -q)")
    before = server.run(*started)
    with server.load() as load:
        server.run("systemctl", "restart", "docker")
        until(lambda: server.answers, 120, "an answer")
    print(f"{server.kind}: {dict(load.answers)}, worst {load.worst_seconds:.1f} s")
    assert server.run(*started) == before
