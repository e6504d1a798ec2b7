import ipaddress

import pytest
from hcloud import Client
from hcloud.locations import Location
from hcloud.networks import BoundNetwork, NetworkRoute, NetworkSubnet

from tests.unit.cloud.machinery import MemoryMachinery
from tests.unit.cloud.orders import code_of, order

SUBNET = NetworkSubnet(type="cloud", ip_range="10.0.1.0/24", network_zone="eu-central")


def make(client: Client, name: str = "inside", *subnets: NetworkSubnet) -> BoundNetwork:
    return client.networks.create(name=name, ip_range="10.0.0.0/16", subnets=list(subnets))


def test_a_network_and_its_subnets_come_and_go(client: Client, machinery: MemoryMachinery) -> None:
    network = make(client)
    assert machinery.networks == {network.id: ipaddress.IPv4Network("10.0.0.0/16")}
    network.add_subnet(SUBNET).wait_until_finished()
    network.reload()
    [subnet] = network.subnets
    assert (subnet.ip_range, subnet.gateway, subnet.network_zone) == (
        "10.0.1.0/24", "10.0.0.1", "eu-central",
    )  # fmt: skip
    network.delete_subnet(SUBNET).wait_until_finished()
    network.delete()
    assert machinery.leftovers() == {}


def test_a_subnet_without_a_range_gets_the_next_free_one(client: Client) -> None:
    network = make(client, "inside", NetworkSubnet("10.0.0.0/24", "cloud", "eu-central"))
    network.add_subnet(NetworkSubnet(None, "cloud", "eu-central")).wait_until_finished()
    network.reload()
    assert [subnet.ip_range for subnet in network.subnets] == ["10.0.0.0/24", "10.0.1.0/24"]


@pytest.mark.parametrize("ip_range", ["10.1.0.0/24", "10.0.1.128/25", "8.8.8.0/24", "10.0.0.1/24"])
def test_a_subnet_that_does_not_fit_is_refused(client: Client, ip_range: str) -> None:
    network = make(client, "inside", SUBNET)
    wrong = NetworkSubnet(ip_range, "cloud", "eu-central")
    assert code_of(lambda: network.add_subnet(wrong)) == "invalid_input"


def test_a_public_range_is_refused(client: Client) -> None:
    public = {"name": "x", "ip_range": "203.0.113.0/24"}
    assert code_of(lambda: client.networks.create(**public)) == "invalid_input"


def test_a_server_gets_an_address_and_gives_it_back(
    client: Client, machinery: MemoryMachinery
) -> None:
    network, server = make(client, "inside", SUBNET), order(client)
    server.attach_to_network(network, ip="10.0.1.7").wait_until_finished()
    server.reload()
    assert [item.ip for item in server.private_net] == ["10.0.1.7"]
    assert machinery.private == {(server.id, network.id): ipaddress.IPv4Address("10.0.1.7")}
    assert [item.id for item in client.networks.get_by_id(network.id).servers] == [server.id]
    assert code_of(lambda: server.attach_to_network(network)) == "server_already_attached"
    assert code_of(lambda: network.delete_subnet(SUBNET)) == "service_error"
    [member] = network.get_member_all()
    assert (member.id, member.type, member.ip, member.subnet) == (
        server.id, "server", "10.0.1.7", "10.0.1.0/24",
    )  # fmt: skip
    server.detach_from_network(network).wait_until_finished()
    assert machinery.private == {}
    server.reload()
    assert server.private_net == []


def test_addresses_in_use_or_reserved_are_not_given_twice(client: Client) -> None:
    network = make(client, "inside", SUBNET)
    first, second = order(client, name="a", networks=[network]), order(client, name="b")
    assert [item.ip for item in first.private_net] == ["10.0.1.2"]
    for ip in ("10.0.1.2", "10.0.1.1", "10.0.1.255", "10.0.9.9"):
        assert code_of(lambda ip=ip: second.attach_to_network(network, ip=ip)) == "ip_not_available"
    second.attach_to_network(network).wait_until_finished()
    second.reload()
    assert second.private_net[0].ip == "10.0.1.3"
    assert second.private_net[0].mac_address != first.private_net[0].mac_address


def test_a_network_without_a_subnet_in_the_zone_takes_no_server(client: Client) -> None:
    network = make(client, "inside", NetworkSubnet("10.0.1.0/24", "cloud", "us-east"))
    server = order(client, location=Location(name="hel1"))
    assert code_of(lambda: server.attach_to_network(network)) == "no_subnet_available"


def test_an_attachment_that_fails_leaves_no_address_behind(
    client: Client, machinery: MemoryMachinery
) -> None:
    network, server = make(client, "inside", SUBNET), order(client)
    machinery.fail("attach_network", "no such bridge")
    with pytest.raises(Exception, match="no such bridge"):
        server.attach_to_network(network).wait_until_finished()
    assert client.servers.get_by_id(server.id).private_net == []


def test_deleting_a_network_detaches_its_servers(
    client: Client, machinery: MemoryMachinery
) -> None:
    network, server = make(client, "inside", SUBNET), order(client)
    server.attach_to_network(network).wait_until_finished()
    network.delete()
    assert machinery.networks == {}
    assert client.servers.get_by_id(server.id).private_net == []


def test_routes_names_ranges_and_protection_change(
    client: Client, machinery: MemoryMachinery
) -> None:
    network = make(client, "inside", SUBNET)
    route = NetworkRoute(destination="192.168.9.0/24", gateway="10.0.1.2")
    network.add_route(route).wait_until_finished()
    assert code_of(lambda: network.add_route(route)) == "invalid_input"
    assert client.networks.get_by_id(network.id).routes[0].destination == "192.168.9.0/24"
    network.delete_route(route).wait_until_finished()
    network.change_ip_range("10.0.0.0/15").wait_until_finished()
    assert machinery.networks == {network.id: ipaddress.IPv4Network("10.0.0.0/15")}
    assert network.update(name="other", labels={"a": "b"}).name == "other"
    network.change_protection(delete=True).wait_until_finished()
    assert code_of(network.delete) == "protected"


def test_a_network_that_cannot_be_made_is_not_there(
    client: Client, machinery: MemoryMachinery
) -> None:
    machinery.fail("create_network", "no more bridges")
    assert code_of(lambda: make(client)) == "server_error"
    assert client.networks.get_all() == []
