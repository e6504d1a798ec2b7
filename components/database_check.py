"""A check of a database that ends the deploy when it fails, before anything new serves."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pulumi
import pulumi_command as command

from . import sql_roles, sql_step
from .database import Database


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseCheckArgs:
    """What is checked, and when anew."""

    database: Database
    """The database; its server is ours."""
    sql: str
    """Raises an error when something is wrong; whatever it changes is taken back."""
    again: Mapping[str, str]
    """It runs whenever one of these changes: migrations, images."""
    each_up: bool = False
    """Whether each `up` runs it besides: one SSH connection, and a change in every preview."""
    after: Sequence[pulumi.Resource] = ()
    """What has to be there before."""

    def __post_init__(self) -> None:
        """Refuse a check that checks nothing.

        Raises:
            ValueError: naming the field and the rule.
        """
        if not self.sql.strip():
            msg = "database check: sql: is empty"
            raise ValueError(msg)


class DatabaseCheck(pulumi.ComponentResource):
    """Has passed with the database as it is; give `ready` to `after` of what must not serve else.

    It runs as the server's superuser, so that it can take every role, and leaves nothing behind.
    """

    ready: command.remote.Command
    """Has passed."""

    def __init__(
        self, name: str, args: DatabaseCheckArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:database_check:DatabaseCheck", name, {}, opts)
        database = args.database
        again = dict(args.again)
        if args.each_up:
            again["at"] = datetime.now(UTC).isoformat(timespec="seconds")
        self.ready = sql_step.run(
            database.server,
            f"{name}-check",
            {"up": sql_roles.check_up(database.database_name, args.sql), "again": again},
            opts=sql_step.made_in(
                self, database.server, database.database_name, [database.ready, *args.after]
            ),
        )
        self.register_outputs({})
