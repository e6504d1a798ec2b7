"""Who may do what in a database: the whole promise as one table, tried on a real server."""

import dataclasses

ROLES = ("migrator", "read_write", "read_only", "stranger")
"""A stranger is a user of another database on the same server."""

ROW = "INSERT INTO entry (text) VALUES ('x')"


@dataclasses.dataclass(frozen=True)
class Attempt:
    """Something that a role tries, and who must succeed; all others must be refused."""

    name: str
    sql: str
    allowed: tuple[str, ...]
    database: str = "ledger"


EVERYBODY = ("migrator", "read_write", "read_only")
WRITERS = ("migrator", "read_write")
OWNER = ("migrator",)
NOBODY: tuple[str, ...] = ()

ATTEMPTS = (
    Attempt("connects", "SELECT 1", EVERYBODY),
    Attempt("reads a table", "SELECT * FROM entry", EVERYBODY),
    Attempt("reads a view", "SELECT * FROM entry_count", EVERYBODY),
    Attempt("reads a sequence", "SELECT last_value FROM entry_id_seq", EVERYBODY),
    Attempt("reads a second schema", "SELECT * FROM audit.event", EVERYBODY),
    Attempt("inserts", ROW, WRITERS),
    Attempt("updates", "UPDATE entry SET text = 'y'", WRITERS),
    Attempt("deletes", "DELETE FROM entry WHERE id < 0", WRITERS),
    Attempt("advances a sequence", "SELECT nextval('entry_id_seq')", WRITERS),
    Attempt("sets a sequence", "SELECT setval('entry_id_seq', 1000)", OWNER),
    Attempt("truncates", "TRUNCATE entry", OWNER),
    Attempt("creates a table", "CREATE TABLE made_by_{role} (id int)", OWNER),
    Attempt("creates a function", "CREATE FUNCTION f_{role}() RETURNS int RETURN 1", OWNER),
    Attempt("creates a schema", "CREATE SCHEMA made_by_{role}", OWNER),
    Attempt("alters a table", "ALTER TABLE entry ADD COLUMN c_{role} int", OWNER),
    Attempt("drops a table", "DROP TABLE throwaway_{role}", OWNER),
    Attempt("creates an untrusted extension", "CREATE EXTENSION file_fdw", NOBODY),
    Attempt("creates a role", "CREATE ROLE another", NOBODY),
    Attempt("creates a database", "CREATE DATABASE another", NOBODY),
    Attempt("drops the database", "DROP DATABASE ledger WITH (FORCE)", NOBODY),
    Attempt("becomes superuser", "ALTER ROLE {user} SUPERUSER", NOBODY),
    Attempt("takes the superuser's role", "SET ROLE postgres", NOBODY),
    Attempt("takes the owner's role", "SET ROLE ledger_owner", OWNER),
    Attempt("reads password verifiers", "SELECT rolpassword FROM pg_authid", NOBODY),
    Attempt("reads a server's file", "SELECT pg_read_file('PG_VERSION')", NOBODY),
    Attempt("runs a program", "COPY (SELECT 1) TO PROGRAM 'cat'", NOBODY),
    Attempt("changes the server", "ALTER SYSTEM SET work_mem = '1MB'", NOBODY),
    Attempt("looks at others' statements", "SELECT pg_stat_reset()", NOBODY),
    Attempt("connects to postgres", "SELECT 1", NOBODY, "postgres"),
    Attempt("connects to template1", "SELECT 1", NOBODY, "template1"),
    Attempt("connects to a stranger's database", "SELECT 1", ("stranger",), "other"),
)

OBJECTS = """
CREATE TABLE entry (id serial PRIMARY KEY, text text);
CREATE VIEW entry_count AS SELECT count(*) FROM entry;
CREATE TABLE throwaway_migrator (id int);
CREATE TABLE throwaway_read_write (id int);
CREATE TABLE throwaway_read_only (id int);
CREATE TABLE audit.event (id int);
INSERT INTO entry (text) VALUES ('first');
"""
"""What the migrator makes, as a migration would; the grants on it come by themselves."""


def user(role: str) -> str:
    """Return the name of the user that has a role in this table."""
    return "other_app" if role == "stranger" else f"ledger_{role}_user"
