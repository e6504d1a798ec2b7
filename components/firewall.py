"""What may reach a host: one list of rules, enforced by the cloud before the host and on it."""

import dataclasses
import ipaddress
from collections.abc import Sequence
from typing import Literal

import pulumi
import pulumi_hcloud as hcloud

from .host import Host
from .remote import Remote

ANYWHERE = ("0.0.0.0/0", "::/0")
WEB_PORTS = (80, 443)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """Something that may reach the host; everything else may not."""

    protocol: Literal["tcp", "udp", "icmp"] = "tcp"
    """The protocol; `icmp` covers ICMPv6 too."""
    port: int | None = None
    """The port; none for ICMP."""
    networks: Sequence[pulumi.Input[str]] = ANYWHERE
    """Who may, as CIDR networks; one that this program makes is an Output."""
    comment: str = ""
    """What for."""

    def __post_init__(self) -> None:
        if (self.port is None) != (self.protocol == "icmp"):
            self._refuse("port", self.port, "tcp and udp need a port, icmp has none")
        if self.port is not None and not 1 <= self.port <= 65535:
            self._refuse("port", self.port, "a port lies between 1 and 65535")
        if not self.networks:
            self._refuse("networks", "()", "name at least one network, or leave out the rule")
        if '"' in self.comment or "\n" in self.comment or len(self.comment) > 120:
            self._refuse("comment", self.comment, "one line, at most 120 letters, no quotes")
        for network in self.networks:
            if not isinstance(network, str):
                continue
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                self._refuse("networks", network, f"{error}; write it like 203.0.113.0/24")

    def _refuse(self, field: str, value: object, rule: str) -> None:
        msg = f"Rule {self.comment or self.protocol}: {field}: {rule} (got {value!r})"
        raise ValueError(msg)


def web_rules(ssh_port: int = 22, ssh_networks: Sequence[str] = ANYWHERE) -> tuple[Rule, ...]:
    """Return what a web server needs: SSH, HTTP, HTTPS over TCP and UDP, and ping."""
    return (
        Rule(port=ssh_port, networks=tuple(ssh_networks), comment="ssh"),
        Rule(port=80, comment="http"),
        Rule(port=443, comment="https"),
        Rule(protocol="udp", port=443, comment="http3"),
        Rule(protocol="icmp", comment="ping"),
    )


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CloudFirewallArgs:
    """What a cloud firewall lets in."""

    rules: Sequence[Rule]
    """Everything that may reach the servers; nothing else does."""
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    """Labels in the cloud."""
    physical_name: str
    """Its name in the cloud."""


