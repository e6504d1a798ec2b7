"""SQL that brings roles, grants and databases to a wanted state; pure functions, no connection.

Every batch may run any number of times and converges: what is missing is made, what is no longer
wanted is revoked. Commands that cannot be conditional in SQL are made by a query and run by psql
(gexec). Names are checked (`check_name`) and quoted all the same.
"""

# ruff: noqa: S608 - SQL is what this module makes; each value in it is quoted by the functions below

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

Access = Literal["migrator", "read_write", "read_only"]
"""What a user may do: change the schema as its owner, change rows, or read them."""

_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_RESERVED = {"postgres", "template0", "template1", "public", "none", "session_user", "current_user"}


class Batch(TypedDict):
    """Statements that run in one psql session."""

    database: str
    transaction: bool
    sql: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Grants:
    """Privileges on everything that a database's owner has made or will make."""

    tables: tuple[str, ...]
    """Privileges on tables and views."""
    sequences: tuple[str, ...]
    """Privileges on sequences."""


GRANTS: Mapping[Access, Grants] = {
    "read_write": Grants(
        tables=("SELECT", "INSERT", "UPDATE", "DELETE"), sequences=("USAGE", "SELECT")
    ),
    "read_only": Grants(tables=("SELECT",), sequences=("SELECT",)),
}
"""What the groups may do; the migrator is no group with grants, it acts as the owner."""


def check_name(kind: str, value: str, *, longest: int = 63) -> str:
    """Return `value` when it is a plain name that nobody ever has to quote.

    Raises:
        ValueError: naming kind, value and rule.
    """
    if not _NAME.fullmatch(value) or len(value) > longest or value in _RESERVED:
        rule = f"use 1 to {longest} lower-case letters, digits and underscores, not a reserved name"
        msg = f"{kind}: {value!r} is no usable name; {rule}"
        raise ValueError(msg)
    if value.startswith("pg_"):
        msg = f"{kind}: {value!r} is no usable name; PostgreSQL keeps pg_* for itself"
        raise ValueError(msg)
    return value


def identifier(name: str) -> str:
    """Return `name` quoted as an identifier."""
    if not name or "\0" in name:
        msg = f"identifier: {name!r} must be neither empty nor hold a null byte"
        raise ValueError(msg)
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return `text` quoted as a literal; right whatever `standard_conforming_strings` says."""
    if "\0" in text:
        msg = "literal: must not hold a null byte"
        raise ValueError(msg)
    quoted = "'" + text.replace("'", "''").replace("\\", "\\\\") + "'"
    return f" E{quoted}" if "\\" in text else quoted


def owner_role(database: str) -> str:
    """Return the role that owns a database and all in it; nobody logs in as it."""
    return f"{database}_owner"


def group_role(database: str, access: Access) -> str:
    """Return the role of which users with this access are members."""
    return owner_role(database) if access == "migrator" else f"{database}_{access}"


def group_roles(database: str) -> list[str]:
    """Return every role that a database makes for itself."""
    return [owner_role(database), *(group_role(database, access) for access in GRANTS)]


def checked() -> list[Batch]:
    """Return what only asks whether the server answers."""
    return [batch("postgres", "SELECT now();")]


def server_up() -> list[Batch]:
    """Return what makes a fresh server safe: no superuser over the network, no common rooms."""
    return [
        batch(
            "postgres",
            "ALTER ROLE postgres PASSWORD NULL;",
            "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;",
        )
    ]


def database_up(
    database: str, schemas: Sequence[str], extensions: Sequence[str], *, superuser: bool = True
) -> list[Batch]:
    """Return what makes a database with its owner, its groups and their grants.

    Without a superuser it is made by a role with CREATEDB and CREATEROLE, which becomes a member
    of the owner.
    """
    owner, groups = identifier(owner_role(database)), group_roles(database)
    roles = [line for name in groups for line in role(name, "NOLOGIN", None, superuser=superuser)]
    if not superuser:
        roles.append(f"GRANT {owner} TO CURRENT_USER;")
    create = (
        f"CREATE DATABASE {identifier(database)} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8'"
    )
    joined = ", ".join(identifier(role) for role in groups[1:])
    return [
        batch(
            "postgres",
            *roles,
            _unless(f"FROM pg_database WHERE datname = {literal(database)}", create),
            f"ALTER DATABASE {identifier(database)} OWNER TO {owner};",
            f"REVOKE ALL ON DATABASE {identifier(database)} FROM PUBLIC;",
            f"GRANT CONNECT ON DATABASE {identifier(database)} TO {joined};",
            transaction=False,
        ),
        batch(
            database,
            *(f"CREATE SCHEMA IF NOT EXISTS {identifier(schema)};" for schema in schemas),
            *(f"ALTER SCHEMA {identifier(schema)} OWNER TO {owner};" for schema in schemas),
            "REVOKE ALL ON SCHEMA public FROM PUBLIC;",
            *(f"CREATE EXTENSION IF NOT EXISTS {identifier(name)};" for name in extensions),
            *(
                line
                for access, grants in GRANTS.items()
                for line in _grants(database, schemas, access, grants)
            ),
        ),
    ]


def database_down(database: str) -> list[Batch]:
    """Return what removes a database, everybody's connections to it, and its roles."""
    return [
        batch(
            "postgres",
            f"DROP DATABASE IF EXISTS {identifier(database)} WITH (FORCE);",
            *(f"DROP ROLE IF EXISTS {identifier(role)};" for role in group_roles(database)),
            transaction=False,
        )
    ]


