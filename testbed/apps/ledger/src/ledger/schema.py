"""The schema: which revisions this release knows, and how to get from one to another."""

import logging
from pathlib import Path

import psycopg

log = logging.getLogger(__name__)

# Kept here as well as in migrations/, so that serving needs neither Alembic nor SQLAlchemy in
# memory; a test compares the two.
REVISIONS = ("0001", "0002", "0003")
HEAD = REVISIONS[-1]

# Any two numbers, the same for every release: they name the lock that migrations hold.
LOCK = (20_511, 1)
LOCK_TIMEOUT = "10s"


class SchemaError(Exception):
    """The schema is not what this release can work with; the text says what to do."""


def problem(revision: str | None) -> str | None:
    """Says why this release cannot serve with a schema at `revision`, or None if it can.

    A revision that this release does not know is a newer one, left by a release that was rolled
    back. Migrations here only expand, so the older code goes on working with it.
    """
    if revision is None:
        return f"the schema is missing; run `ledger migrate` (needed: {HEAD})"
    if revision in REVISIONS and revision != HEAD:
        return f"the schema is at {revision}; run `ledger migrate` (needed: {HEAD})"
    return None


def current(conninfo: str) -> str | None:
    """Reads the revision of the schema; None when nothing was ever migrated."""
    with psycopg.connect(conninfo) as connection:
        found = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
        if found is None or found[0] is None:
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if row is None else str(row[0])


def migrate(conninfo: str, to: str = "head", *, fail: bool = False) -> tuple[str | None, str]:
    """Brings the schema to `to`, up or down, all of it or nothing; returns before and after.

    Two of these at the same time follow each other: an advisory lock is held all the while.

    Args:
        conninfo: The owner's connection; it creates and alters tables.
        to: A revision of REVISIONS, `head`, or `base` for an empty schema.
        fail: Breaks the work at its very end, before it is committed.

    Raises:
        SchemaError: The revision is unknown, or the schema is newer than this release.
        psycopg.Error: The database refused a statement.
    """
    target = {"head": HEAD}.get(to, to)
    if target not in (*REVISIONS, "base"):
        msg = f"there is no revision {to!r}; this release has {', '.join(REVISIONS)}, head and base"
        raise SchemaError(msg)
    before = current(conninfo)
    if before is not None and before not in REVISIONS:
        msg = (
            f"the schema is at {before}, which this release does not know (its newest is {HEAD}); "
            "migrate with the release that made it"
        )
        raise SchemaError(msg)
    _run(conninfo, target, downwards=_order(target) < _order(before), fail=fail)
    return before, target


def _order(revision: str | None) -> int:
    return -1 if revision in (None, "base") else REVISIONS.index(str(revision))


def _run(conninfo: str, target: str, *, downwards: bool, fail: bool) -> None:
    # Only this command needs them: a second and 40 MB that serving does without.
    import sqlalchemy as sa  # noqa: PLC0415
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(conninfo),
        poolclass=sa.pool.NullPool,
    )
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({LOCK[0]}, {LOCK[1]})"))
        # Waits for another migration as long as it takes, but never makes readers of a table
        # queue up behind it for longer than this.
        connection.execute(sa.text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        config.attributes["connection"] = connection
        (command.downgrade if downwards else command.upgrade)(config, target)
        if fail:
            msg = "FAIL_MODE is migration-fails: nothing was changed; unset it to migrate"
            raise SchemaError(msg)
