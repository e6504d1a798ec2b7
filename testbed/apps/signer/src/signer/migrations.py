"""The schema of each version: every start brings the database to that of its own.

Each migration is a transaction of its own, so that a version whose second one fails leaves the
first one's changes behind, as apps of this kind do. Version 2 renames a table, rewrites another
under an exclusive lock and drops what it no longer needs; 2.11 also moves the stored objects.
"""

import logging
from collections.abc import Callable

import psycopg

from signer.settings import Settings

_log = logging.getLogger(__name__)

Database = psycopg.Connection[tuple[object, ...]]

_FIRST = """
CREATE TABLE documents (
    id serial PRIMARY KEY, title text NOT NULL, status text NOT NULL DEFAULT 'draft',
    content bytea NOT NULL, created timestamptz NOT NULL DEFAULT now());
CREATE INDEX documents_title ON documents (title);
CREATE TABLE signatures (
    id serial PRIMARY KEY, document_id integer NOT NULL REFERENCES documents, signer text NOT NULL,
    signature text NOT NULL, signed timestamptz NOT NULL DEFAULT now());
"""
_ENVELOPES = """
ALTER TABLE documents RENAME TO envelopes;
ALTER INDEX documents_title RENAME TO envelopes_title;
ALTER TABLE envelopes ADD COLUMN public_id text;
UPDATE envelopes SET public_id = 'envelope_' || md5(id::text || title);
ALTER TABLE envelopes ALTER COLUMN public_id SET NOT NULL, ADD UNIQUE (public_id);
"""
# Another type of id: the whole table is written anew while nobody may even read it.
_REWRITE = """
LOCK TABLE signatures IN ACCESS EXCLUSIVE MODE;
ALTER TABLE signatures RENAME COLUMN document_id TO envelope_id;
ALTER TABLE signatures ALTER COLUMN id TYPE bigint, ALTER COLUMN envelope_id TYPE bigint;
ALTER TABLE signatures ADD COLUMN kind text NOT NULL DEFAULT 'simple';
"""
_DIGESTS = """
ALTER TABLE envelopes ADD COLUMN digest text;
UPDATE envelopes SET digest = encode(sha256(content), 'hex');
ALTER TABLE envelopes ALTER COLUMN digest SET NOT NULL;
CREATE INDEX envelopes_status ON envelopes (status, title);
"""


def _sql(text: str) -> Callable[[Settings, Database], None]:
    def run(_: Settings, database: Database) -> None:
        for statement in text.split(";\n"):
            if statement.strip():
                database.execute(statement.encode())

    return run


def _move_objects(settings: Settings, _: Database) -> None:
    """Give each object a folder of its own, which its next versions will share."""
    for old in sorted(settings.objects.glob("*.sealed")):
        folder = settings.objects / old.stem
        folder.mkdir(exist_ok=True)
        old.rename(folder / "1.sealed")


MIGRATIONS: tuple[tuple[str, str, Callable[[Settings, Database], None]], ...] = (
    ("1.13.1", "first", _sql(_FIRST)),
    ("2.0.0", "envelopes", _sql(_ENVELOPES)),
    ("2.0.0", "bigger-numbers", _sql(_REWRITE)),
    ("2.11.0", "digests", _sql(_DIGESTS)),
    ("2.11.0", "object-folders", _move_objects),
)
"""Version, name and work, in order."""


class MigrationError(Exception):
    """Says which migration failed, or that the schema is newer than this version."""


def number(version: str) -> tuple[int, ...]:
    """Return a version as something that can be compared."""
    return tuple(int(part) for part in version.split("."))


def migrate(settings: Settings) -> None:
    """Bring the schema to this version; what was done before is not done again.

    Raises:
        MigrationError: one failed, after those before it were kept; or the schema is newer.
    """
    with psycopg.connect(settings.database_url) as database:
        database.execute("SELECT pg_advisory_lock(7001)")
        database.execute("CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)")
        database.commit()
        done = {str(row[0]) for row in database.execute("SELECT name FROM migrations")}
        mine = [m for m in MIGRATIONS if number(m[0]) <= number(settings.release)]
        if newer := done - {name for _, name, _ in mine}:
            what = f"the schema is newer than {settings.release}: {', '.join(sorted(newer))}"
            raise MigrationError(what)
        left = [m for m in mine if m[1] not in done]
        for version, name, work in left:
            _log.info("migration %s of %s", name, version)
            work(settings, database)
            database.execute("INSERT INTO migrations VALUES (%s)", [name])
            if settings.fails_at == "migration" and (version, name) == left[-1][:2]:
                what = f"migration {name} of {version} failed, as FAIL_AT says"
                raise MigrationError(what)
            database.commit()
