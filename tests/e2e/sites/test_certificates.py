"""Every way to a certificate, on every proxy that has it, and what renews it."""

import functools
import ssl
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.conftest import until
from tests.e2e.sites.asking import ZONE, Deployed, Server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

RENEWAL = "homeport-certificates-sites-test.service"
WAYS = {
    "caddy": ("short.", "wild.", "dyn-"),
    "nginx": ("short.", "wild."),
    "beside": ("short.", "wild.", "dyn-"),
}
"""By server, the sites whose certificates end soon: asked for over HTTP, by API, by update."""
ALL = [(name, role) for name, roles in WAYS.items() for role in roles]
OFTEN = "/etc/caddy/homeport.d/test-often.global"


def serial(server: Server, role: str = "") -> str:
    """Return the number of the certificate that a site shows, be it valid or not."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    ask = f"openssl s_client -connect 127.0.0.1:443 -servername {server.hostname(role)}"
    return server.run(f"{ask} </dev/null 2>/dev/null | openssl x509 -noout -serial")


def valid(server: Server, role: str) -> bool:
    """Whether a visitor gets the site, with a certificate that is right and has not ended."""
    try:
        return server.ask("/up.txt", role).text == "up\n"
    except httpx.ConnectError:
        return False


@pytest.fixture(scope="module")
def fresh(deployed: Deployed) -> Iterator[dict[tuple[str, str], str]]:
    """Certificates that have just been renewed, whether or not they had ended before."""
    servers = deployed.servers
    caddy = servers["caddy"]
    before = {(name, role): serial(servers[name], role) for name, role in ALL}
    caddy.run(f"cat >{OFTEN}; systemctl reload caddy", stdin="renew_interval 1s\n")
    for name, role in ALL:
        number, server = before[name, role], servers[name]
        until(functools.partial(renewed, server, role, number), 300, f"{name} {role}")
    yield {(name, role): serial(servers[name], role) for name, role in ALL}
    caddy.run(f"rm {OFTEN}; systemctl reload caddy")


def renewed(server: Server, role: str, number: str) -> bool:
    """Whether another certificate is served than the numbered; starts what the timer starts."""
    if serial(server, role) == number:
        server.run(f"systemctl start {RENEWAL}")
        time.sleep(1)
    return serial(server, role) != number


def test_every_certificate_is_replaced_before_it_ends_and_the_site_serves_the_new_one(
    deployed: Deployed, fresh: dict[tuple[str, str], str]
) -> None:
    long_lived = {name: serial(server) for name, server in deployed.servers.items()}
    # By site its certificate, and whether it was valid whenever somebody looked.
    waiting = {way: (number, True) for way, number in fresh.items()}
    end = time.monotonic() + 600
    while waiting:
        assert time.monotonic() < end, f"not renewed in time: {waiting}"
        for (name, role), (number, unbroken) in list(waiting.items()):
            server = deployed.servers[name]
            good = unbroken and valid(server, role)
            if not renewed(server, role, number):
                waiting[name, role] = (number, good)
            elif good and valid(server, role):
                del waiting[name, role]
            else:
                # A machine that was too busy to start the renewal in time gets another chance.
                waiting[name, role] = (serial(server, role), True)
    # What is not due is left alone.
    assert {name: serial(server) for name, server in deployed.servers.items()} == long_lived


@pytest.mark.parametrize("name", list(WAYS))
def test_a_timer_renews_what_certbot_got(deployed: Deployed, name: str) -> None:
    timer = RENEWAL.replace("service", "timer")
    assert deployed.servers[name].run(f"systemctl is-active {timer}").strip() == "active"


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(("name", "role"), [way for way in ALL if way[1] != "short."])
def test_a_wildcard_is_every_name_one_level_below_and_no_other(
    deployed: Deployed, name: str, role: str
) -> None:
    server = deployed.servers[name]
    server.run(f"systemctl start {RENEWAL}")
    for below in ("", "a.", "some-tenant."):
        assert server.ask("/up.txt", f"{below}{role}").text == "up\n"
    with pytest.raises(httpx.ConnectError):
        server.ask("/up.txt", f"a.b.{role}")


@pytest.mark.usefixtures("fresh")
def test_challenges_leave_the_values_of_others_in_the_zone(deployed: Deployed) -> None:
    zone = deployed.stack.cloud.client.zones.get(ZONE)
    for name in WAYS:
        left = zone.get_rrset(f"_acme-challenge.wild.{name}", "TXT").records
        assert [record.value for record in left or []] == ['"theirs"']


def test_tokens_and_keys_are_roots_alone_and_the_proxys_copy_is_for_the_proxy(
    deployed: Deployed,
) -> None:
    for server in deployed.servers.values():
        folder = "/opt/homeport/sites-test/acme-dns"
        modes = set(server.run(f"stat -c '%a %U:%G' {folder} {folder}/*").splitlines())
        assert modes == {"700 root:root", "600 root:root"}
    copies = deployed.servers["caddy"].run("stat -c '%a %U:%G' /etc/caddy/homeport.d/*.pem")
    assert copies.splitlines() == ["640 root:caddy"] * 2


def test_a_name_that_the_endpoint_allows_gets_its_certificate_when_it_is_first_asked_for(
    deployed: Deployed,
) -> None:
    caddy = deployed.servers["caddy"]
    for role in ("tenants.", "welcome.tenants.", "welcome."):
        assert valid(caddy, role), role
        answer = caddy.ask("/up.txt?x=1", role, scheme="http")
        assert answer.status_code == 308
        assert answer.headers["location"] == f"https://{caddy.hostname(role)}/up.txt?x=1"
    for role in ("unwelcome.", "unwelcome.tenants."):
        with pytest.raises(httpx.ConnectError):
            caddy.ask("/up.txt", role)
