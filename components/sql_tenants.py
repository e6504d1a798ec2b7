"""SQL for roles that make databases of their own, and for the databases of tenants.

Pure functions like those of `sql`, whose batches they return.
"""

# ruff: noqa: S608 - SQL is what this module makes; each value in it is quoted

from . import sql
from .sql import Batch, identifier, literal


def maker_up(maker: str, *, superuser: bool = True) -> list[Batch]:
    """Return what makes a role that makes databases of its own; nobody logs in as it.

    It may log in as far as its attributes say, since some apps ask the view pg_user who owns what,
    which shows such roles alone; without a password nobody can.
    """
    name = identifier(maker)
    return [
        sql.batch(
            "postgres",
            *sql.role(maker, "LOGIN", None, superuser=superuser),
            f"ALTER ROLE {name} CREATEDB;",
            f"ALTER ROLE {name} PASSWORD NULL;",
            *(() if superuser else (f"GRANT {name} TO CURRENT_USER;",)),
            # Where an app connects to see which databases there are, and to make one.
            f"GRANT CONNECT ON DATABASE postgres TO {name};",
        )
    ]


def maker_down(maker: str) -> list[Batch]:
    """Return what drops such a role, and refuses as long as it owns a database."""
    owned = f"FROM pg_database WHERE pg_get_userbyid(datdba) = {literal(maker)}"
    refusal = (
        f"DO $$ BEGIN IF EXISTS (SELECT {owned}) THEN "
        f"RAISE EXCEPTION '% owns databases: %', {literal(maker)}, "
        f"(SELECT string_agg(datname, ', ' ORDER BY datname) {owned}) "
        "USING HINT = 'drop them, or keep the role'; END IF; END $$;"
    )
    exists = f"FROM pg_roles WHERE rolname = {literal(maker)} \\gexec"
    return [
        sql.batch(
            "postgres",
            refusal,
            f"SELECT format('DROP OWNED BY %I', rolname) {exists}",
            f"DROP ROLE IF EXISTS {identifier(maker)};",
        )
    ]


def login_up(
    maker: str, login: str, connection_limit: int, *, superuser: bool = True
) -> list[Batch]:
    """Return what makes a login that acts as `maker`; says nothing about its password."""
    name = identifier(login)
    return [
        sql.batch(
            "postgres",
            *sql.role(login, "LOGIN", connection_limit, superuser=superuser),
            f"GRANT {identifier(maker)} TO {name};",
            f"ALTER ROLE {name} RESET ALL;",
            # What it makes belongs to the maker, and stays when the login goes.
            f"ALTER ROLE {name} SET role = {literal(maker)};",
        )
    ]


def login_down(login: str) -> list[Batch]:
    """Return what ends a login's sessions and drops it."""
    exists = f"FROM pg_roles WHERE rolname = {literal(login)} \\gexec"
    kill = (
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {literal(login)};"
    )
    return [
        sql.batch("postgres", f"SELECT format('ALTER ROLE %I NOLOGIN', rolname) {exists}", kill),
        sql.batch("postgres", f"DROP ROLE IF EXISTS {identifier(login)};"),
    ]


def tenant_up(database: str, maker: str) -> list[Batch]:
    """Return what makes a tenant's database, which only its maker may connect to."""
    name, owner = identifier(database), identifier(maker)
    create = (
        f"CREATE DATABASE {name} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'"
    )
    there = f"SELECT FROM pg_database WHERE datname = {literal(database)}"
    return [
        sql.batch(
            "postgres",
            f"SELECT {literal(create)} WHERE NOT EXISTS ({there}) \\gexec",
            f"ALTER DATABASE {name} OWNER TO {owner};",
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC;",
            transaction=False,
        )
    ]


def tenant_open(database: str, *, suspended: bool) -> list[Batch]:
    """Return what lets a tenant work, or ends all that works with its database and lets nobody."""
    end = f"FROM pg_stat_activity WHERE datname = {literal(database)}"
    allowed = "false" if suspended else "true"
    lines = [f"ALTER DATABASE {identifier(database)} ALLOW_CONNECTIONS {allowed};"]
    if suspended:
        lines.append(f"SELECT count(pg_terminate_backend(pid)) {end};")
    return [sql.batch("postgres", *lines)]


def tenant_down(database: str) -> list[Batch]:
    """Return what removes a tenant's database and ends everybody's connections to it."""
    drop = f"DROP DATABASE IF EXISTS {identifier(database)} WITH (FORCE);"
    return [sql.batch("postgres", drop, transaction=False)]
