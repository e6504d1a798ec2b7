import ipaddress

import pytest
from hcloud import Client
from hcloud.firewalls import (
    BoundFirewall,
    FirewallResource,
    FirewallResourceLabelSelector,
    FirewallRule,
)
from hcloud.servers import BoundServer, Server, ServerCreatePublicNetwork

from homeport.cloud import contract
from tests.unit.cloud.machinery import MemoryMachinery
from tests.unit.cloud.orders import code_of, order

ANYWHERE = ["0.0.0.0/0", "::/0"]
HTTPS = FirewallRule(direction="in", protocol="tcp", port="443", source_ips=ANYWHERE)
SSH = FirewallRule(direction="in", protocol="tcp", port="22", source_ips=["192.0.2.0/24"])
DNS_OUT = FirewallRule(
    direction="out", protocol="udp", port="53", source_ips=[], destination_ips=["192.0.2.53/32"]
)


def on_server(server: BoundServer) -> FirewallResource:
    return FirewallResource(type="server", server=Server(id=server.id))


def by_label(text: str) -> FirewallResource:
    selector = FirewallResourceLabelSelector(selector=text)
    return FirewallResource(type="label_selector", label_selector=selector)


def ports(machinery: MemoryMachinery, server: BoundServer) -> list[str | None]:
    rules = machinery.rules[server.id]
    assert rules is not None, "there is no firewall at all"
    return [rule.port for rule in rules]


def settle(actions: list[object]) -> None:
    for action in actions:
        action.wait_until_finished()  # type: ignore[attr-defined]


def make(client: Client, name: str, *rules: FirewallRule, **more: object) -> BoundFirewall:
    response = client.firewalls.create(name=name, rules=list(rules), **more)
    settle(response.actions or [])
    return response.firewall


def test_a_server_has_its_firewalls_from_the_first_boot(
    client: Client, machinery: MemoryMachinery
) -> None:
    web, ssh = make(client, "web", HTTPS), make(client, "ssh", SSH, DNS_OUT)
    server = order(client, firewalls=[web, ssh])
    assert machinery.rules[server.id] == (
        contract.FirewallRule(
            direction="in",
            protocol="tcp",
            port="443",
            networks=(ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")),
        ),
        contract.FirewallRule(
            direction="in",
            protocol="tcp",
            port="22",
            networks=(ipaddress.ip_network("192.0.2.0/24"),),
        ),
        contract.FirewallRule(
            direction="out",
            protocol="udp",
            port="53",
            networks=(ipaddress.ip_network("192.0.2.53/32"),),
        ),
    )
    order_of_calls = [name for name, _ in machinery.calls]
    assert order_of_calls.index("set_firewall") < order_of_calls.index("create_server")
    attached = [(item.firewall.id, item.status) for item in server.public_net.firewalls]
    assert attached == [(web.id, "applied"), (ssh.id, "applied")]
    assert client.firewalls.get_by_id(web.id).applied_to[0].server.id == server.id


def test_a_server_without_firewalls_is_open(client: Client, machinery: MemoryMachinery) -> None:
    server = order(client)
    assert machinery.rules[server.id] is None


def test_a_firewall_without_rules_closes_everything(
    client: Client, machinery: MemoryMachinery
) -> None:
    server = order(client, firewalls=[make(client, "closed")])
    assert machinery.rules[server.id] == ()


def test_new_rules_reach_every_server(client: Client, machinery: MemoryMachinery) -> None:
    firewall = make(client, "web", HTTPS)
    servers = [order(client, name=name, firewalls=[firewall]) for name in ("a", "b")]
    settle(firewall.set_rules([SSH, HTTPS]))
    assert [ports(machinery, server) for server in servers] == [["22", "443"]] * 2
    assert [rule.port for rule in client.firewalls.get_by_id(firewall.id).rules] == ["22", "443"]


def test_a_firewall_is_applied_and_removed(client: Client, machinery: MemoryMachinery) -> None:
    server, firewall = order(client), make(client, "web", HTTPS)
    settle(firewall.apply_to_resources([on_server(server)]))
    assert ports(machinery, server) == ["443"]
    again = [on_server(server)]
    assert code_of(lambda: firewall.apply_to_resources(again)) == "firewall_already_applied"
    assert code_of(firewall.delete) == "resource_in_use"
    settle(firewall.remove_from_resources([on_server(server)]))
    assert machinery.rules[server.id] is None
    assert firewall.delete()


def test_labels_move_servers_into_and_out_of_a_firewall(
    client: Client, machinery: MemoryMachinery
) -> None:
    server = order(client, labels={"role": "db"})
    firewall = make(client, "web", HTTPS, resources=[by_label("role in (web, proxy)")])
    assert machinery.rules[server.id] is None
    server.update(labels={"role": "web"})
    settle(server.get_actions())
    assert ports(machinery, server) == ["443"]
    [applied] = client.firewalls.get_by_id(firewall.id).applied_to
    assert [item.server.id for item in applied.applied_to_resources] == [server.id]
    managed = [on_server(server)]
    assert (
        code_of(lambda: firewall.remove_from_resources(managed))
        == "firewall_managed_by_label_selector"
    )
    server.update(labels={})
    settle(server.get_actions())
    assert machinery.rules[server.id] is None


def test_a_firewall_by_label_covers_a_new_server_at_once(
    client: Client, machinery: MemoryMachinery
) -> None:
    make(client, "web", HTTPS, resources=[by_label("role=web")])
    server = order(client, labels={"role": "web"})
    assert ports(machinery, server) == ["443"]


def test_a_deleted_server_leaves_its_firewall_free(client: Client) -> None:
    firewall = make(client, "web", HTTPS)
    order(client, firewalls=[firewall]).delete().wait_until_finished()
    assert client.firewalls.get_by_id(firewall.id).applied_to == []
    assert firewall.delete()


@pytest.mark.parametrize(
    "rule",
    [
        FirewallRule(direction="in", protocol="tcp", source_ips=ANYWHERE),
        FirewallRule(direction="in", protocol="icmp", port="8", source_ips=ANYWHERE),
        FirewallRule(direction="in", protocol="tcp", port="0", source_ips=ANYWHERE),
        FirewallRule(direction="in", protocol="tcp", port="90-80", source_ips=ANYWHERE),
        FirewallRule(direction="in", protocol="tcp", port="65536", source_ips=ANYWHERE),
        FirewallRule(direction="in", protocol="tcp", port="80", source_ips=[]),
        FirewallRule(direction="in", protocol="tcp", port="80", source_ips=["10.0.0.1/8"]),
        FirewallRule(direction="out", protocol="tcp", port="80", source_ips=ANYWHERE),
        FirewallRule(direction="in", protocol="sctp", port="80", source_ips=ANYWHERE),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(client: Client, rule: FirewallRule) -> None:
    assert code_of(lambda: make(client, "bad", rule)) == "invalid_input"
    assert client.firewalls.get_all() == []


def test_a_firewall_needs_a_public_address(client: Client) -> None:
    firewall = make(client, "web", HTTPS)
    closed = ServerCreatePublicNetwork(enable_ipv4=False, enable_ipv6=False)
    more = {"firewalls": [firewall], "public_net": closed, "start_after_create": False}
    assert code_of(lambda: order(client, **more)) == "private_net_only_server"


def test_names_of_firewalls_are_unique(client: Client) -> None:
    make(client, "web")
    assert code_of(lambda: make(client, "web")) == "uniqueness_error"