class CloudFirewall(pulumi.ComponentResource):
    """A firewall in front of servers, in force from their first boot."""

    firewall_id: pulumi.Output[int]
    """What a server names to stand behind it."""

    def __init__(
        self, name: str, args: CloudFirewallArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:firewall:CloudFirewall", name, {}, opts)
        firewall = hcloud.Firewall(
            f"{name}-firewall",
            name=args.physical_name,
            rules=[cloud_rule(rule) for rule in args.rules],
            labels=args.labels,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.firewall_id = firewall.id.apply(int)
        self.register_outputs({"firewall_id": self.firewall_id})


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class HostFirewallArgs:
    """What a host lets in."""

    host: Host
    """The machine."""
    rules: Sequence[Rule]
    """Everything that may reach it; nothing else does. SSH must be among it."""
    trial_seconds: int = 90
    """How long new rules wait for a second connection before the old ones return."""

    def __post_init__(self) -> None:
        if not any(rule.protocol == "tcp" for rule in self.rules):
            msg = f"HostFirewall: rules: no rule lets SSH in to {self.host.name}; add one"
            raise ValueError(msg)
        if not self.host.nftables:
            msg = (
                f"HostFirewall: host: {self.host.name} has nftables=False, and the filter is made "
                "of its rules; leave the HostFirewall out and let the server's owner filter, or "
                "set nftables=True"
            )
            raise ValueError(msg)


class HostFirewall(pulumi.ComponentResource):
    """A packet filter on the host: drops what no rule allows, forwards as Docker says.

    New rules are on trial until a second connection has come in under them; when none does, the
    host takes the old ones back by itself. Two stacks on one host have a filter each, and what
    comes in must pass both: each needs the rules of the other too.
    """

    def __init__(
        self, name: str, args: HostFirewallArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:firewall:HostFirewall", name, {}, opts)
        remote: Remote = args.host.remote
        spec = {
            "ruleset": rendered(table_name(remote.system), args.rules),
            "table": table_name(remote.system),
            "trial_seconds": args.trial_seconds,
        }
        child = pulumi.ResourceOptions(parent=self)
        trial = remote.step(f"{name}-trial", "firewall", spec, down=True, opts=child)
        remote.step(
            f"{name}-confirmed",
            "firewall",
            {**spec, "confirm": True},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[trial]),
        )
        self.register_outputs({})


def cloud_rule(rule: Rule) -> hcloud.FirewallRuleArgs:
    """Return a rule as the cloud takes it."""
    return hcloud.FirewallRuleArgs(
        direction="in",
        protocol=rule.protocol,
        port=None if rule.port is None else str(rule.port),
        source_ips=list(rule.networks),
        description=rule.comment,
    )


def table_name(system: str) -> str:
    """Return the name of a stack's table; two stacks on one host have one each."""
    return f"homeport_{system.replace('-', '_')}"


def rendered(table: str, rules: Sequence[Rule]) -> pulumi.Input[str]:
    """Return the whole table, as soon as every network is known; at once when all of them are."""
    if not any(isinstance(network, pulumi.Output) for rule in rules for network in rule.networks):
        return ruleset(table, rules)

    def known(networks: list[list[str]]) -> str:
        pairs = zip(rules, networks, strict=True)
        return ruleset(table, [dataclasses.replace(rule, networks=who) for rule, who in pairs])

    return pulumi.Output.all(*(pulumi.Output.all(*rule.networks) for rule in rules)).apply(known)


def ruleset(table: str, rules: Sequence[Rule]) -> str:
    """Return the whole table as nft reads it; loading it replaces the old one at once."""
    lines = [
        f"table inet {table} {{}}",
        f"delete table inet {table}",
        f"table inet {table} {{",
        "\tchain input {",
        "\t\ttype filter hook input priority filter; policy drop;",
        "\t\tct state established,related accept",
        "\t\tct state invalid drop",
        '\t\tiifname "lo" accept',
        "\t\tip6 nexthdr icmpv6 icmpv6 type { nd-router-advert, nd-neighbor-solicit, "
        "nd-neighbor-advert, packet-too-big, time-exceeded, parameter-problem } accept",
        "\t\tip protocol icmp icmp type { destination-unreachable, time-exceeded } accept",
        "\t\tudp sport 67 udp dport 68 accept",
        "\t\tip6 saddr fe80::/10 udp dport 546 accept",
        *(f"\t\t{line}" for rule in rules for line in nft_rules(rule)),
        "\t}",
        "}",
    ]
    return "\n".join(lines) + "\n"


def nft_rules(rule: Rule) -> list[str]:
    """Return a rule in nft's words: one line for each family of addresses that it is limited to."""
    comment = f' comment "{rule.comment}"' if rule.comment else ""
    lines = []
    for version, word, icmp in ((4, "ip", "icmp"), (6, "ip6", "icmpv6")):
        known = map(ipaddress.ip_network, map(str, rule.networks))
        networks = [network for network in known if network.version == version]
        if not networks:
            continue
        everyone = any(n.prefixlen == 0 for n in networks)
        joined = ", ".join(str(n) for n in ipaddress.collapse_addresses(networks))  # type: ignore[type-var]
        source = f"meta nfproto ipv{version}" if everyone else f"{word} saddr {{ {joined} }}"
        lines += [f"{source} {match} accept{comment}" for match in _matches(rule, icmp)]
    return lines


def _matches(rule: Rule, icmp: str) -> list[str]:
    """Return what a rule lets in, in nft's words, its sources apart."""
    if rule.protocol == "icmp":
        return [f"{icmp} type echo-request"]
    match = [f"{rule.protocol} dport {rule.port}"]
    if rule.protocol == "tcp" and rule.port in WEB_PORTS:
        # Its visitors may be led to a stand-in of the proxy, which listens elsewhere.
        asked = f"ct original proto-dst {rule.port}"
        match.append(f"meta l4proto tcp ct status dnat {asked}")
    return match
