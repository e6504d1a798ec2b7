"""The cloud firewall: enforced on the machine, where no server can reach it.

Packets between servers cross the machine's bridge and packets from the machine itself are sent by
it, so three hooks of one nftables table see everything. Connections that are allowed once stay
allowed both ways, and what is not allowed gets no answer.
"""

from collections.abc import Iterable, Mapping

from homeport.cloud.contract import FirewallRule
from homeport.cloud.templates import render


def ruleset(
    table: str, addresses: Mapping[int, str], rules: Mapping[int, tuple[FirewallRule, ...]]
) -> str:
    """Return the whole table as one transaction.

    Args:
        table: The table's name.
        addresses: Public addresses by server.
        rules: Rules by server; a server that is not in it has no firewall.
    """
    servers = [
        {
            "id": server,
            "address": addresses[server],
            "inbound": list(_lines(rules[server], "in", "saddr")),
            "outbound": list(_lines(rules[server], "out", "daddr")),
        }
        for server in sorted(rules)
        if server in addresses
    ]
    return render("firewall.nft.j2", table=table, servers=servers)


def _lines(rules: Iterable[FirewallRule], direction: str, side: str) -> Iterable[str]:
    for rule in rules:
        if rule.direction != direction:
            continue
        networks = ", ".join(str(net) for net in rule.networks if net.version == 4)
        if not networks:
            continue  # rules for IPv6 alone; the local cloud's servers have none
        peers = "" if "0.0.0.0/0" in networks else f"ip {side} {{ {networks} }} "
        port = f" {rule.protocol} dport {rule.port}" if rule.port else ""
        match = port.strip() or f"meta l4proto {rule.protocol}"
        yield f"{peers}{match}"
