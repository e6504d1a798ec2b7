"""The SQL that makes databases and users: quoting that nothing escapes, and complete texts."""

import itertools

import psycopg.sql
import pytest

from components import sql

NASTY = [
    "",
    "a",
    "'",
    "''",
    '"',
    "\\",
    "\\'",
    "a'; DROP TABLE x; --",
    "ä€😀",
    "\n",
    "$$",
    "%I",
    ":x",
]


@pytest.mark.parametrize("text", ["".join(pair) for pair in itertools.product(NASTY, NASTY)])
def test_a_literal_is_quoted_as_the_client_library_does(text: str) -> None:
    assert sql.literal(text) == psycopg.sql.Literal(text).as_string()


@pytest.mark.parametrize("text", ["".join(p) for p in itertools.product(NASTY, NASTY) if any(p)])
def test_an_identifier_is_quoted_as_the_client_library_does(text: str) -> None:
    assert sql.identifier(text) == psycopg.sql.Identifier(text).as_string()


@pytest.mark.parametrize("text", ["a\0b", "\0"])
def test_a_null_byte_is_refused_in_literals_and_identifiers(text: str) -> None:
    with pytest.raises(ValueError, match="null byte"):
        sql.literal(text)
    with pytest.raises(ValueError, match="null byte"):
        sql.identifier(text)


@pytest.mark.parametrize("name", ["ledger", "a", "_x", "a1_b2", "x" * 63])
def test_a_plain_name_is_accepted(name: str) -> None:
    assert sql.check_name("database", name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "1a",
        "A",
        "a-b",
        "a b",
        'a"b',
        "a'b",
        "ä",
        "x" * 64,
        "postgres",
        "template1",
        "pg_x",
        "a;",
    ],
)
def test_a_name_that_would_need_quoting_or_is_reserved_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"database: .* is no usable name"):
        sql.check_name("database", name)


def test_a_server_is_closed_to_its_superuser_and_its_common_databases_to_everybody() -> None:
    assert sql.server_up() == [
        {
            "database": "postgres",
            "transaction": True,
            "sql": "ALTER ROLE postgres PASSWORD NULL;\n"
            "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;\n",
        }
    ]


def test_a_database_is_made_outside_a_transaction_and_its_grants_inside_one() -> None:
    made, granted = sql.database_up("ledger", ["public"], [])
    assert (made["database"], made["transaction"]) == ("postgres", False)
    assert (granted["database"], granted["transaction"]) == ("ledger", True)
    assert made["sql"].splitlines()[-4:] == [
        'SELECT \'CREATE DATABASE "ledger" OWNER "ledger_owner" TEMPLATE template0 '
        "ENCODING ''UTF8''' WHERE NOT EXISTS "
        "(SELECT FROM pg_database WHERE datname = 'ledger') \\gexec",
        'ALTER DATABASE "ledger" OWNER TO "ledger_owner";',
        'REVOKE ALL ON DATABASE "ledger" FROM PUBLIC;',
        'GRANT CONNECT ON DATABASE "ledger" TO "ledger_read_write", "ledger_read_only";',
    ]


@pytest.mark.parametrize("role", ["ledger_owner", "ledger_read_write", "ledger_read_only"])
def test_the_roles_of_a_database_can_neither_log_in_nor_anything_else(role: str) -> None:
    made = sql.database_up("ledger", ["public"], [])[0]["sql"]
    assert (
        f'ALTER ROLE "{role}" WITH NOLOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE '
        "NOREPLICATION NOBYPASSRLS;"
    ) in made


def test_every_schema_gets_grants_on_what_is_there_and_on_what_comes() -> None:
    granted = sql.database_up("ledger", ["public", "audit"], ["pgcrypto"])[1]["sql"]
    for schema in ("public", "audit"):
        future = f'ALTER DEFAULT PRIVILEGES FOR ROLE "ledger_owner" IN SCHEMA "{schema}" GRANT'
        write, read = "SELECT, INSERT, UPDATE, DELETE", "SELECT"
        assert (
            f'GRANT {write} ON ALL TABLES IN SCHEMA "{schema}" TO "ledger_read_write";' in granted
        )
        assert f'{future} {write} ON TABLES TO "ledger_read_write";' in granted
        assert f'GRANT {read} ON ALL TABLES IN SCHEMA "{schema}" TO "ledger_read_only";' in granted
        assert f'{future} {read} ON TABLES TO "ledger_read_only";' in granted
        assert f'{future} USAGE, SELECT ON SEQUENCES TO "ledger_read_write";' in granted
        assert f'ALTER SCHEMA "{schema}" OWNER TO "ledger_owner";' in granted
    assert 'CREATE EXTENSION IF NOT EXISTS "pgcrypto";' in granted
    assert "REVOKE ALL ON SCHEMA public FROM PUBLIC;" in granted