def user_up(
    database: str,
    user: str,
    access: Access,
    connection_limit: int,
    settings: Mapping[str, str],
    *,
    superuser: bool = True,
) -> list[Batch]:
    """Return what makes a user a member of exactly one group; says nothing about its password."""
    name, group = identifier(user), group_role(database, access)
    within = f"ALTER ROLE {name} IN DATABASE {identifier(database)}"
    revoke_others = (
        f"SELECT format('REVOKE %I FROM %I', g.rolname, {literal(user)}) FROM pg_auth_members m "
        "JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member "
        f"WHERE u.rolname = {literal(user)} AND g.rolname <> {literal(group)} \\gexec"
    )
    return [
        batch(
            database,
            *role(user, "LOGIN", connection_limit, superuser=superuser),
            revoke_others,
            f"GRANT {identifier(group)} TO {name};",
            f"ALTER ROLE {name} RESET ALL;",
            f"{within} RESET ALL;",
            *(f"{within} SET {key} = {literal(value)};" for key, value in settings.items()),
        )
    ]


def user_password(user: str, verifier: str, *, superuser: bool = True) -> list[Batch]:
    """Return what lets a user log in; the server's log never shows it, even when it fails.

    What is logged only a superuser decides; otherwise a log may show the verifier, with which
    nobody can log in.
    """
    unlogged = (
        "SET LOCAL log_statement = 'none';",
        "SET LOCAL log_min_duration_statement = -1;",
        "SET LOCAL log_min_error_statement = panic;",
    )
    return [
        batch(
            "postgres",
            *(unlogged if superuser else ()),
            f"ALTER ROLE {identifier(user)} PASSWORD {literal(verifier)};",
        )
    ]


def user_down(database: str, user: str, *, superuser: bool = True) -> list[Batch]:
    """Return what ends a user's sessions, gives what it owns to the owner, and drops it."""
    exists = f"FROM pg_roles WHERE rolname = {literal(user)} \\gexec"
    kill = (
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {literal(user)};"
    )
    reassign = f"format('REASSIGN OWNED BY %I TO %I', rolname, {literal(owner_role(database))})"
    # Whoever is no superuser has to be a member, to end its sessions and give away what it owns.
    join = f"SELECT format('GRANT %I TO %I', rolname, CURRENT_USER) {exists}"
    return [
        batch(
            "postgres",
            f"SELECT format('ALTER ROLE %I NOLOGIN', rolname) {exists}",
            *(() if superuser else (join,)),
            kill,
        ),
        batch(
            database,
            f"SELECT {reassign} {exists}",
            f"SELECT format('DROP OWNED BY %I', rolname) {exists}",
        ),
        batch("postgres", f"DROP ROLE IF EXISTS {identifier(user)};"),
    ]


def batch(database: str, *lines: str, transaction: bool = True) -> Batch:
    """Return statements that run in one session."""
    return {"database": database, "transaction": transaction, "sql": "\n".join(lines) + "\n"}


def _unless(where: str, statement: str) -> str:
    return f"SELECT {literal(statement)} WHERE NOT EXISTS (SELECT {where}) \\gexec"


def role(
    name: str, login: str, connection_limit: int | None, *, superuser: bool = True
) -> list[str]:
    """Return what makes a role, if it is not there, and gives it these powers and no other."""
    powers = "INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    if not superuser:
        # It cannot give the other powers, and so may not even take them.
        powers = "INHERIT NOCREATEDB NOCREATEROLE"
    limit = "" if connection_limit is None else f" CONNECTION LIMIT {connection_limit}"
    where = f"FROM pg_roles WHERE rolname = {literal(name)}"
    return [
        _unless(where, f"CREATE ROLE {identifier(name)} NOLOGIN"),
        f"ALTER ROLE {identifier(name)} WITH {login} {powers}{limit};",
    ]


def _grants(database: str, schemas: Sequence[str], access: Access, grants: Grants) -> list[str]:
    group, owner = identifier(group_role(database, access)), identifier(owner_role(database))
    kinds = {"TABLES": ", ".join(grants.tables), "SEQUENCES": ", ".join(grants.sequences)}
    lines = _revoke_everywhere(group_role(database, access), owner_role(database))
    for schema in map(identifier, schemas):
        lines.append(f"GRANT USAGE ON SCHEMA {schema} TO {group};")
        for kind, privileges in kinds.items():
            future = f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema}"
            lines.append(f"GRANT {privileges} ON ALL {kind} IN SCHEMA {schema} TO {group};")
            lines.append(f"{future} GRANT {privileges} ON {kind} TO {group};")
    return lines


def _revoke_everywhere(group: str, owner: str) -> list[str]:
    """Return what takes all from a group in every schema, also in those no longer named."""
    own = "nspname !~ '^pg_' AND nspname <> 'information_schema'"
    templates = ["REVOKE ALL ON SCHEMA %1$I FROM %2$I"]
    for kind in ("TABLES", "SEQUENCES"):
        templates += [
            f"REVOKE ALL ON ALL {kind} IN SCHEMA %1$I FROM %2$I",
            f"ALTER DEFAULT PRIVILEGES FOR ROLE %3$I IN SCHEMA %1$I REVOKE ALL ON {kind} FROM %2$I",
        ]
    values = f"nspname, {literal(group)}, {literal(owner)}"
    return [
        f"SELECT format('{template}', {values}) FROM pg_namespace WHERE {own} \\gexec"
        for template in templates
    ]
