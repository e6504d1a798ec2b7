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
    texts = {"row-security": sql_roles.row_security_audit(SCHEMAS)}
    if config.checks.isolation:
        texts["isolation"] = (Path("checks") / "isolation.sql").read_text()
    return [
        DatabaseCheck(
            name,
            DatabaseCheckArgs(database=database, sql=text, again=again, after=[migrations.ready]),
        ).ready
        for name, text in texts.items()
    ]
