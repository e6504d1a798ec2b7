import ipaddress

from hcloud import Client
from hcloud.load_balancer_types import LoadBalancerType
from hcloud.load_balancers import (
    BoundLoadBalancer,
    LoadBalancerAlgorithm,
    LoadBalancerHealthCheck,
    LoadBalancerService,
    LoadBalancerTarget,
    LoadBalancerTargetIP,
    LoadBalancerTargetLabelSelector,
)
from hcloud.networks import NetworkSubnet
from hcloud.servers import BoundServer

from homeport.cloud import contract
from tests.unit.cloud.machinery import MemoryMachinery
from tests.unit.cloud.orders import EU, code_of, order


def make(client: Client, **more: object) -> BoundLoadBalancer:
    options = {"name": "edge", "load_balancer_type": LoadBalancerType(name="lb11"), "location": EU}
    response = client.load_balancers.create(**(options | more))
    response.action.wait_until_finished()
    return response.load_balancer


def service(listen: int = 80, destination: int = 8080, **more: object) -> LoadBalancerService:
    return LoadBalancerService(
        protocol="tcp", listen_port=listen, destination_port=destination, **more
    )


def on(server: BoundServer, *, private: bool = False) -> LoadBalancerTarget:
    return LoadBalancerTarget(type="server", server=server, use_private_ip=private)


def applied(machinery: MemoryMachinery, balancer: BoundLoadBalancer) -> tuple[object, object]:
    _, services, targets = machinery.balancers[balancer.id]
    return services, targets


def public(server: BoundServer) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(server.public_net.ipv4.ip)


def test_services_and_targets_reach_the_proxy(client: Client, machinery: MemoryMachinery) -> None:
    first, second = order(client, name="a"), order(client, name="b")
    balancer = make(client, services=[service()], targets=[on(first)])
    assert machinery.balancers[balancer.id][0] == ipaddress.IPv4Address(balancer.public_net.ipv4.ip)
    tcp = contract.LoadBalancerService(listen_port=80, destination_port=8080)
    assert applied(machinery, balancer) == ((tcp,), (public(first),))
    balancer.add_target(on(second)).wait_until_finished()
    balancer.add_service(service(443, 8443, proxyprotocol=True)).wait_until_finished()
    tls = contract.LoadBalancerService(listen_port=443, destination_port=8443, proxyprotocol=True)
    assert applied(machinery, balancer) == ((tcp, tls), (public(first), public(second)))
    balancer.update_service(service(443, 9443)).wait_until_finished()
    balancer.remove_target(on(first)).wait_until_finished()
    balancer.delete_service(service(80)).wait_until_finished()
    moved = contract.LoadBalancerService(listen_port=443, destination_port=9443, proxyprotocol=True)
    assert applied(machinery, balancer) == ((moved,), (public(second),))
    balancer.delete().action.wait_until_finished()
    assert machinery.balancers == {}


def test_a_service_has_the_vendor_s_defaults(client: Client) -> None:
    http = LoadBalancerService(protocol="http", health_check=LoadBalancerHealthCheck("http"))
    balancer = make(client, services=[http])
    balancer.reload()
    [found] = balancer.services
    assert (found.listen_port, found.destination_port, found.proxyprotocol) == (80, 80, False)
    assert found.http.cookie_name == "HCLBSTICKY"
    check = found.health_check
    assert (check.protocol, check.port, check.interval, check.retries) == ("http", 80, 15, 3)
    assert check.http.status_codes == ["2??", "3??"]


