"""SQL for roles that a login takes for one request, for migrations and for checks.

Pure functions like those of `sql`, whose batches they return.
"""

# ruff: noqa: S608 - SQL is what this module makes; each value in it is quoted

import hashlib
from collections.abc import Mapping, Sequence

from . import sql
from .sql import Batch, identifier, literal

RECORD = "homeport"
"""The schema with the record of what was applied."""


def request_group(database: str) -> str:
    """Return the role of which logins are members that take another role for each request."""
    return sql.group_role(database, "request")


def request_roles_up(
    database: str, schemas: Sequence[str], roles: Mapping[str, bool]
) -> list[Batch]:
    """Return what makes the roles, none of which can log in.

    Args:
        database: where they may look.
        schemas: what they may look into; what they may do there is the migrations' affair.
        roles: by name, whether row security does not hold for it, so that it may do everything.
    """
    group, owner = request_group(database), identifier(sql.owner_role(database))
    lines = sql.role(group, "NOLOGIN", None)
    # A member takes one of the roles for a transaction, and has nothing of theirs before.
    lines.append(f"ALTER ROLE {identifier(group)} NOINHERIT;")
    lines += _left(group, roles)
    for name, everything in roles.items():
        lines += sql.role(name, "NOLOGIN", None)
        if everything:
            lines.append(f"ALTER ROLE {identifier(name)} BYPASSRLS;")
        lines.append(f"GRANT {identifier(name)} TO {identifier(group)};")
    lines.append(f"GRANT CONNECT ON DATABASE {identifier(database)} TO {identifier(group)};")
    for schema in map(identifier, schemas):
        lines += [f"GRANT USAGE ON SCHEMA {schema} TO {identifier(name)};" for name in roles]
        for name in (identifier(name) for name, everything in roles.items() if everything):
            for kind in ("TABLES", "SEQUENCES"):
                lines += [
                    f"GRANT ALL ON ALL {kind} IN SCHEMA {schema} TO {name};",
                    f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} "
                    f"GRANT ALL ON {kind} TO {name};",
                ]
    return [sql.batch(database, *lines)]


def request_roles_down(database: str, roles: Sequence[str]) -> list[Batch]:
    """Return what takes from the roles all that they were given, and drops them."""
    dropped = [request_group(database), *roles]
    there = "SELECT format('DROP OWNED BY %I', rolname) FROM pg_roles WHERE rolname"
    return [
        sql.batch(database, *(f"{there} = {literal(name)} \\gexec" for name in dropped)),
        sql.batch("postgres", *(f"DROP ROLE IF EXISTS {identifier(name)};" for name in dropped)),
    ]


def migrations_up(database: str, files: Mapping[str, str]) -> list[Batch]:
    """Return what applies each file once, in the order of their names, as the database's owner.

    A file and its record are one transaction. A file that is another one than was applied, and one
    that comes before those that were, ends with an error and changes nothing.
    """
    owner = identifier(sql.owner_role(database))
    table = f"{identifier(RECORD)}.migrations"
    batches = [
        sql.batch(
            database,
            f"CREATE SCHEMA IF NOT EXISTS {identifier(RECORD)};",
            f"CREATE TABLE IF NOT EXISTS {table} (name text PRIMARY KEY, sha256 text NOT NULL, "
            "applied_at timestamptz NOT NULL DEFAULT now());",
        )
    ]
    for name, text in sorted(files.items()):
        digest = hashlib.sha256(text.encode()).hexdigest()
        changed = f"EXISTS (SELECT FROM {table} WHERE name = {literal(name)} "
        changed += f"AND sha256 <> {literal(digest)})"
        late = f"EXISTS (SELECT FROM {table} WHERE name > {literal(name)}) AND NOT "
        late += f"EXISTS (SELECT FROM {table} WHERE name = {literal(name)})"
        batches.append(
            sql.batch(
                database,
                _raise_if(changed, f"{name} was applied and has changed since: add a new file"),
                _raise_if(late, f"{name} comes before files that were applied: rename it"),
                f"SELECT count(*) > 0 AS done FROM {table} WHERE name = {literal(name)} \\gset",
                "\\if :done",
                "\\else",
                f"SET LOCAL ROLE {owner};",
                text.rstrip("\n"),
                "RESET ROLE;",
                f"INSERT INTO {table} (name, sha256) VALUES ({literal(name)}, {literal(digest)});",
                "\\endif",
            )
        )
    return batches


def check_up(database: str, text: str) -> list[Batch]:
    """Return what runs a check and takes back whatever it changed."""
    return [sql.batch(database, "BEGIN;", text.rstrip("\n"), "ROLLBACK;", transaction=False)]


def row_security_audit(schemas: Sequence[str]) -> str:
    """Return the check that fails when a table has no row security, or has it without a policy."""
    listed = ", ".join(literal(schema) for schema in schemas)
    return f"""\
DO $audit$
DECLARE
    open text;
    shut text;
BEGIN
    SELECT string_agg(c.oid::regclass::text, ', ' ORDER BY c.oid::regclass::text)
        FILTER (WHERE NOT c.relrowsecurity),
        string_agg(c.oid::regclass::text, ', ' ORDER BY c.oid::regclass::text)
        FILTER (WHERE c.relrowsecurity
            AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))
    INTO open, shut
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname IN ({listed});
    IF open IS NOT NULL OR shut IS NOT NULL THEN
        RAISE EXCEPTION 'row security: % without it; % without a policy',
            coalesce(open, 'no table'), coalesce(shut, 'no table');
    END IF;
END
$audit$;
"""


def _left(group: str, roles: Mapping[str, bool]) -> list[str]:
    """Return what takes from the group the roles that are no longer wanted."""
    kept = ", ".join(literal(name) for name in roles)
    return [
        f"SELECT format('REVOKE %I FROM %I', g.rolname, {literal(group)}) FROM pg_auth_members m "
        "JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member "
        f"WHERE u.rolname = {literal(group)} AND g.rolname NOT IN ({kept}) \\gexec"
    ]


def _raise_if(condition: str, message: str) -> str:
    return (
        f"DO $guard$ BEGIN IF {condition} THEN RAISE EXCEPTION '%', {literal(message)}; "
        "END IF; END $guard$;"
    )
