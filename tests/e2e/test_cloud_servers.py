"""Servers of the local cloud are machines: they boot, keep files, and are walled."""

import socket

import pytest
from hcloud import Client
from hcloud.firewalls import FirewallRule
from hcloud.servers import BoundServer

from homeport.cloud.instance import Cloud
from tests.e2e.conftest import Machine, MakeMachine, until

pytestmark = pytest.mark.e2e


def opens(address: str, port: int, timeout: float = 1.5) -> bool:
    try:
        socket.create_connection((address, port), timeout).close()
    except TimeoutError:
        return False
    return True


def boot_of(machine: Machine) -> str:
    """Return what differs between two boots; nothing while the machine does not answer."""
    return machine.ssh("cut -d' ' -f22 /proc/1/stat").stdout.strip()


def test_user_data_is_run_by_cloud_init(docker_machine: Machine) -> None:
    assert docker_machine.run("cat /etc/greeting") == "hello"
    assert docker_machine.run("test -e /root/ran && id -un deploy") == "deploy"
    assert "done" in docker_machine.run("cloud-init status")
    assert docker_machine.run("hostname") == "docker-machine"
    assert docker_machine.run("systemctl is-system-running") == "running"
    assert docker_machine.run("ls /etc/ssh/ssh_host_*_key") == "/etc/ssh/ssh_host_ed25519_key"


def test_password_login_is_off(docker_machine: Machine) -> None:
    assert "passwordauthentication no" in docker_machine.run("sshd -T")


@pytest.mark.parametrize("image", ["debian-12", "debian-13"])
def test_a_server_reboots_and_keeps_its_files(
    image: str, make_machine: MakeMachine, client: Client
) -> None:
    machine = make_machine(f"reboots-{image}", image)
    machine.wait_for_ssh()
    assert machine.run("cloud-init status --wait; systemctl is-system-running --wait").endswith(
        "running"
    )
    assert machine.run("grep VERSION_ID /etc/os-release").endswith(f'{image[-2:]}"')
    machine.run("echo kept > /root/file; echo gone > /run/file; sync")
    before = boot_of(machine)

    machine.server.reboot().wait_until_finished()
    machine.wait_for_ssh()
    assert boot_of(machine) != before
    assert machine.run("cat /root/file; test ! -e /run/file && echo no") == "kept\nno"

    machine.server.power_off().wait_until_finished()
    assert machine.ssh("true").returncode != 0
    assert client.servers.get_by_id(machine.server.id).status == BoundServer.STATUS_OFF
    machine.server.power_on().wait_until_finished()
    machine.wait_for_ssh()
    assert machine.run("cat /root/file") == "kept"

    running = boot_of(machine)
    machine.ssh("systemctl reboot")
    until(lambda: boot_of(machine) not in {"", running}, 60, "a reboot from within")

    machine.ssh("systemctl poweroff")
    off = BoundServer.STATUS_OFF
    until(lambda: client.servers.get_by_id(machine.server.id).status == off, 60, "a power-off")


def test_servers_differ_in_host_key_and_machine_id(
    make_machine: MakeMachine,
) -> None:
    one = make_machine("reboots-debian-12x")
    two = make_machine("reboots-debian-12y")
    for machine in (one, two):
        machine.wait_for_ssh()
    assert one.run("cat /etc/machine-id") != two.run("cat /etc/machine-id")
    for machine in (one, two):
        machine.server.delete().wait_until_finished()


def test_a_firewall_is_enforced_from_outside(
    make_machine: MakeMachine, client: Client, cloud: Cloud, docker_machine: Machine
) -> None:
    anywhere = ["0.0.0.0/0", "::/0"]
    ssh_only = FirewallRule("in", "tcp", source_ips=anywhere, port="22")
    wall = client.firewalls.create("wall", [ssh_only]).firewall
    machine = make_machine("walled", firewalls=[wall])
    machine.wait_for_ssh()
    machine.run("systemd-run --unit web python3 -m http.server 8080 && sleep 1")
    assert machine.run("curl -sS -o /dev/null -w '%{http_code}' http://127.0.0.1:8080/") == "200"

    # Neither from this machine nor from another server, and a closed port does not even refuse.
    assert not opens(machine.ip, 8080)
    assert not opens(machine.ip, 8081)
    other = docker_machine.ssh(f"curl -sS -m 2 http://{machine.ip}:8080/")
    assert other.returncode == 28

    # Not even root on the server can lift it; what it asks for itself comes back.
    machine.run("nft flush ruleset")
    assert not opens(machine.ip, 8080)
    assert "newNonce" in machine.run("curl -sS https://acme-v02.api.letsencrypt.org/directory")

    rule = FirewallRule("in", "tcp", source_ips=anywhere, port="8080-8081")
    for action in client.firewalls.set_rules(wall, [ssh_only, rule]):
        action.wait_until_finished()
    assert opens(machine.ip, 8080)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((machine.ip, 8081), 2)

    # A source that is not this machine: open to that server, closed to this one.
    narrow = FirewallRule("in", "tcp", source_ips=[f"{docker_machine.ip}/32"], port="8080")
    for action in client.firewalls.set_rules(wall, [ssh_only, narrow]):
        action.wait_until_finished()
    assert not opens(machine.ip, 8080)
    docker_machine.run(f"curl -sS -m 5 -o /dev/null http://{machine.ip}:8080/")

    # The first outbound rule closes everything else.
    dns = FirewallRule("out", "udp", destination_ips=anywhere, port="53")
    for action in client.firewalls.set_rules(wall, [ssh_only, dns]):
        action.wait_until_finished()
    assert machine.run("getent hosts acme-v02.api.letsencrypt.org").startswith(cloud.front)
    assert (
        machine.ssh("curl -sS -m 2 https://acme-v02.api.letsencrypt.org/directory").returncode == 28
    )
    machine.server.delete().wait_until_finished()
    wall.delete()
