"""Databases: those that the login owns, which of them a host name may see, and new ones."""

import re

import psycopg
from psycopg import sql

from odoo_standin.config import Config

MAINTENANCE = "postgres"
"""Connected to for what concerns no tenant."""


def connect(config: Config, database: str) -> psycopg.Connection:
    """Open a connection; as a context manager it commits and closes."""
    return psycopg.connect(**config.conninfo(database))


def owned(config: Config) -> list[str]:
    """Return the databases that the login owns and that may be connected to, sorted."""
    with connect(config, MAINTENANCE) as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = current_user "
            "AND NOT datistemplate AND datallowconn AND datname <> %s ORDER BY datname",
            (MAINTENANCE,),
        ).fetchall()
    return [str(name) for (name,) in rows]


def visible(names: list[str], dbfilter: str, host: str) -> list[str]:
    """Return the databases that a request for a host may see.

    As Odoo does it: `%h` is the host without port and leading `www.`, `%d` its first label; the
    pattern has to match from the beginning, and to the end only where it says so with `$`.
    """
    if not dbfilter:
        return list(names)
    host = host.partition(":")[0].lower().removeprefix("www.")
    domain = host.partition(".")[0]
    pattern = re.compile(
        re.sub(
            "%[hd]",
            lambda found: re.escape(host if found[0] == "%h" else domain),
            dbfilter,
        )
    )
    return [name for name in names if pattern.match(name)]


def create(config: Config, database: str) -> bool:
    """Make a database that the login owns; return whether it was missing."""
    with psycopg.connect(**config.conninfo(MAINTENANCE), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
        if found.fetchone():
            return False
        connection.execute(
            sql.SQL("CREATE DATABASE {} ENCODING 'unicode' LC_COLLATE 'C' TEMPLATE {}").format(
                sql.Identifier(database), sql.Identifier(config.db_template)
            )
        )
    return True
