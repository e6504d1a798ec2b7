"""The worker: empties the queue, woken by NOTIFY and, should that be missed, by the clock."""

import asyncio
import contextlib
import logging
import signal
import time

import psycopg

from ledger import jobs
from ledger.database import Database, Unavailable
from ledger.settings import Settings

log = logging.getLogger(__name__)

PRUNE_EVERY_SECONDS = 3600.0


class Worker:
    """Runs QUEUE_CONCURRENCY jobs at a time until it is told to stop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = Database(
            settings.conninfo, settings.schema_head, max_size=settings.queue_concurrency + 1
        )
        self._stopping = asyncio.Event()
        self._bell = asyncio.Event()

    def stop(self) -> None:
        """Lets the jobs that run come to their end, and takes no more."""
        log.info("worker is stopping")
        self._stopping.set()
        self._ring()

    async def run(self) -> None:
        """Works until `stop`, then for at most DRAIN_SECONDS more.

        A job that takes longer is undone by the database and done by the next worker.
        """
        settings = self._settings
        crash = asyncio.create_task(settings.fail_mode.crash_when_due())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), settings.start_delay_seconds)
        await self._database.open()
        helpers = [asyncio.create_task(self._listen()), asyncio.create_task(self._keep_alive())]
        runners = [asyncio.create_task(self._drain()) for _ in range(settings.queue_concurrency)]
        log.info("worker started", extra={"concurrency": settings.queue_concurrency})
        await self._stopping.wait()
        _, late = await asyncio.wait(runners, timeout=settings.drain_seconds)
        if late:
            log.warning("jobs given back after DRAIN_SECONDS", extra={"jobs": len(late)})
        for task in (*late, *helpers, crash):
            task.cancel()
        await asyncio.gather(*late, *helpers, crash, return_exceptions=True)
        await self._database.close()
        settings.heartbeat_file.unlink(missing_ok=True)
        log.info("worker stopped")

    def _ring(self) -> None:
        # A new bell for the next wait, so that each runner hears each ring exactly once.
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    async def _drain(self) -> None:
        while not self._stopping.is_set():
            bell = self._bell
            try:
                async with self._database.connection() as connection:
                    while not self._stopping.is_set() and await jobs.run_one(connection):
                        pass
            except (psycopg.Error, *Unavailable) as error:
                log.warning("queue cannot be read", extra={"error": str(error)})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(bell.wait(), self._settings.worker_poll_seconds)

    async def _listen(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._settings.conninfo, autocommit=True
                ) as connection:
                    await connection.execute(f"LISTEN {jobs.CHANNEL}")
                    async for _ in connection.notifies():
                        self._ring()
            except psycopg.Error as error:
                log.warning("not listening, polling only", extra={"error": str(error)})
            await asyncio.sleep(self._settings.worker_poll_seconds)

    async def _keep_alive(self) -> None:
        """Touches the heartbeat file while all is well, which the health check reads."""
        started = pruned = time.monotonic()
        while True:
            reason = self._settings.fail_mode.health_reason(time.monotonic() - started)
            reason = reason or await self._database.problem()
            if reason is None:
                self._settings.heartbeat_file.write_text(f"{time.time():.0f}\n", encoding="ascii")
            else:
                log.warning("worker is unhealthy", extra={"reason": reason})
            if reason is None and time.monotonic() - pruned > PRUNE_EVERY_SECONDS:
                pruned = time.monotonic()
                with contextlib.suppress(psycopg.Error, *Unavailable):
                    async with self._database.connection() as connection:
                        await jobs.prune(connection)
            await asyncio.sleep(min(self._settings.worker_poll_seconds, 5.0))


async def work(settings: Settings) -> None:
    """Runs a worker in this process until SIGTERM or SIGINT."""
    worker = Worker(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    await worker.run()
