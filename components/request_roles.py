"""Roles that a login takes for one request, so that the database itself decides who sees what."""

import dataclasses
from collections.abc import Sequence

import pulumi
import pulumi_command as command

from . import sql, sql_roles, sql_step
from .database import Database


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RequestRole:
    """One role; nobody logs in as it."""

    name: str
    """Its name in the server, which has it once for all databases."""
    everything: bool = False
    """Whether it may change everything and row security does not hold for it; otherwise it may do
    what migrations grant, to rows that policies show."""

    def __post_init__(self) -> None:
        """Refuse what is no name.

        Raises:
            ValueError: naming the value and the rule.
        """
        sql.check_name("request role", self.name)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RequestRolesArgs:
    """What roles there are."""

    database: Database
    """Where they are used; its server is ours."""
    roles: Sequence[RequestRole]
    """The roles."""
    schemas: Sequence[str] = ("public",)
    """Schemas that they may look into."""

    def __post_init__(self) -> None:
        """Refuse what the server could not have.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        names = [role.name for role in self.roles]
        if not names or len(set(names)) != len(names):
            msg = f"request roles: roles: must be some, each once (got {names})"
            raise ValueError(msg)
        if not self.database.server.superuser:
            msg = (
                f"request roles: {self.database.server.hostname} is run by somebody else, and only "
                "a superuser may say for whom row security does not hold"
            )
            raise ValueError(msg)


class RequestRoles(pulumi.ComponentResource):
    """Roles that a `DatabaseUser(access="request")` may take, and has nothing of before it does."""

    names: Sequence[str]
    """The roles."""
    ready: command.remote.Command
    """Has made them; what takes or grants to them depends on it."""

    def __init__(
        self, name: str, args: RequestRolesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:request_roles:RequestRoles", name, {}, opts)
        server, database = args.database.server, args.database.database_name
        self.names = [role.name for role in args.roles]
        for role in self.names:
            server.host.remote.claims.take(
                f"database user on {server.hostname}", role, name, cure="choose another name"
            )
        self.ready = sql_step.run(
            server,
            f"{name}-roles",
            {
                "up": sql_roles.request_roles_up(
                    database, args.schemas, {role.name: role.everything for role in args.roles}
                ),
                "down": sql_roles.request_roles_down(database, self.names),
            },
            down=True,
            opts=sql_step.made_in(self, server, database, [args.database.ready]),
        )
        self.register_outputs({"names": self.names})
