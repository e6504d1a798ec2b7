"""Migrations that are files of SQL: applied in order, once each, and recorded in the database."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import pulumi
import pulumi_command as command

from . import sql_roles, sql_step
from .database import Database
from .release import release_id

_FILE = re.compile(r"[0-9]{4}_[a-z0-9_]+\.sql")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseMigrationsArgs:
    """What is applied, and where."""

    database: Database
    """The database; its server is ours."""
    folder: str
    """Holds the files, `0001_first.sql` and so on; relative to the program."""
    after: Sequence[pulumi.Resource] = ()
    """What has to be there before, such as roles that the files grant to."""

    def __post_init__(self) -> None:
        """Refuse files that have no order, and transactions of their own.

        Raises:
            ValueError: naming the file and the rule.
        """
        files = read(self.folder)
        if not files:
            msg = f"migrations: folder: there is no file like 0001_first.sql in {self.folder!r}"
            raise ValueError(msg)
        numbers = [name[:4] for name in files]
        for name, text in files.items():
            if not _FILE.fullmatch(name):
                msg = f"migrations: {name}: call it like 0001_first.sql: four digits, then a-z0-9_"
                raise ValueError(msg)
            if numbers.count(name[:4]) > 1:
                msg = f"migrations: {name}: {name[:4]} is had twice; give each file its own number"
                raise ValueError(msg)
            if re.search(r"(?im)^\s*(begin|commit|rollback|start\s+transaction)\s*;", text):
                msg = f"migrations: {name}: each file is a transaction already; leave yours out"
                raise ValueError(msg)


class DatabaseMigrations(pulumi.ComponentResource):
    """The schema is as the files say, all of them or, after an error, those before the wrong one.

    They run as the database's owner. A file that was applied and is another one now is refused.
    """

    names: Sequence[str]
    """The files in their order."""
    version: str
    """Changes whenever a file does."""
    ready: command.remote.Command
    """Has applied them; what needs the schema depends on it."""

    def __init__(
        self, name: str, args: DatabaseMigrationsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:database_migrations:DatabaseMigrations", name, {}, opts)
        database = args.database
        files = read(args.folder)
        self.names = sorted(files)
        self.version = release_id(files)
        self.ready = sql_step.run(
            database.server,
            f"{name}-migrations",
            {"up": sql_roles.migrations_up(database.database_name, files)},
            opts=sql_step.made_in(
                self, database.server, database.database_name, [database.ready, *args.after]
            ),
        )
        self.register_outputs({"names": self.names, "version": self.version})


def read(folder: str) -> dict[str, str]:
    """Return the texts of a folder's files by their names."""
    return {path.name: path.read_text() for path in sorted(Path(folder).glob("*.sql"))}
