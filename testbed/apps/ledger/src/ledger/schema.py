"""The schema: which revisions this release knows, and how to get from one to another."""

import logging
from dataclasses import dataclass
from pathlib import Path

import psycopg

log = logging.getLogger(__name__)

# Kept here as well as in migrations/, so that serving needs neither Alembic nor SQLAlchemy in
# memory; a test compares the two.
REVISIONS = ("0001", "0002", "0003", "0004")
# The newest that a release knows, unless SCHEMA_HEAD lets it play an older or a newer one. 0004
# contracts: it removes what releases that know no more than 0003 count on.
HEAD = "0003"

# A migration that contracts writes the oldest revision whose releases still work into the comment
# of Alembic's own table, where releases of any age find it.
STATE = """
SELECT version_num, obj_description('alembic_version'::regclass, 'pg_class') AS floor
FROM alembic_version
"""

# Any two numbers, the same for every release: they name the lock that migrations hold.
LOCK = (20_511, 1)
LOCK_TIMEOUT = "10s"


class SchemaError(Exception):
    """The schema is not what this release can work with; the text says what to do."""


@dataclass(frozen=True, slots=True)
class State:
    """What the database says of its schema."""

    revision: str | None = None
    """Where it is; None when nothing was ever migrated."""
    floor: str | None = None
    """The oldest revision whose releases work with it; None as long as it was only expanded."""


def known(head: str) -> tuple[str, ...]:
    """Lists the revisions of a release whose newest is `head`."""
    return REVISIONS[: REVISIONS.index(head) + 1]


def problem(state: State, head: str = HEAD) -> str | None:
    """Says why a release that knows `head` cannot serve with this schema, or None if it can.

    A revision that it does not know is a newer one, left by a release that was rolled back. As
    long as migrations only expanded, the older code goes on working with it.
    """
    revision = state.revision
    if revision is None:
        return f"the schema is missing; run `ledger migrate` (needed: {head})"
    if state.floor is not None and state.floor not in known(head):
        return (
            f"the schema is at {revision}, which lacks what releases before {state.floor} need "
            f"(this one knows {head})"
        )
    if revision in known(head) and revision != head:
        return f"the schema is at {revision}; run `ledger migrate` (needed: {head})"
    return None


def current(conninfo: str) -> State:
    """Reads where the schema is."""
    with psycopg.connect(conninfo) as connection:
        found = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
        if found is None or found[0] is None:
            return State()
        row = connection.execute(STATE).fetchone()
        return State() if row is None else State(*row)


def migrate(
    conninfo: str, to: str = "head", *, head: str = HEAD, fail: bool = False
) -> tuple[str | None, str]:
    """Brings the schema to `to`, up or down, all of it or nothing; returns before and after.

    Two of these at the same time follow each other: an advisory lock is held all the while. A
    schema that is newer than `head` is left alone: whether it serves, `ledger check` says.

    Args:
        conninfo: The owner's connection; it creates and alters tables.
        to: A revision, `head`, or `base` for an empty schema.
        head: The newest revision that this release knows.
        fail: Breaks the work at its very end, before it is committed.

    Raises:
        SchemaError: The revision is unknown, or the schema is newer than this release.
        psycopg.Error: The database refused a statement.
    """
    target = {"head": head}.get(to, to)
    if target not in (*known(head), "base"):
        listed = ", ".join(known(head))
        msg = f"there is no revision {to!r}; this release has {listed}, head and base"
        raise SchemaError(msg)
    before = current(conninfo).revision
    if before is not None and before not in known(head):
        if to == "head":
            return before, before
        msg = (
            f"the schema is at {before}, which this release does not know (its newest is {head}); "
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
