"""The queue: a table whose rows are claimed with SKIP LOCKED and announced with NOTIFY.

A job is claimed, done and marked in one transaction. A worker that dies gives the job back by
dying, so nothing is lost and nothing has to be cleaned up; a handler that fails is undone alone.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping

from ledger.database import Connection

log = logging.getLogger(__name__)

BALANCE = "balance"
CHANNEL = "ledger_jobs"
MAX_ATTEMPTS = 5
KEEP_DONE = "1 day"

Handler = Callable[[Connection, int], Awaitable[None]]

# Names the lock that makes the computers of balances follow each other.
_BALANCE_LOCK = (20_511, 2)

_CLAIM = """
SELECT id, kind, entry_id, attempts FROM jobs
WHERE state = 'queued' AND run_at <= now()
ORDER BY run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
"""

_RETRY = """
UPDATE jobs SET attempts = attempts + 1, last_error = left(%(error)s, 500),
    state = CASE WHEN attempts + 1 >= %(limit)s THEN 'failed' ELSE 'queued' END,
    run_at = now() + interval '1 second' * power(2, attempts),
    finished_at = CASE WHEN attempts + 1 >= %(limit)s THEN now() END
WHERE id = %(id)s RETURNING state
"""

_BALANCES = """
UPDATE entries SET balance_cents = sums.balance
FROM (
    SELECT id, (sum(amount_cents) OVER (ORDER BY id) + (
        SELECT coalesce(sum(amount_cents), 0) FROM entries WHERE id < %(first)s
    ))::bigint AS balance
    FROM entries WHERE id >= %(first)s
) AS sums
WHERE entries.id = sums.id AND entries.balance_cents IS DISTINCT FROM sums.balance
"""


async def enqueue(connection: Connection, kind: str, entry_id: int) -> None:
    """Adds a job; workers hear of it when the transaction is committed, and never before."""
    await connection.execute("INSERT INTO jobs (kind, entry_id) VALUES (%s, %s)", (kind, entry_id))
    await connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


async def compute_balances(connection: Connection, first: int) -> None:
    """Brings the running balance of the entry `first`, and of all later ones, up to date."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", _BALANCE_LOCK)
    await connection.execute(_BALANCES, {"first": first})


HANDLERS: Mapping[str, Handler] = {BALANCE: compute_balances}


async def run_one(connection: Connection, handlers: Mapping[str, Handler] = HANDLERS) -> bool:
    """Does the next job that is due; tells whether there was one.

    A handler that raises is tried again after 1, 2, 4, 8 seconds, and given up at the fifth time.
    """
    async with connection.transaction():
        job = await (await connection.execute(_CLAIM)).fetchone()
        if job is None:
            return False
        try:
            async with connection.transaction():
                await handlers[job["kind"]](connection, job["entry_id"])
        except Exception as error:
            await _record_failure(connection, job, error)
        else:
            await connection.execute(
                "UPDATE jobs SET state = 'done', attempts = attempts + 1, finished_at = now() "
                "WHERE id = %s",
                (job["id"],),
            )
            log.info("job done", extra={"job": job["id"], "kind": job["kind"]})
    return True


async def _record_failure(connection: Connection, job: dict[str, object], error: Exception) -> None:
    text = f"{type(error).__name__}: {error}"
    values = {"error": text, "limit": MAX_ATTEMPTS, "id": job["id"]}
    row = await (await connection.execute(_RETRY, values)).fetchone()
    state = None if row is None else row["state"]
    log.warning("job failed", extra={"job": job["id"], "error": text, "state": state})


async def prune(connection: Connection) -> None:
    """Forgets jobs that were done more than KEEP_DONE ago; failed ones stay to be looked at."""
    await connection.execute(
        "DELETE FROM jobs WHERE state = 'done' AND finished_at < now() - %s::interval", (KEEP_DONE,)
    )
