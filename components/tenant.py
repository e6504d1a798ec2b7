"""A tenant of an app that keeps one database and one folder of files for each."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from . import sql, sql_step, sql_tenants
from .app import App
from .database_maker import DatabaseMaker
from .host import Host
from .job import check_environment
from .secrets import Secret


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TenantArgs:
    """What a tenant is."""

    host: Host
    """The machine that the app runs on."""
    app: App
    """The app; the commands run in its release that serves, whichever that is."""
    maker: DatabaseMaker
    """Who owns the tenant's database."""
    database: str
    """The database's name."""
    commands: Sequence[Sequence[str]]
    """What fills the database and brings it up to date, in order; may run twice, and runs again
    when the tenant is no longer suspended."""
    undo: Sequence[Sequence[str]] = ()
    """What removes the tenant's files, before the database goes; may run twice."""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Plain values for the commands, besides what the app has."""
    stdin: Secret | None = None
    """What the commands read on standard input, such as the first password."""
    suspended: bool = False
    """Whether nobody can work with the database; what is in it stays."""
    protect: bool = True
    """Whether the tenant must not be deleted."""
    timeout_seconds: int = 900
    """Limit of each command."""

    def __post_init__(self) -> None:
        """Refuse what could not be made.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        sql.check_name("tenant: database", self.database)
        where = f"tenant {self.database}"
        check_environment(f"{where}: environment", self.environment)
        if not self.commands or not all((*self.commands, *self.undo)):
            msg = f"{where}: commands: name at least one, and none without a program"
            raise ValueError(msg)
        if not 1 <= self.timeout_seconds <= 86_400:
            msg = f"{where}: timeout_seconds: must be from 1 to 86400 (got {self.timeout_seconds})"
            raise ValueError(msg)
        if self.app.instance_name.endswith(".service"):
            msg = f"{where}: app: {self.app.instance_name} is a unit; tenants need containers"
            raise ValueError(msg)


class Tenant(pulumi.ComponentResource):
    """A database that only its maker may connect to, filled by the app itself.

    A new release changes nothing here. Suspending ends every connection and lets nobody in again;
    deleting removes files and database, for good.
    """

    database: str
    """The database's name."""
    suspended: bool
    """Whether nobody can work with it."""
    ready: pulumi.Resource
    """Has filled it."""

    def __init__(
        self, name: str, args: TenantArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:tenant:Tenant", name, {}, opts)
        self.database, self.suspended = args.database, args.suspended
        server, maker = args.maker.server, args.maker.role
        args.host.remote.claims.take(
            f"database on {server.hostname}", args.database, name, cure="choose another name"
        )
        made = sql_step.run(
            server,
            f"{name}-database",
            {
                "up": sql_tenants.tenant_up(args.database, maker),
                "down": sql_tenants.tenant_down(args.database),
            },
            down=True,
            opts=sql_step.made_in(self, server, args.database, [args.maker], protect=args.protect),
        )
        opened = sql_step.run(
            server,
            f"{name}-access",
            {"up": sql_tenants.tenant_open(args.database, suspended=args.suspended)},
            opts=sql_step.made_in(self, server, args.database, [made]),
        )
        self.ready = self._content(name, args, opened)
        self.register_outputs({"database": self.database, "suspended": self.suspended})

    def _content(self, name: str, args: TenantArgs, opened: pulumi.Resource) -> pulumi.Resource:
        spec: dict[str, Any] = {
            "app": args.app.pulumi_resource_name,
            "stable_port": args.app.port,
            "commands": [] if args.suspended else [list(words) for words in args.commands],
            "undo": [list(words) for words in args.undo],
            "environment": dict(args.environment),
            "timeout_seconds": args.timeout_seconds,
            **({"stdin": args.stdin.value} if args.stdin else {}),
        }
        return args.host.remote.step(
            f"{name}-content",
            "serving",
            spec,
            down=True,
            secret=args.stdin is not None,
            timeout_seconds=args.timeout_seconds * max(1, len(args.commands)) + 120,
            opts=sql_step.made_in(
                self,
                args.maker.server,
                args.database,
                [opened, args.app],
                protect=args.protect,
            ),
        )
