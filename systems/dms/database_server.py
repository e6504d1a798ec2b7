"""A server of the stack's own for the database, in place of a managed service."""

import dataclasses
from typing import TYPE_CHECKING

import pulumi

from components.firewall import HostFirewall, HostFirewallArgs, Rule
from components.hetzner_server import HetznerServer, HetznerServerArgs
from components.host import Host
from components.managed_postgres import ManagedPostgres, ManagedPostgresArgs
from components.postgres_service import PORT, PostgresService, PostgresServiceArgs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .config import DmsConfig
    from .places import Place


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Own:
    """The server that this stack has made."""

    address: pulumi.Output[str]
    """Its public address, to which `database.host` has to lead."""
    service: PostgresService
    """What runs on it."""


def run(config: "DmsConfig", clients: "Sequence[pulumi.Output[str]]") -> Own | None:
    """Run the database's own server; return it, None where the database is at a service.

    Args:
        config: the stack's settings.
        clients: the only addresses that reach the database.
    """
    server = config.database_server
    if server is None:
        return None
    networks = [pulumi.Output.concat(client, "/32") for client in clients]
    rules = [
        Rule(port=22, networks=server.ssh_networks, comment="ssh"),
        Rule(port=PORT, networks=networks, comment="the backend's server"),
        Rule(protocol="icmp", comment="ping"),
    ]
    machine = HetznerServer(
        "database",
        HetznerServerArgs(
            server_type=server.type,
            location=server.location,
            image=server.image,
            rules=rules,
            packages=["postgresql"],
            admin_keys=server.admin_keys,
            protect=server.protect,
            swap_mib=server.swap_mib,
        ),
    )
    HostFirewall("database-firewall", HostFirewallArgs(host=machine.host, rules=rules))
    service = PostgresService(
        "database-service",
        PostgresServiceArgs(
            host=machine.host,
            address=config.database.host,
            username=config.database.username,
            password=config.database_password,
            max_connections=config.database.max_connections,
        ),
    )
    return Own(address=machine.address, service=service)


def way(
    place: "Place", host: Host, own: Own | None, names: "Sequence[pulumi.Resource]"
) -> ManagedPostgres:
    """Return the way from a host to the database, wherever that is.

    Args:
        place: where it is used.
        host: the server there.
        own: the server that this stack has made, if it has.
        names: what makes names resolve.
    """
    config = place.config
    return ManagedPostgres(
        place.named("managed-postgres"),
        ManagedPostgresArgs(
            host=host,
            address=config.database.host,
            port=config.database.port,
            username=config.database.username,
            password=config.database_password,
            ca_certificate=own.service.ca_certificate if own else config.database.ca_certificate,
            server=own.service.host if own else None,
            max_connections=config.database.max_connections,
        ),
        pulumi.ResourceOptions(depends_on=[own.service, *names]) if own else None,
    )
