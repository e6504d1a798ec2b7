"""What must hold in the database before the API and Realtime serve anything new."""

from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

from components import sql_roles
from components.database import Database
from components.database_check import DatabaseCheck, DatabaseCheckArgs
from components.database_migrations import DatabaseMigrations

if TYPE_CHECKING:
    from .config import CommandCenterConfig

SCHEMAS = ("public",)
"""Whose tables are reached through the API."""


def declare(
    config: "CommandCenterConfig", database: Database, migrations: DatabaseMigrations
) -> list[pulumi.Resource]:
    """Return the checks; a release that comes after them does not start when one fails."""
    again = {
        "migrations": migrations.version,
        "rest": config.rest.image,
        "realtime": config.realtime.image,
    }

    def check(name: str, sql: str, *, each_up: bool) -> pulumi.Resource:
        args = DatabaseCheckArgs(
            database=database, sql=sql, again=again, each_up=each_up, after=[migrations.ready]
        )
        return DatabaseCheck(name, args).ready

    audit = check("row-security", sql_roles.row_security_audit(SCHEMAS), each_up=False)
    if not config.checks.isolation:
        return [audit]
    text = (Path("checks") / "isolation.sql").read_text()
    return [audit, check("isolation", text, each_up=True)]
