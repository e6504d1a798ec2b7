import ipaddress
from pathlib import Path

import pytest
from hcloud import APIException, Client
from hcloud.locations import Location
from hcloud.primary_ips import BoundPrimaryIP
from hcloud.servers import ServerCreatePublicNetwork

from tests.unit.cloud.machinery import MemoryMachinery
from tests.unit.cloud.orders import EU, code_of, order
from tests.unit.cloud.service import Stage


def reserve(client: Client, name: str = "fixed", **more: object) -> BoundPrimaryIP:
    options = {"type": "ipv4", "location": EU, "auto_delete": False}
    return client.primary_ips.create(name=name, **(options | more)).primary_ip


def test_a_server_gets_its_primary_ip_and_leaves_it_behind(
    client: Client, machinery: MemoryMachinery
) -> None:
    ip = reserve(client)
    public = ServerCreatePublicNetwork(ipv4=ip, enable_ipv6=False)
    server = order(client, public_net=public)
    assert server.public_net.ipv4.ip == ip.ip
    assert str(machinery.servers[server.id].ipv4) == ip.ip
    assert client.primary_ips.get_by_id(ip.id).assignee_id == server.id
    assert code_of(lambda: order(client, name="b", public_net=public)) == "primary_ip_assigned"
    server.delete().wait_until_finished()
    assert client.primary_ips.get_by_id(ip.id).assignee_id is None


def test_a_primary_ip_with_auto_delete_goes_with_its_server(client: Client) -> None:
    ip = reserve(client, auto_delete=True)
    server = order(client, public_net=ServerCreatePublicNetwork(ipv4=ip, enable_ipv6=False))
    server.delete().wait_until_finished()
    assert client.primary_ips.get_all() == []


def test_an_address_of_the_wrong_place_or_version_is_refused(client: Client) -> None:
    there = reserve(client, "there", location=Location(name="ash"))
    six = reserve(client, "six", type="ipv6")
    wrong_place = ServerCreatePublicNetwork(ipv4=there)
    assert (
        code_of(lambda: order(client, public_net=wrong_place)) == "primary_ip_datacenter_mismatch"
    )
    wrong_version = ServerCreatePublicNetwork(ipv4=six)
    assert code_of(lambda: order(client, public_net=wrong_version)) == "primary_ip_version_mismatch"


def test_addresses_move_between_servers_that_are_off(
    client: Client, machinery: MemoryMachinery
) -> None:
    ip = reserve(client)
    closed = ServerCreatePublicNetwork(enable_ipv4=False, enable_ipv6=True)
    server = order(client, public_net=closed)
    assert code_of(lambda: ip.assign(server.id, "server")) == "server_not_stopped"
    server.power_off().wait_until_finished()
    ip.assign(server.id, "server").wait_until_finished()
    assert machinery.called("change_address") == [(server.id, ipaddress.IPv4Address(ip.ip))]
    assert code_of(lambda: ip.assign(server.id, "server")) == "primary_ip_already_assigned"
    other = reserve(client, "other")
    assert code_of(lambda: other.assign(server.id, "server")) == "server_has_ipv4"
    ip.unassign().wait_until_finished()
    assert machinery.called("change_address")[-1] == (server.id, None)
    assert client.servers.get_by_id(server.id).public_net.ipv4 is None


def test_an_assignment_that_fails_leaves_the_address_free(
    client: Client, machinery: MemoryMachinery
) -> None:
    ip = reserve(client)
    closed = ServerCreatePublicNetwork(enable_ipv4=False, enable_ipv6=True)
    server = order(client, public_net=closed, start_after_create=False)
    machinery.fail("change_address", "the bridge is gone")
    action = ip.assign(server.id, "server")
    with pytest.raises(Exception, match="the bridge is gone"):
        action.wait_until_finished()
    assert client.primary_ips.get_by_id(ip.id).assignee_id is None


def test_a_protected_address_stays(client: Client) -> None:
    ip = reserve(client)
    ip.change_protection(delete=True).wait_until_finished()
    assert code_of(ip.delete) == "protected"
    ip.change_protection(delete=False).wait_until_finished()
    ip.delete()
    assert code_of(lambda: client.primary_ips.get_by_id(ip.id)) == "not_found"


def test_an_assigned_address_is_deleted_only_from_a_server_that_is_off(
    client: Client, machinery: MemoryMachinery
) -> None:
    ip = reserve(client)
    server = order(client, public_net=ServerCreatePublicNetwork(ipv4=ip, enable_ipv6=False))
    assert code_of(ip.delete) == "server_not_stopped"
    server.power_off().wait_until_finished()
    ip.delete()
    assert machinery.called("change_address") == [(server.id, None)]
    assert client.servers.get_by_id(server.id).public_net.ipv4 is None


def test_names_of_addresses_are_unique_and_change(client: Client) -> None:
    ip = reserve(client)
    assert code_of(lambda: reserve(client)) == "uniqueness_error"
    changed = ip.update(name="other", auto_delete=True, labels={"a": "b"})
    assert (changed.name, changed.auto_delete, changed.labels) == ("other", True, {"a": "b"})


def test_reverse_names_are_set_and_reset(client: Client, machinery: MemoryMachinery) -> None:
    ip = reserve(client)
    default = ip.dns_ptr[0]["dns_ptr"]
    ip.change_dns_ptr(ip=ip.ip, dns_ptr="mail.example.org").wait_until_finished()
    address = ipaddress.IPv4Address(ip.ip)
    assert machinery.reverse == {address: "mail.example.org"}
    assert client.primary_ips.get_by_id(ip.id).dns_ptr == [
        {"ip": ip.ip, "dns_ptr": "mail.example.org"}
    ]
    server = order(client, public_net=ServerCreatePublicNetwork(ipv4=ip))
    assert server.public_net.ipv4.dns_ptr == "mail.example.org"
    server.change_dns_ptr(ip.ip, None).wait_until_finished()
    assert machinery.reverse == {}
    assert client.primary_ips.get_by_id(ip.id).dns_ptr[0]["dns_ptr"] == default
    assert code_of(lambda: server.change_dns_ptr("203.0.113.9", "x.example.org")) == "invalid_input"


def test_a_reverse_name_of_version_six_is_recorded(client: Client) -> None:
    server = order(client)
    first = str(ipaddress.IPv6Network(server.public_net.ipv6.ip)[1])
    server.change_dns_ptr(first, "six.example.org").wait_until_finished()
    server.reload()
    assert server.public_net.ipv6.dns_ptr == [{"ip": first, "dns_ptr": "six.example.org"}]


def test_an_address_given_back_is_not_the_next_one_given_out(client: Client) -> None:
    first = reserve(client, "first")
    first.delete()
    assert reserve(client, "second").ip != first.ip


def test_a_full_network_says_so(stage: Stage, tmp_path: Path) -> None:
    machinery = MemoryMachinery("192.0.2.0/27")
    with stage.serving(tmp_path / "db", machinery) as service:
        client = service.client()
        found = {reserve(client, f"ip-{number}").ip for number in range(15)}
        assert len(found) == 15
        with pytest.raises(APIException, match="no free address is left") as refused:
            reserve(client, "one-more")
        assert refused.value.code == "resource_unavailable"