def test_everything_is_revoked_from_a_group_before_anything_is_granted_to_it() -> None:
    lines = sql.database_up("ledger", ["public"], [])[1]["sql"].splitlines()
    for group in ("ledger_read_write", "ledger_read_only"):
        revokes = [i for i, line in enumerate(lines) if "REVOKE" in line and f"'{group}'" in line]
        grants = [i for i, line in enumerate(lines) if "GRANT" in line and f'"{group}"' in line]
        assert len(revokes) == 5
        assert max(revokes) < min(grants)


def test_a_user_belongs_to_exactly_one_group_and_has_exactly_its_settings() -> None:
    (batch,) = sql.user_up("ledger", "app", "read_write", 7, {"statement_timeout": "30s"})
    assert batch["database"] == "ledger"
    assert batch["sql"].splitlines() == [
        "SELECT 'CREATE ROLE \"app\" NOLOGIN' WHERE NOT EXISTS "
        "(SELECT FROM pg_roles WHERE rolname = 'app') \\gexec",
        'ALTER ROLE "app" WITH LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION '
        "NOBYPASSRLS CONNECTION LIMIT 7;",
        "SELECT format('REVOKE %I FROM %I', g.rolname, 'app') FROM pg_auth_members m "
        "JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member "
        "WHERE u.rolname = 'app' AND g.rolname <> 'ledger_read_write' \\gexec",
        'GRANT "ledger_read_write" TO "app";',
        'ALTER ROLE "app" RESET ALL;',
        'ALTER ROLE "app" IN DATABASE "ledger" RESET ALL;',
        'ALTER ROLE "app" IN DATABASE "ledger" SET statement_timeout = \'30s\';',
    ]


def test_a_migrator_is_a_member_of_the_owner() -> None:
    (batch,) = sql.user_up("ledger", "m", "migrator", 1, {})
    assert 'GRANT "ledger_owner" TO "m";' in batch["sql"]


def test_no_statement_about_a_role_mentions_a_password_but_the_one_that_sets_it() -> None:
    others = [
        *sql.database_up("ledger", ["public"], []),
        *sql.user_up("ledger", "app", "read_only", 1, {}),
        *sql.user_down("ledger", "app"),
        *sql.database_down("ledger"),
    ]
    assert not any("PASSWORD" in batch["sql"] for batch in others)
    (batch,) = sql.user_password("app", "SCRAM-SHA-256$1:a$b:c")
    lines = batch["sql"].splitlines()
    assert lines[-1] == "ALTER ROLE \"app\" PASSWORD 'SCRAM-SHA-256$1:a$b:c';"
    assert all(line.startswith("SET LOCAL log_") for line in lines[:-1])
    assert batch["transaction"], "SET LOCAL does nothing outside a transaction"


def test_a_user_leaves_after_its_sessions_ended_and_its_things_went_to_the_owner() -> None:
    batches = sql.user_down("ledger", "app")
    assert [batch["database"] for batch in batches] == ["postgres", "ledger", "postgres"]
    text = "".join(batch["sql"] for batch in batches)
    order = [
        "NOLOGIN",
        "pg_terminate_backend",
        "REASSIGN OWNED",
        "DROP OWNED",
        "DROP ROLE IF EXISTS",
    ]
    places = [text.index(word) for word in order]
    assert places == sorted(places)
    assert "'ledger_owner'" in text


def test_a_database_leaves_with_the_roles_it_made() -> None:
    (batch,) = sql.database_down("ledger")
    assert batch["sql"].splitlines() == [
        'DROP DATABASE IF EXISTS "ledger" WITH (FORCE);',
        'DROP ROLE IF EXISTS "ledger_owner";',
        'DROP ROLE IF EXISTS "ledger_read_write";',
        'DROP ROLE IF EXISTS "ledger_read_only";',
    ]
    assert not batch["transaction"], "DROP DATABASE refuses to run in one"
