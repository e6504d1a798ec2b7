"""pgAdmin: a look into the database for operators, as a user that reads and can do nothing else."""

import json
from typing import TYPE_CHECKING, Any

import pulumi

from components import secrets
from components.app import App, AppArgs
from components.database import DatabaseUser
from components.environment_contract import EMAIL, Variable, at_least
from components.health import HealthCheck
from components.host import Host
from components.postgres_place import DatabaseServer
from components.release import release_id
from components.secrets import Secret
from components.site_routes import PathRoute
from components.volume import Volume, VolumeArgs

from . import names
from .contract import Contract
from .networks import Networks

if TYPE_CHECKING:
    from .config import CommandCenterConfig

PREFIX = "/admin"
"""Below which path of the site it is served, and serves."""
DATA, LOGS = "/var/lib/pgadmin", "/var/log/pgadmin"
USER = "5050:5050"
"""The account that its image is made for."""
LOGS_MIB = 16


def declare(
    config: "CommandCenterConfig", host: Host, agreed: Contract, networks: Networks
) -> list[PathRoute]:
    """Return its page; it knows the database and its own account from its first start on."""
    settings, reader = config.pgadmin, agreed.users["pgadmin"]
    known = json.dumps(servers(agreed.database.server, reader.username), indent=2)
    # It is read when the volume is empty, and never again: what changes it is another volume.
    first = [settings.email, known, reader.password.version, agreed.pgadmin_password.version]
    volume = Volume(
        f"pgadmin-{release_id({'first': first})}",
        VolumeArgs(host=host, owner=USER, protect=False),
    )
    app = App(
        "pgadmin",
        AppArgs(
            host=host,
            image=settings.image,
            port=names.PORTS["pgadmin"],
            container_port=names.PORTS["pgadmin"],
            memory_mib=settings.memory_mib,
            user=USER,
            health=HealthCheck(path=f"{PREFIX}/misc/ping", start_seconds=180),
            environment={
                "SCRIPT_NAME": PREFIX,
                "PGADMIN_DEFAULT_EMAIL": settings.email,
                "PGADMIN_LISTEN_ADDRESS": "0.0.0.0",  # noqa: S104 - of its container
                "PGADMIN_LISTEN_PORT": str(names.PORTS["pgadmin"]),
                "PGADMIN_DISABLE_POSTFIX": "1",
            },
            secrets={
                "PGADMIN_DEFAULT_PASSWORD": agreed.pgadmin_password,
                "PGADMIN_SERVER_JSON": secrets.plain(known),
                "PGPASS": _password_file(agreed.database.server, reader),
            },
            contract={
                "PGADMIN_DEFAULT_EMAIL": Variable(shape=EMAIL),
                "PGADMIN_DEFAULT_PASSWORD": Variable(secret=True, shape=at_least(20)),
            },
            # The image wants to keep its log and its connections' sockets somewhere.
            tmpfs_mib={"/tmp": LOGS_MIB, LOGS: LOGS_MIB},  # noqa: S108 - the container's own
            volumes={DATA: volume},
            networks=[networks.data],
            after=[reader],
        ),
    )
    return [PathRoute(path=PREFIX, app=app, timeout_seconds=300)]


def servers(server: DatabaseServer, username: str) -> dict[str, Any]:
    """Return pgAdmin's list of servers: this one, with the password in the account's own folder."""
    here = {
        "Name": names.DATABASE,
        "Group": "Servers",
        "Host": server.hostname,
        "Port": server.port,
        "MaintenanceDB": names.DATABASE,
        "Username": username,
        "ConnectionParameters": {"sslmode": "disable", "passfile": "/.pgpass"},
    }
    return {"Servers": {"1": here}}


def _password_file(server: DatabaseServer, user: DatabaseUser) -> Secret:
    line = pulumi.Output.concat(
        f"{server.hostname}:{server.port}:{names.DATABASE}:{user.username}:",
        user.password.value,
        "\n",
    )
    return Secret(value=pulumi.Output.secret(line), version=user.password.version)
