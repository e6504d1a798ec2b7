"""Volumes, private networks, load balancers and storage boxes of the local cloud are real."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import httpx
import pytest
from hcloud import Client
from hcloud.load_balancer_types import LoadBalancerType
from hcloud.load_balancers import (
    LoadBalancerAlgorithm,
    LoadBalancerHealthCheck,
    LoadBalancerService,
    LoadBalancerTarget,
)
from hcloud.locations import Location
from hcloud.networks import NetworkSubnet
from hcloud.volumes import BoundVolume

from homeport.cloud.instance import Cloud
from homeport.cloud.machinery import for_instance
from tests.e2e.conftest import Machine, MakeMachine, until

pytestmark = pytest.mark.e2e

SERVE = "systemd-run --unit web python3 -m http.server 8080 --directory /srv/www"


@pytest.fixture(scope="module")
def pair(make_machine: MakeMachine) -> list[Machine]:
    machines = [make_machine("left"), make_machine("right", "debian-13")]
    for machine in machines:
        machine.wait_for_ssh()
        name = machine.server.name
        machine.run(f"mkdir /srv/www && echo {name} > /srv/www/index.html")
        machine.run(SERVE)
    return machines


@pytest.fixture(params=["ext4", "xfs"])
def volume(
    request: pytest.FixtureRequest, pair: list[Machine], client: Client
) -> Iterator[BoundVolume]:
    name = f"data-{request.param}"
    answer = client.volumes.create(
        size=10, name=name, server=pair[0].server, format=request.param, automount=True
    )
    for action in [answer.action, *answer.next_actions]:
        action.wait_until_finished()
    made = client.volumes.get_by_id(answer.volume.id)
    yield made
    if client.volumes.get_by_id(made.id).server:
        made.detach().wait_until_finished()
    made.delete()


def test_a_volume_keeps_files_and_grows(volume: BoundVolume, pair: list[Machine]) -> None:
    machine = pair[0]
    assert volume.linux_device == f"/dev/disk/by-id/scsi-0HC_Volume_{volume.id}"
    place = f"/mnt/HC_Volume_{volume.id}"
    assert machine.run(f"findmnt -no FSTYPE {place}") == volume.format
    machine.run(f"echo kept > {place}/file; sync")

    volume.resize(12).wait_until_finished()
    # Growing a mounted ext4 takes a capability that not every machine can give to a container.
    device = volume.linux_device
    offline = f"umount {place} && e2fsck -fp {device} && resize2fs {device} && mount {place}"
    machine.run({"ext4": offline, "xfs": f"xfs_growfs {place}"}[str(volume.format)])
    assert int(machine.run(f"df -BG --output=size {place} | tail -n1").strip("G ")) >= 11

    machine.server.reboot().wait_until_finished()
    machine.wait_for_ssh()
    machine.run(SERVE)
    assert machine.run(f"cat {place}/file") == "kept"

    volume.detach().wait_until_finished()
    assert machine.ssh(f"test -e {volume.linux_device}").returncode != 0


def test_servers_meet_in_a_private_network(pair: list[Machine], client: Client) -> None:
    network = client.networks.create("inside", "10.7.0.0/16")
    subnet = NetworkSubnet(type="cloud", ip_range="10.7.1.0/24", network_zone="eu-central")
    network.add_subnet(subnet).wait_until_finished()
    for machine in pair:
        machine.server.attach_to_network(network).wait_until_finished()
    addresses = [client.servers.get_by_id(m.server.id).private_net[0].ip for m in pair]
    assert all(ipaddress.ip_address(a) in ipaddress.ip_network("10.7.1.0/24") for a in addresses)
    assert pair[0].run(f"curl -sS -m 5 http://{addresses[1]}:8080/") == "right"
    pair[1].server.reboot().wait_until_finished()
    pair[1].wait_for_ssh()
    pair[1].run(SERVE)
    pair[0].run(f"curl -sS -m 5 --retry 5 --retry-connrefused http://{addresses[1]}:8080/")
    for machine in pair:
        machine.server.detach_from_network(network).wait_until_finished()
    assert pair[0].ssh(f"curl -sS -m 1 http://{addresses[1]}:8080/").returncode != 0
    network.delete()


def test_a_load_balancer_spreads_requests(pair: list[Machine], client: Client) -> None:
    check = LoadBalancerHealthCheck(protocol="tcp", port=8080, interval=3, timeout=2, retries=1)
    service = LoadBalancerService(
        protocol="tcp",
        listen_port=80,
        destination_port=8080,
        proxyprotocol=False,
        health_check=check,
    )
    answer = client.load_balancers.create(
        "spread",
        LoadBalancerType(name="lb11"),
        algorithm=LoadBalancerAlgorithm("round_robin"),
        services=[service],
        targets=[LoadBalancerTarget(type="server", server=m.server) for m in pair],
        location=Location(name="fsn1"),
    )
    answer.action.wait_until_finished()
    balancer = client.load_balancers.get_by_id(answer.load_balancer.id)
    url = f"http://{balancer.public_net.ipv4.ip}/"

    def hosts() -> set[str]:
        try:
            return {httpx.get(url, timeout=2, trust_env=False).text.strip() for _ in range(6)}
        except httpx.HTTPError:
            return set()

    until(lambda: hosts() == {"left", "right"}, 20, "both targets behind the load balancer")
    pair[1].run("systemctl stop web")
    until(lambda: hosts() == {"left"}, 20, "the end of the stopped target's share")
    balancer.delete()


async def test_a_storage_box_is_an_sftp_account(cloud: Cloud, tmp_path: Path) -> None:
    machinery = for_instance(cloud)
    password = "-".join(["a", "password", "of", "this", "run"])
    host = machinery.create_storage_box(77, "u77", password, ())
    address = cloud.resolve(host)
    try:
        for port in (22, 23):
            async with (
                asyncssh.connect(
                    address,
                    port,
                    username="u77",
                    password=password,
                    known_hosts=None,
                    client_keys=None,
                ) as connection,
                connection.start_sftp_client() as sftp,
            ):
                (tmp_path / "file").write_text("kept")
                await sftp.put(str(tmp_path / "file"), f"file-{port}")
                assert await sftp.realpath(".") == "/home"
                with pytest.raises(asyncssh.SFTPError):
                    await sftp.stat("/etc/passwd")
                assert (await connection.run("id")).exit_status != 0
        with pytest.raises(asyncssh.PermissionDenied):
            await asyncssh.connect(
                address, 22, username="u77", password="wrong", known_hosts=None, client_keys=None
            )
    finally:
        machinery.delete_storage_box(77)
