"""What a system of a server of its own begins with: the server, and the names that lead there."""

from collections.abc import Callable, Iterable, Sequence

import pulumi

from components.config import parts
from components.dns import DnsRecords, DnsRecordsArgs, address_records
from components.firewall import HostFirewall, HostFirewallArgs, web_rules
from components.hetzner_server import HetznerServer, HetznerServerArgs


def create(
    server: parts.Server,
    *,
    packages: Sequence[str],
    reverse_name: str,
    named: Callable[[str], str] = str,
) -> HetznerServer:
    """Create a server that lets in SSH and the web, by the cloud's firewall and one of its own.

    Args:
        server: its settings.
        packages: what its first boot installs.
        reverse_name: the host name that its address stands for.
        named: makes the names of resources, where a stack has more servers than one.
    """
    rules = web_rules(ssh_networks=server.ssh_networks)
    machine = HetznerServer(
        named("server"),
        HetznerServerArgs(
            server_type=server.type,
            location=server.location,
            image=server.image,
            rules=rules,
            packages=packages,
            admin_keys=server.admin_keys,
            protect=server.protect,
            dns_ptr=reverse_name,
            swap_mib=server.swap_mib,
        ),
    )
    HostFirewall(named("firewall"), HostFirewallArgs(host=machine.host, rules=rules))
    return machine


def lead(
    dns: parts.Dns | None,
    names: Iterable[tuple[Sequence[str], pulumi.Input[str]]],
    *,
    protect: bool,
) -> list[pulumi.Resource]:
    """Lead host names to addresses; return what does, which is nothing where others do.

    Args:
        dns: the zone, and whether its records are the stack's affair.
        names: host names, and the address of each list of them.
        protect: whether the records refuse to go.
    """
    if not dns or not dns.manage:
        return []
    records = [
        record
        for hostnames, address in names
        for record in address_records(dns.zone, hostnames, address)
    ]
    args = DnsRecordsArgs(
        zone=dns.zone, create_zone=dns.create_zone, protect=protect, records=records
    )
    return [DnsRecords("dns", args)]
