"""A role that makes databases of its own, as apps do that keep one database per tenant."""

import base64
import dataclasses

import pulumi
import pulumi_random as random

from . import scram, secrets, sql, sql_step, sql_tenants
from .postgres_place import DatabaseServer
from .secrets import Secret


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseMakerArgs:
    """What a role that makes databases is."""

    server: DatabaseServer
    """Where it makes them; give it a server of its own, since a database is open to every login of
    its server until its owner closes it."""
    name: str
    """The role's name in the server, which owns the databases."""
    rotation: int = 1
    """Raise it for another login with a new password: the old one stays until the release that
    uses it has gone."""
    connection_limit: int = 40
    """So many connections of one login at the same time."""

    def __post_init__(self) -> None:
        """Refuse what the server would refuse.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        sql.check_name("database maker: name", self.name, longest=63 - len("_9999"))
        where = f"database maker {self.name}"
        limits = {
            "rotation": (self.rotation, 9999),
            "connection_limit": (self.connection_limit, 10_000),
        }
        for field, (value, most) in limits.items():
            if not 1 <= value <= most:
                msg = f"{where}: {field} must be from 1 to {most} (got {value})"
                raise ValueError(msg)


class DatabaseMaker(pulumi.ComponentResource):
    """A role that may make databases and do everything in those alone, and a login that acts as it.

    It is no superuser, makes no roles, and cannot connect to databases of others. A rotation loses
    nothing: the databases belong to the role, whichever login made them. Removing it is refused as
    long as it owns a database.
    """

    role: str
    """Who owns the databases."""
    username: str
    """What an app logs in as: the role's name and the number of the rotation."""
    password: Secret
    """What it logs in with."""
    server: DatabaseServer
    """Where the databases are."""

    def __init__(
        self, name: str, args: DatabaseMakerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:database_maker:DatabaseMaker", name, {}, opts)
        server = args.server
        self.server, self.role = server, args.name
        self.username = f"{args.name}_{args.rotation}"
        for taken in (self.role, self.username):
            server.host.remote.claims.take(
                f"database user on {server.hostname}", taken, name, cure="choose another name"
            )
        # While one login follows another, both are connected.
        server.connections.reserve(self.role, 2 * args.connection_limit)
        role = sql_step.run(
            server,
            f"{name}-role",
            {
                "up": sql_tenants.maker_up(self.role, superuser=server.superuser),
                "down": sql_tenants.maker_down(self.role),
            },
            down=True,
            opts=sql_step.made_in(self, server, self.role, [server.ready]),
        )
        self.password = self._login(name, args, role)
        self.register_outputs({"role": self.role, "username": self.username})

    def _login(self, name: str, args: DatabaseMakerArgs, role: pulumi.Resource) -> Secret:
        """Make the login of this rotation; return its password."""
        server, number = args.server, args.rotation
        child = pulumi.ResourceOptions(parent=self)
        password = secrets.generated(f"{name}-password-{number}", rotation=number, opts=child)
        salt = random.RandomBytes(f"{name}-salt-{number}", length=scram.SALT_BYTES, opts=child)
        login = sql_step.run(
            server,
            f"{name}-login-{number}",
            {
                "up": sql_tenants.login_up(
                    self.role, self.username, args.connection_limit, superuser=server.superuser
                ),
                "down": sql_tenants.login_down(self.username),
            },
            down=True,
            opts=sql_step.made_in(self, server, self.username, [role]),
        )
        verified: pulumi.Output[list[sql.Batch]] = pulumi.Output.secret(
            pulumi.Output.all(password.value, salt.base64).apply(
                lambda made: sql.user_password(
                    self.username,
                    scram.verifier(made[0], base64.b64decode(made[1])),
                    superuser=server.superuser,
                )
            )
        )
        sql_step.run(
            server,
            f"{name}-verifier-{number}",
            {"up": verified},
            secret=True,
            opts=sql_step.made_in(self, server, self.username, [login]),
        )
        return password