def test_wrong_services_and_targets_are_refused(client: Client) -> None:
    server = order(client)
    balancer = make(client, services=[service()], targets=[on(server)])
    assert code_of(lambda: balancer.add_service(service())) == "source_port_already_used"
    assert code_of(lambda: balancer.add_target(on(server))) == "target_already_defined"
    tls = LoadBalancerService(protocol="https")
    assert code_of(lambda: balancer.add_service(tls)) == "unsupported_error"
    private = on(order(client, name="b"), private=True)
    assert code_of(lambda: balancer.add_target(private)) == "load_balancer_not_attached_to_network"
    unknown = {"load_balancer_type": LoadBalancerType(name="lb99"), "name": "x"}
    assert code_of(lambda: make(client, **unknown)) == "invalid_input"
    for port in range(1000, 1004):
        balancer.add_service(service(port))
    assert code_of(lambda: balancer.add_service(service(1004))) == "resource_limit_exceeded"
    bigger = LoadBalancerType(name="lb21")
    balancer.change_type(bigger).wait_until_finished()
    balancer.add_service(service(1004)).wait_until_finished()
    smaller = LoadBalancerType(name="lb11")
    assert code_of(lambda: balancer.change_type(smaller)) == "invalid_load_balancer_type"


def test_targets_by_label_follow_the_labels(client: Client, machinery: MemoryMachinery) -> None:
    server = order(client, labels={"role": "web"})
    selector = LoadBalancerTargetLabelSelector(selector="role=web")
    target = LoadBalancerTarget(type="label_selector", label_selector=selector)
    balancer = make(client, services=[service()], targets=[target])
    assert applied(machinery, balancer)[1] == (public(server),)
    balancer.reload()
    assert [item.server.id for item in balancer.targets[0].targets] == [server.id]
    server.update(labels={})
    for action in balancer.get_actions():
        action.wait_until_finished()
    assert applied(machinery, balancer)[1] == ()


def test_targets_may_be_private_or_elsewhere(client: Client, machinery: MemoryMachinery) -> None:
    subnet = NetworkSubnet("10.0.1.0/24", "cloud", "eu-central")
    network = client.networks.create(name="in", ip_range="10.0.0.0/16", subnets=[subnet])
    server = order(client, networks=[network])
    elsewhere = LoadBalancerTarget(type="ip", ip=LoadBalancerTargetIP(ip="192.0.2.9"))
    balancer = make(client, services=[service()], network=network, targets=[elsewhere])
    balancer.add_target(on(server, private=True)).wait_until_finished()
    private = ipaddress.IPv4Address(server.private_net[0].ip)
    assert applied(machinery, balancer)[1] == (ipaddress.IPv4Address("192.0.2.9"), private)
    balancer.reload()
    assert balancer.private_net[0].ip not in (str(private), "10.0.0.1")
    assert code_of(lambda: balancer.detach_from_network(network)) == "resource_in_use"


def test_a_server_that_goes_leaves_its_load_balancer(
    client: Client, machinery: MemoryMachinery
) -> None:
    server = order(client)
    balancer = make(client, services=[service()], targets=[on(server)])
    server.delete().wait_until_finished()
    for action in balancer.get_actions():
        action.wait_until_finished()
    balancer.reload()
    assert balancer.targets == []
    assert applied(machinery, balancer)[1] == ()


def test_the_rest_changes_too(client: Client, machinery: MemoryMachinery) -> None:
    balancer = make(client, services=[service()])
    balancer.change_algorithm(LoadBalancerAlgorithm("least_connections")).wait_until_finished()
    address = balancer.public_net.ipv4.ip
    balancer.change_dns_ptr(address, "lb.example.org").wait_until_finished()
    assert machinery.reverse == {ipaddress.IPv4Address(address): "lb.example.org"}
    balancer.disable_public_interface().wait_until_finished()
    assert applied(machinery, balancer)[0] == ()
    balancer.change_protection(delete=True).wait_until_finished()
    balancer.reload()
    assert balancer.algorithm.type == "least_connections"
    assert balancer.public_net.enabled is False
    assert balancer.public_net.ipv4.dns_ptr == "lb.example.org"
    assert code_of(balancer.delete) == "protected"
    assert balancer.update(name="other", labels={"a": "b"}).name == "other"
