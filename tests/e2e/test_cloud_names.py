"""The local cloud answers under the internet's names: DNS, registries, certificates."""

import socket
import ssl
import time
from collections.abc import Iterator

import pytest
from hcloud import Client
from hcloud.zones import BoundZone, ZoneRecord

from homeport.cloud import served
from homeport.cloud.contract import MachineryError
from homeport.cloud.instance import Cloud
from tests.e2e.conftest import Machine, until

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def zone(client: Client) -> Iterator[BoundZone]:
    answer = client.zones.create(name="example.org", mode="primary", ttl=60)
    answer.action.wait_until_finished()
    yield answer.zone
    answer.zone.delete().action.wait_until_finished()


def add(zone: BoundZone, name: str, kind: str, *values: str) -> None:
    records = [ZoneRecord(value=value) for value in values]
    zone.create_rrset(name=name, type=kind, ttl=60, records=records).action.wait_until_finished()


def test_records_appear_on_the_wire_and_go(zone: BoundZone, cloud: Cloud) -> None:
    add(zone, "www", "A", "192.0.2.1")
    add(zone, "alias", "CNAME", "www")
    add(zone, "@", "TXT", '"v=spf1 -all"')
    assert cloud.resolve("www.example.org") == "192.0.2.1"
    assert cloud.resolve("alias.example.org") == "192.0.2.1"
    assert cloud.resolve("example.org", "TXT") == '"v=spf1 -all"'
    assert cloud.resolve("example.org", "NS").endswith(("hetzner.com", "hetzner.de"))
    zone.get_rrset("alias", "CNAME").delete_rrset().action.wait_until_finished()
    with pytest.raises(MachineryError, match="no A for alias"):
        cloud.resolve("alias.example.org")


def test_names_outside_the_cloud_do_not_exist(cloud: Cloud) -> None:
    with pytest.raises(MachineryError, match="does not exist"):
        cloud.resolve("www.wikipedia.org")


def test_reverse_names_are_served(docker_machine: Machine) -> None:
    machine = docker_machine
    machine.server.change_dns_ptr(machine.ip, "one.example.org").wait_until_finished()
    assert machine.run(f"dig +short -x {machine.ip}") == "one.example.org."


def test_a_server_reaches_the_vendors_api_by_its_real_name(
    docker_machine: Machine, cloud: Cloud
) -> None:
    ask = "curl -sS -o /dev/null -w '%{http_code}' https://api.hetzner.cloud/v1/zones"
    assert docker_machine.run(ask) == "401"
    assert docker_machine.run(f"{ask} -H 'Authorization: Bearer {cloud.token}'") == "200"


def test_a_server_pulls_images_by_their_real_names(docker_machine: Machine, cloud: Cloud) -> None:
    docker_machine.run("docker pull -q busybox:1.37")
    assert docker_machine.run("docker run --rm busybox:1.37 echo inside") == "inside"
    digest = served.digests(cloud)["ghcr.io/homeport/hello:1.0.0"]
    docker_machine.run(f"docker run -d --name hello -p 8088:8080 ghcr.io/homeport/hello@{digest}")
    until(
        lambda: docker_machine.ssh("curl -sS http://127.0.0.1:8088/").stdout.startswith(
            "hello from"
        ),
        10,
        "the page of hello",
    )
    docker_machine.run("docker rm -f hello")


def test_an_image_that_is_not_served_is_not_found(docker_machine: Machine) -> None:
    done = docker_machine.ssh("docker pull -q postgres:1")
    assert done.returncode != 0
    assert "not found" in done.stderr or "manifest unknown" in done.stderr


def test_the_private_registry_wants_a_login(docker_machine: Machine, cloud: Cloud) -> None:
    image = "registry.example.com/homeport/hello:1.0.0"
    refused = docker_machine.ssh(f"docker pull -q {image}")
    assert refused.returncode != 0
    assert "no basic auth credentials" in refused.stderr
    docker_machine.run(
        f"echo {cloud.registry_password}"
        " | docker login -u homeport --password-stdin registry.example.com"
    )
    docker_machine.run(f"docker pull -q {image}")
    docker_machine.run(
        f"docker tag {image} registry.example.com/mine:1"
        " && docker push -q registry.example.com/mine:1"
    )
    docker_machine.run("docker logout registry.example.com")


def test_postgres_keeps_the_official_images_contract(docker_machine: Machine) -> None:
    # Assembled here, so that nothing in the repository looks like a password.
    password = "-".join(["made", "for", "this", "run"])
    machine = docker_machine
    machine.run(
        "mkdir -p /srv/init"
        " && echo 'create table t(n int); insert into t values (7);' > /srv/init/a.sql"
    )
    machine.run(f"printf %s {password} > /srv/password")
    machine.run(
        "docker run -d --name db -e POSTGRES_USER=boss -e POSTGRES_DB=shop"
        " -e POSTGRES_PASSWORD_FILE=/run/pw -v /srv/password:/run/pw:ro"
        " -v /srv/init:/docker-entrypoint-initdb.d:ro postgres:17 -c max_connections=23",
        timeout=180,
    )
    ask = "docker exec db psql -h 127.0.0.1 -U boss -d shop -Atc"
    select = ask + " 'table t'"
    until(lambda: machine.ssh(select).stdout.strip() == "7", 60, "the database")
    assert machine.run(f"{ask} 'show max_connections'") == "23"
    assert machine.run("docker exec db stat -c %u /proc/1") == "999"
    address = machine.run("docker inspect -f '{{.NetworkSettings.IPAddress}}' db")
    remote = (
        "docker run --rm -e PGPASSWORD={} --entrypoint psql postgres:17"
        " -h {} -U boss -d shop -Atc 'select 1'"
    )
    assert machine.run(remote.format(password, address)) == "1"
    assert "password authentication failed" in machine.ssh(remote.format("wrong", address)).stderr
    machine.run("docker rm -fv db")


def test_a_site_gets_a_certificate_by_acme(
    docker_machine: Machine, zone: BoundZone, cloud: Cloud
) -> None:
    machine = docker_machine
    add(zone, "shop", "A", machine.ip)
    machine.run(
        "printf 'shop.example.org {\\n respond \"open\"\\n}\\n' > /etc/caddy/Caddyfile"
        " && systemctl restart caddy"
    )
    context = ssl.create_default_context(cafile=str(cloud.ca_file))

    def served_over_tls() -> bool:
        try:
            with (
                socket.create_connection((machine.ip, 443), 2) as plain,
                context.wrap_socket(plain, server_hostname="shop.example.org") as secure,
            ):
                certificate = secure.getpeercert()
        except OSError:
            return False
        assert certificate
        assert ("DNS", "shop.example.org") in certificate["subjectAltName"]
        days = (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / 86400
        return 80 < days <= 91

    until(served_over_tls, 60, "a certificate")
    # Servers trust it without being told, the machine that runs the cloud does not.
    assert machine.run("curl -sS https://shop.example.org/") == "open"
    with (
        socket.create_connection((machine.ip, 443), 2) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(plain, server_hostname="shop.example.org")
