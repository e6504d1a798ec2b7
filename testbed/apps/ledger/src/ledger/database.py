"""The database: a pool that outlives restarts of the server, and a check that never hangs."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from ledger import schema

log = logging.getLogger(__name__)

Connection = psycopg.AsyncConnection[DictRow]

# What a caller sees when the database is away, as opposed to a statement that is wrong.
Unavailable = (psycopg.OperationalError, PoolTimeout)

ACQUIRE_TIMEOUT_SECONDS = 3.0
HEALTH_TIMEOUT_SECONDS = 2.0
RECONNECT_SECONDS = 5.0
CLOSE_SECONDS = 1.0


class Database:
    """Connections of one process, made when first needed and checked before each use."""

    def __init__(self, conninfo: str, schema_head: str, max_size: int = 10) -> None:
        self._schema_head = schema_head
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            conninfo,
            connection_class=psycopg.AsyncConnection[DictRow],
            kwargs={"row_factory": dict_row},
            min_size=1,
            max_size=max_size,
            open=False,
            timeout=ACQUIRE_TIMEOUT_SECONDS,
            # The pool doubles its pause for as long as this; after a longer outage the next
            # request starts the attempts anew, so the app is back within seconds.
            reconnect_timeout=RECONNECT_SECONDS,
            check=AsyncConnectionPool.check_connection,
        )
        self._checks: set[asyncio.Task[str | None]] = set()

    async def open(self) -> None:
        """Starts the pool without waiting: a database that is away makes us unhealthy, not dead."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Closes every connection; an attempt that still hangs is given CLOSE_SECONDS."""
        await self._pool.close(timeout=CLOSE_SECONDS)

    @asynccontextmanager
    async def connection(
        self, timeout_seconds: float = ACQUIRE_TIMEOUT_SECONDS
    ) -> AsyncIterator[Connection]:
        """Lends a connection and commits when the block ends well, or rolls back.

        Raises:
            Unavailable: No working connection within `timeout_seconds`.
        """
        async with self._pool.connection(timeout_seconds) as connection:
            yield connection

    async def problem(self) -> str | None:
        """Says within HEALTH_TIMEOUT_SECONDS why the database cannot be used, or None if it can."""
        check = asyncio.create_task(self._check())
        self._checks.add(check)
        check.add_done_callback(self._checks.discard)
        # Not wait_for: cancelling a query waits for the server's answer, which may never come.
        done, _ = await asyncio.wait({check}, timeout=HEALTH_TIMEOUT_SECONDS)
        if not done:
            check.cancel()
            return f"the database did not answer within {HEALTH_TIMEOUT_SECONDS:g} s"
        return check.result()

    async def _check(self) -> str | None:
        try:
            # A little less than the whole check may take, so that it can say what it found.
            async with self.connection(HEALTH_TIMEOUT_SECONDS * 0.75) as connection:
                cursor = await connection.execute(schema.STATE)
                row = await cursor.fetchone()
        except psycopg.errors.UndefinedTable:
            return schema.problem(schema.State(), self._schema_head)
        except psycopg.errors.InsufficientPrivilege as error:
            return f"the database refused: {error.diag.message_primary}"
        except PoolTimeout:
            return "no connection to the database in time"
        except psycopg.Error as error:
            # Names of hosts and roles belong in the log, not in an answer that anyone may read.
            log.warning("database check failed", extra={"reason": str(error)})
            return "the database failed the check"
        state = schema.State() if row is None else schema.State(row["version_num"], row["floor"])
        return schema.problem(state, self._schema_head)
