"""The image's contract: its odoo.conf, by whom it acts, what runs before it serves."""

import dataclasses
from typing import TYPE_CHECKING, Literal

import pulumi

from components import hetzner_catalogue as catalogue
from components.database_maker import DatabaseMaker, DatabaseMakerArgs
from components.environment_contract import Variable
from components.generated_secret import GeneratedSecret, GeneratedSecretArgs
from components.health import HealthCheck
from components.job import Job
from components.postgres import PostgresServer
from components.runtimes.container import SECRETS_FOLDER
from components.secrets import Secret

from . import odoo_conf
from .odoo_conf import OdooConf

if TYPE_CHECKING:
    from .config import OdooConfig

Name = Literal["tenants", "admin"]
"""The two instances."""
USER = "100:101"
"""Odoo's own in its image."""
CONF = "ODOO_CONF"
DB_MAXCONN = 8
SPARE_CONNECTIONS = 10
"""For upgrades and new tenants, beside what the processes hold."""
ADMIN_DATABASE = "superadmin"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """One of the two: what it is told, and who owns its databases."""

    config: "OdooConfig"
    """The stack's settings."""
    conf: OdooConf
    """Its odoo.conf, secrets apart."""
    maker: DatabaseMaker
    """Owns its databases."""
    admin_passwd: Secret | None
    """Opens its web database manager; None is off."""

    def environment(self) -> dict[str, str]:
        """Return the plain values of the instance and its jobs."""
        return {**self.config.app.environment, "ODOO_RC": f"{SECRETS_FOLDER}/{CONF}"}

    def secrets(self) -> dict[str, Secret]:
        """Return the file: as a whole, since it holds passwords."""
        parts = [self.maker.password, *([self.admin_passwd] if self.admin_passwd else [])]
        text = pulumi.Output.all(*(part.value for part in parts)).apply(
            lambda made: odoo_conf.render(
                self.conf, db_password=made[0], admin_passwd=made[1] if len(made) > 1 else None
            )
        )
        version = odoo_conf.version(self.conf, *(part.version for part in parts))
        return {CONF: Secret(value=pulumi.Output.secret(text), version=version)}

    def contract(self) -> dict[str, Variable]:
        """Return what the running instance must have."""
        return {"ODOO_RC": Variable(secret=False), CONF: Variable(secret=True)}

    def jobs(self) -> list[Job]:
        """Return what runs in a new release before it serves: the upgrade of every tenant."""
        modules = ",".join(self.config.app.modules)
        upgrade = Job(
            name="upgrade",
            command=["upgrade-tenants", modules],
            environment=self.environment(),
            secrets=self.secrets(),
            timeout_seconds=3600,
        )
        return [upgrade] if modules else []

    def commands(self, database: str) -> list[list[str]]:
        """Return what fills a database, and brings it up to the release's versions."""
        modules = self.config.app.modules
        odoo = ["odoo", "-d", database, "--no-http", "--stop-after-init"]
        upgrade = [[*odoo, "-u", ",".join(modules)]] if modules else []
        return [[*odoo, "-i", ",".join(["base", *modules])], *upgrade]


def files(database: str) -> str:
    """Return the folder of a database's files."""
    return f"{odoo_conf.DATA}/filestore/{database}"


def health(config: "OdooConfig") -> HealthCheck:
    """Return the gate: the database server is asked too, whichever host is named."""
    return HealthCheck(
        path="/web/health?db_server_status=1", start_seconds=config.app.start_timeout_seconds
    )


def first_password(name: str) -> Secret:
    """Make the password of a new database's first user."""
    return GeneratedSecret(f"{name}-password", GeneratedSecretArgs()).secret


def agree(config: "OdooConfig", name: Name, server: PostgresServer) -> Instance:
    """Make who owns the databases of an instance, and what it is told."""
    own = config.app if name == "tenants" else config.admin
    maker = DatabaseMaker(
        f"{name}-maker",
        DatabaseMakerArgs(
            server=server,
            name=f"odoo_{name}",
            rotation=config.secret_rotation.database,
            connection_limit=connections(config, name),
        ),
    )
    passwd = None
    if name == "admin" and config.admin.database_manager:
        args = GeneratedSecretArgs(rotation=config.secret_rotation.admin_passwd)
        passwd = GeneratedSecret("admin-passwd", args).secret
    conf = OdooConf(
        db_host=server.hostname,
        db_port=server.port,
        db_user=maker.username,
        db_maxconn=DB_MAXCONN,
        dbfilter=odoo_conf.TENANTS if name == "tenants" else f"^{ADMIN_DATABASE}$",
        workers=workers(config, name),
        limit_memory_soft_mib=own.limit_memory_soft_mib,
        limit_memory_hard_mib=own.limit_memory_hard_mib,
        log_level=config.app.log_level,
    )
    return Instance(config=config, conf=conf, maker=maker, admin_passwd=passwd)


def workers(config: "OdooConfig", name: Name) -> int:
    """Return how many HTTP workers an instance has: as asked for, else for the processors."""
    own = config.app if name == "tenants" else config.admin
    cores = catalogue.server_type(config.server.type).cores
    return own.workers or odoo_conf.workers(cores)


def connections(config: "OdooConfig", name: Name) -> int:
    """Return how many connections each login of an instance may open."""
    # Beside the workers there are one process for events and one for what is due.
    return (workers(config, name) + 2) * DB_MAXCONN + SPARE_CONNECTIONS
