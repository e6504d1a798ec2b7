"""What is left when the sites go: what was there before, and nothing else."""

import pytest

from tests.e2e.sites.asking import Deployed, configuration

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def test_without_its_sites_a_server_is_as_it_was(deployed: Deployed) -> None:
    deployed.stack.configure(open="false")
    deployed.stack.up()
    beside, nginx, caddy = (deployed.servers[name] for name in ("beside", "nginx", "caddy"))
    assert set(configuration(beside).splitlines()) ^ set(deployed.found.splitlines()) == set()
    theirs = beside.run("curl -s -H 'Host: foreign.sites.example.com' http://127.0.0.1/")
    assert theirs == "theirs\n"
    for server in (beside, nginx, caddy):
        assert "acme" not in server.run("ls /opt/homeport/sites-test")
        assert server.console("ls", f"/etc/{server.kind}/homeport.d").returncode != 0
        found = server.run("ls /etc/systemd/system /var/lib")
        assert "homeport-certificates" not in found
        assert "homeport-acme" not in found
    assert nginx.console("systemctl", "is-active", "nginx").stdout == "inactive\n"
    assert nginx.run("readlink /etc/nginx/sites-enabled/default").strip().endswith("/default")
    assert caddy.console("systemctl", "is-active", "caddy").stdout == "inactive\n"
