"""What changes, mistakes and time do to sites."""

import pytest

from tests.e2e.local_stack import changes
from tests.e2e.sites.asking import Deployed, Server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

BROKEN = {"caddy": "broken.example.com {\n\tnonsense\n}\n", "nginx": "nonsense;\n"}


def site_file(server: Server) -> str:
    suffix = {"caddy": "caddy", "nginx": "conf"}[server.kind]
    return f"/etc/{server.kind}/homeport.d/sites-test-{server.name}-main.{suffix}"


def test_a_second_up_changes_nothing_and_opens_no_connection(deployed: Deployed) -> None:
    count = "journalctl -u ssh -o cat --no-pager | grep -c 'Accepted publickey'"
    if "No memory limit support" in deployed.servers["caddy"].run("docker info 2>&1"):
        # Docker says of such a machine that there is no limit; the first `up` sets it again.
        deployed.stack.up()
    before = {name: server.run(count) for name, server in deployed.servers.items()}
    assert set(changes(deployed.stack.up())) == {"unchanged"}
    assert {name: server.run(count) for name, server in deployed.servers.items()} == before


def test_a_configuration_that_the_proxy_refuses_is_taken_back_and_the_site_goes_on(
    deployed: Deployed,
) -> None:
    servers = deployed.servers.values()
    before = {server.name: server.run(f"cat {site_file(server)}") for server in servers}
    broken = {server.name: site_file(server).replace("-main.", "-zz.") for server in servers}
    for server in servers:
        server.run(f"cat >{broken[server.name]}", stdin=BROKEN[server.kind])
    try:
        deployed.stack.configure(max_body_mib="2")
        done = deployed.stack.pulumi("up", "--yes", "--skip-preview", "--continue-on-error")
        assert done.returncode != 0
        error = done.stdout + done.stderr
        for said in ("caddy validate", "nginx -t", 'unknown directive "nonsense'):
            assert said in error
        assert "no file on the host was changed" in error
        for server in servers:
            assert server.run(f"cat {site_file(server)}") == before[server.name]
            assert server.ask("/livez").status_code == 200
    finally:
        for server in servers:
            server.run(f"rm {broken[server.name]}")
    deployed.stack.up()
    for server in servers:
        assert server.ask("/api/echo", method="POST", content=b"a" * 1_500_000).status_code == 200


def test_the_sites_come_back_by_themselves_after_a_crash(server: Server) -> None:
    pid = server.run(f"systemctl show -P MainPID {server.kind}").strip()
    server.run(f"systemctl kill --signal=KILL {server.kind}")
    name = server.hostname()
    ask = f"curl -sk -o /dev/null --resolve {name}:443:127.0.0.1 https://{name}/livez"
    server.run(f"timeout 30 sh -c 'until {ask}; do sleep 0.2; done'")
    assert server.run(f"systemctl show -P MainPID {server.kind}").strip() != pid
    assert server.ask("/livez").status_code == 200


def test_keys_and_account_of_the_authority_are_roots_alone(nginx: Server) -> None:
    folder = "/opt/homeport/sites-test/acme"
    listed = nginx.run(f"find {folder} -name 'priv*.pem' -type f -o -name private_key.json")
    assert listed.count("privkey") >= 1
    assert listed.count("private_key.json") == 2, "of two authorities"
    modes = nginx.run(f"stat -c '%a %U' {' '.join(listed.split())}")
    assert set(modes.splitlines()) <= {"600 root", "400 root"}
    refused = nginx.console("runuser", "-u", "www-data", "--", "ls", f"{folder}/live")
    assert refused.returncode != 0


def test_who_asks_too_often_is_told_so(nginx: Server) -> None:
    statuses = [nginx.ask("/limited/up.txt").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    assert nginx.ask("/files/up.txt").status_code == 200


def test_caddy_can_sign_for_itself(deployed: Deployed) -> None:
    shown = deployed.servers["caddy"].run(
        "curl -skv --resolve internal-caddy.sites.example.com:443:127.0.0.1 "
        "https://internal-caddy.sites.example.com/up.txt 2>&1"
    )
    assert "issuer: CN=Caddy Local Authority" in shown
    assert shown.endswith("up\n") or "\nup\n" in shown


def test_the_proxys_admin_socket_is_closed_to_other_accounts(deployed: Deployed) -> None:
    caddy = deployed.servers["caddy"]
    request = ("curl", "-sS", "--unix-socket", "/run/caddy/admin.sock", "http://x/config/")
    assert caddy.console("runuser", "-u", "nobody", "--", *request).returncode != 0
    assert caddy.console(*request).returncode == 0, "the test itself must be able to ask"


def test_a_site_of_somebody_else_on_the_same_nginx_goes_on(deployed: Deployed) -> None:
    beside = deployed.servers["beside"]
    theirs = beside.run("curl -s -H 'Host: foreign.sites.example.com' http://127.0.0.1/")
    assert theirs == "theirs\n"
    # Names that nobody has still get what they got before.
    assert "Welcome to nginx" in beside.ask("/", "nobodys-", scheme="http").text
