"""What is made for each of the two instances, and for each tenant."""

import dataclasses
from typing import TYPE_CHECKING

import pulumi

from components.app import App, AppArgs
from components.host import Host
from components.image_build import ImageBuild
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.postgres import PostgresServer, PostgresServerArgs
from components.registry import RegistryLogin
from components.tenant import Tenant, TenantArgs
from components.volume import Volume, VolumeArgs

from . import contract, odoo_conf
from .contract import Instance, Name

if TYPE_CHECKING:
    from .config import OdooConfig

PORTS: dict[Name, int] = {"tenants": 18_069, "admin": 18_070}
"""Where the proxy finds the instances on the loopback, whichever release serves."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Deployed:
    """An instance that runs."""

    own: Instance
    """What it was told."""
    app: App
    """What the proxy sends traffic to."""


def deployed(
    config: "OdooConfig",
    host: Host,
    image: str | ImageBuild,
    login: RegistryLogin | None,
    name: Name,
    *before: App,
) -> Deployed:
    """Deploy an instance on a network of its own: database server, files, app with two ports."""
    postgres = config.postgres
    data = PrivateNetwork(f"{name}-data", PrivateNetworkArgs(host=host, internal=True))
    server = PostgresServer(
        f"{name}-postgres",
        PostgresServerArgs(
            host=host,
            image=postgres.image,
            network=data,
            memory_mib=postgres.memory_mib if name == "tenants" else postgres.admin_memory_mib,
            # The login of a rotation, and the one before it.
            max_connections=2 * contract.connections(config, name) + contract.SPARE_CONNECTIONS,
            protect=postgres.protect,
        ),
    )
    own = contract.agree(config, name, server)
    files = Volume(
        f"{name}-files", VolumeArgs(host=host, owner=contract.USER, protect=postgres.protect)
    )
    app = App(
        name,
        AppArgs(
            host=host,
            image=image,
            registry=login,
            user=contract.USER,
            port=PORTS[name],
            container_port=odoo_conf.HTTP_PORT,
            side_ports={"gevent": odoo_conf.GEVENT_PORT},
            health=contract.health(config),
            memory_mib=config.app.memory_mib if name == "tenants" else config.admin.memory_mib,
            environment=own.environment(),
            secrets=own.secrets(),
            contract=own.contract(),
            networks=[data],
            volumes={odoo_conf.DATA: files},
            jobs=own.jobs(),
            drain_seconds=config.app.drain_seconds,
            revision=config.app.revision,
            stop_seconds=30,
            after=[own.maker, *before],
        ),
    )
    return Deployed(own=own, app=app)


def tenant(
    name: str,
    host: Host,
    where: Deployed,
    database: str,
    *,
    suspended: bool = False,
    protect: bool | None = None,
) -> dict[str, pulumi.Input[str]]:
    """Make a tenant, protected as the database servers are; return its first user's login."""
    password = contract.first_password(name)
    args = TenantArgs(
        host=host,
        app=where.app,
        maker=where.own.maker,
        database=database,
        commands=where.own.commands(database),
        undo=[["rm", "-rf", contract.files(database)]],
        # Where the addon `tenant` finds the first user's password: on standard input.
        environment={"TENANT_PASSWORD_FILE": "-"},
        stdin=password,
        suspended=suspended,
        protect=where.own.config.postgres.protect if protect is None else protect,
    )
    Tenant(name, args)
    return {"login": "admin", "password": password.value}
