"""Databases and their users: least privilege as data, brought about by idempotent SQL."""

import base64
import dataclasses
from collections.abc import Sequence

import pulumi
import pulumi_command as command
import pulumi_random as random

from . import scram, secrets, sql, sql_step
from .dump import Dump
from .postgres_place import DatabaseServer
from .secrets import Secret

_LONGEST_NAME = 63 - len("_read_write")
_MIGRATION_LOCK_SECONDS = 10


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseArgs:
    """What a database is."""

    server: DatabaseServer
    """Where it lies."""
    name: str
    """Its name in the server."""
    schemas: Sequence[str] = ("public",)
    """Schemas in which its users have their grants; made when missing, never dropped."""
    extensions: Sequence[str] = ()
    """Made when missing, never dropped."""
    protect: bool = True
    """Whether it must not be deleted."""

    def __post_init__(self) -> None:
        """Refuse names that cannot be.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        sql.check_name("database: name", self.name, longest=_LONGEST_NAME)
        for schema in self.schemas:
            if schema != "public":
                sql.check_name("database: schemas", schema)
        for extension in self.extensions:
            sql.check_name("database: extensions", extension.replace("-", "_"))


class Database(pulumi.ComponentResource):
    """A database owned by a role that nobody logs in as, closed to everybody but its own users."""

    database_name: str
    """Its name in the server."""
    server: DatabaseServer
    """Where it lies."""
    ready: command.remote.Command
    """Has made it; what works in the database depends on it."""

    def __init__(
        self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:database:Database", name, {}, opts)
        self.database_name = args.name
        self.server = args.server
        args.server.host.remote.claims.take(
            f"database on {args.server.hostname}", args.name, name, cure="choose another name"
        )
        self.ready = sql_step.run(
            args.server,
            f"{name}-database",
            {
                "up": sql.database_up(
                    args.name, args.schemas, args.extensions, superuser=args.server.superuser
                ),
                "down": sql.database_down(args.name),
            },
            down=True,
            opts=sql_step.made_in(
                self, args.server, args.name, [args.server.ready], protect=args.protect
            ),
        )
        self.register_outputs({"database_name": self.database_name})

    def dump(self, keep: int = 3) -> Dump:
        """Return the dump for a `Job(dump=...)` that changes this database.

        Raises:
            ValueError: somebody else runs the server.
        """
        if not self.server.superuser:
            msg = (
                f"dump of {self.database_name}: {self.server.hostname} is run by somebody else, "
                "who keeps its backups; leave dump= out"
            )
            raise ValueError(msg)
        return Dump(
            host=self.server.host,
            place=self.server.place,
            database=self.database_name,
            ready=self.ready,
            keep=keep,
        )


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseUserArgs:
    """What a user may do."""

    database: Database
    """The only database that it can connect to."""
    name: str
    """Its name in the server."""
    access: sql.Access
    """`migrator` acts as the owner, `read_write` changes rows, `read_only` reads them."""
    rotation: int = 1
    """Raise it for a new password."""
    connection_limit: int = 20
    """So many connections at the same time; during a deploy two releases share them."""
    statement_timeout_seconds: int | None = None
    """Longest run of a statement; None is 60, and no limit for a migrator."""
    idle_transaction_seconds: int = 60
    """A transaction that does nothing for so long is ended, since it may hold locks."""

    def __post_init__(self) -> None:
        """Refuse what the server would refuse, or what would never let anybody in.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        where = f"database user {self.name}"
        sql.check_name("database user: name", self.name)
        if self.access not in ("migrator", *sql.GRANTS):
            known = ", ".join(("migrator", *sql.GRANTS))
            msg = f"{where}: access must be one of {known} (got {self.access!r})"
            raise ValueError(msg)
        if self.name in sql.group_roles(self.database.database_name):
            msg = f"{where}: this name is taken by a role of the database itself; choose another"
            raise ValueError(msg)
        limits = {
            "rotation": (self.rotation, 1),
            "connection_limit": (self.connection_limit, 1),
            "statement_timeout_seconds": (self.statement_timeout_seconds or 0, 0),
            "idle_transaction_seconds": (self.idle_transaction_seconds, 0),
        }
        for field, (value, least) in limits.items():
            if value < least:
                msg = f"{where}: {field} must be at least {least} (got {value})"
                raise ValueError(msg)


class DatabaseUser(pulumi.ComponentResource):
    """A login that can do what its access says and nothing else.

    The server never sees its password. Deleting it ends its sessions and gives what it owns to the
    database's owner.
    """

    username: str
    """Its name in the server."""
    password: Secret
    """What it logs in with; a new one for each rotation."""

    def __init__(
        self, name: str, args: DatabaseUserArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:database:DatabaseUser", name, {}, opts)
        server, database = args.database.server, args.database.database_name
        remote = server.host.remote
        child = pulumi.ResourceOptions(parent=self)
        remote.claims.take(
            f"database user on {server.hostname}", args.name, name, cure="choose another name"
        )
        server.connections.reserve(args.name, args.connection_limit)
        self.username = args.name
        self.password = secrets.generated(f"{name}-password", rotation=args.rotation, opts=child)
        salt = random.RandomBytes(
            f"{name}-salt",
            length=scram.SALT_BYTES,
            keepers={"rotation": str(args.rotation)},
            opts=child,
        )
        role = sql_step.run(
            server,
            f"{name}-role",
            {
                "up": sql.user_up(
                    database,
                    args.name,
                    args.access,
                    args.connection_limit,
                    settings(args),
                    superuser=server.superuser,
                ),
                "down": sql.user_down(database, args.name, superuser=server.superuser),
            },
            down=True,
            opts=sql_step.made_in(self, server, role_key(args), [args.database.ready]),
        )
        self._login(name, args, salt.base64, role)
        self.register_outputs({"username": self.username})

    def _login(
        self,
        name: str,
        args: DatabaseUserArgs,
        salt: pulumi.Output[str],
        role: command.remote.Command,
    ) -> None:
        """Let the user in: apart from the role, because a secret hides its whole document."""
        server = args.database.server
        batches: pulumi.Output[list[sql.Batch]] = pulumi.Output.secret(
            pulumi.Output.all(self.password.value, salt).apply(
                lambda made: sql.user_password(
                    args.name,
                    scram.verifier(made[0], base64.b64decode(made[1])),
                    superuser=server.superuser,
                )
            )
        )
        sql_step.run(
            server,
            f"{name}-login",
            {"up": batches},
            secret=True,
            opts=sql_step.made_in(self, server, role_key(args), [role]),
        )


def role_key(args: DatabaseUserArgs) -> str:
    """Return what a role is: when this changes it is another role, not the same one changed."""
    return f"{args.database.database_name}/{args.name}"


def settings(args: DatabaseUserArgs) -> dict[str, str]:
    """Return the session settings of a user."""
    migrator = args.access == "migrator"
    limit = args.statement_timeout_seconds
    seconds = (0 if migrator else 60) if limit is None else limit
    common = {
        "statement_timeout": f"{seconds}s",
        "idle_in_transaction_session_timeout": f"{args.idle_transaction_seconds}s",
    }
    if migrator:
        # What it makes belongs to the owner, whose default privileges then apply. A migration that
        # waits long for a lock makes every request wait behind it.
        owner = sql.owner_role(args.database.database_name)
        return {"role": owner, "lock_timeout": f"{_MIGRATION_LOCK_SECONDS}s", **common}
    if args.access == "read_only":
        return {"default_transaction_read_only": "on", **common}
    return common
