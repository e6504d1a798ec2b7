"""The ledger against a real Postgres: least privilege, migrations, the queue, the switch."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from ledger import jobs
from psycopg.rows import dict_row

from tests.processes.app_process import Process, free_port
from tests.processes.postgres_cluster import APP, OWNER, Cluster, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running() as cluster:
        yield cluster


class Ledger:
    """One database and the commands that use it, each as the role that it is meant to have."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.database, self._folder = cluster, cluster.new_database(), folder
        self._processes: list[Process] = []

    def run(self, *command: str, role: tuple[str, str], **env: str) -> tuple[int, str]:
        process = self.start(*command, role=role, env=env)
        return process.popen.wait(60), process.log

    def start(
        self, *command: str, role: tuple[str, str] = APP, env: dict[str, str] | None = None
    ) -> Process:
        number = len(self._processes)
        defaults = {
            "HOST": "127.0.0.1",
            "PORT": str(free_port()),
            "RELEASE": "v1",
            "DATABASE_URL": self.cluster.url(role, self.database),
            "WORKER_POLL_SECONDS": "30",
            "HEARTBEAT_FILE": str(self._folder / f"alive-{number}"),
        }
        log = self._folder / f"{number}.log"
        self._processes.append(Process(list(command), {**defaults, **(env or {})}, log))
        return self._processes[-1]

    def serve(self, **env: str) -> Process:
        process = self.start("serve", env=env)
        process.wait_until_up()
        return process

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with self.cluster.admin(self.database) as connection:
            return connection.execute(sql).fetchall()

    def stop(self) -> None:
        for process in self._processes:
            if process.popen.poll() is None:
                process.popen.kill()
            process.popen.wait()


@pytest.fixture
def empty(cluster: Cluster, tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(cluster, tmp_path)
    yield ledger
    ledger.stop()


@pytest.fixture
def ledger(empty: Ledger) -> Ledger:
    code, log = empty.run("migrate", role=OWNER)
    assert code == 0, log
    return empty


def eventually(check: object, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not check():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def test_migrations_go_up_and_down_and_check_says_where_the_schema_is(empty: Ledger) -> None:
    assert "the schema is missing" in empty.run("check", role=APP)[1]
    assert empty.run("migrate", "--to", "0002", role=OWNER)[0] == 0
    code, log = empty.run("check", role=APP)
    assert (code, "the schema is at 0002" in log) == (1, True)
    assert empty.run("migrate", role=OWNER)[0] == 0
    assert empty.run("check", role=APP)[0] == 0
    assert empty.run("migrate", "--to", "base", role=OWNER)[0] == 0
    assert empty.query("SELECT * FROM alembic_version") == []


def test_a_migration_that_fails_leaves_nothing_behind(empty: Ledger) -> None:
    code, log = empty.run("migrate", role=OWNER, FAIL_MODE="migration-fails")
    assert (code, "nothing was changed" in log) == (1, True)
    assert empty.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []


def test_two_migrations_at_once_both_end_well(empty: Ledger) -> None:
    both = [empty.start("migrate", role=OWNER) for _ in range(2)]
    assert [process.popen.wait(60) for process in both] == [0, 0], [each.log for each in both]
    assert empty.query("SELECT version_num FROM alembic_version") == [("0003",)]


def test_a_schema_newer_than_the_release_is_served_but_not_migrated(ledger: Ledger) -> None:
    with ledger.cluster.admin(ledger.database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0004'")
    assert ledger.run("check", role=APP)[0] == 0
    assert httpx.get(f"{ledger.serve().url}/healthz").status_code == 200
    assert ledger.run("migrate", role=OWNER)[0] == 0
    assert ledger.query("SELECT version_num FROM alembic_version") == [("0004",)]
    code, log = ledger.run("migrate", "--to", "0002", role=OWNER)
    assert (code, "which this release does not know" in log) == (1, True)


def test_a_contracted_schema_is_refused_by_the_releases_that_it_does_not_serve(
    ledger: Ledger,
) -> None:
    assert ledger.run("migrate", role=OWNER, SCHEMA_HEAD="0004")[0] == 0
    assert ledger.run("check", role=APP, SCHEMA_HEAD="0004")[0] == 0
    code, log = ledger.run("check", role=APP)
    assert (code, "schema: 0004" in log, "lacks what releases before" in log) == (1, True, True)
    assert httpx.get(f"{ledger.serve().url}/healthz").status_code == 503
    assert httpx.get(f"{ledger.serve(SCHEMA_HEAD='0004').url}/healthz").status_code == 200
    assert ledger.run("migrate", "--to", "0003", role=OWNER, SCHEMA_HEAD="0004")[0] == 0
    assert ledger.run("check", role=APP)[0] == 0


def test_the_app_role_can_serve_and_work_but_not_change_the_schema(ledger: Ledger) -> None:
    with psycopg.connect(ledger.cluster.url(APP, ledger.database), autocommit=True) as connection:
        for sql in ("CREATE TABLE x ()", "ALTER TABLE entries ADD x int", "TRUNCATE entries"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql)
    assert ledger.run("migrate", "--to", "base", role=APP)[0] == 1
    assert ledger.run("seed", role=APP)[0] == 0


def test_entries_can_be_made_read_changed_and_removed(ledger: Ledger) -> None:
    with httpx.Client(base_url=ledger.serve().url) as client:
        made = client.post("/api/entries", json={"description": "Ink", "amount": "-4.20"})
        assert (made.status_code, made.json()["amount"]) == (201, "-4.20")
        place = made.headers["location"]
        assert client.get(place).json() == made.json()
        change = {"description": "Ink, black", "amount": 5.1, "note": "refund"}
        changed = client.put(place, json=change).json()
        assert (changed["description"], changed["amount"], changed["note"]) == (
            "Ink, black", "5.10", "refund",
        )  # fmt: skip
        assert client.get("/api/entries").json()["balance"] == "5.10"
        assert client.delete(place).status_code == 204
        gone = [client.get(place), client.put(place, json=change), client.delete(place)]
        assert [answer.status_code for answer in gone] == [404, 404, 404]
        assert client.get(f"/api/entries/{2**70}").status_code == 404


def test_a_list_is_paged_without_gaps(ledger: Ledger) -> None:
    assert ledger.run("seed", role=APP)[0] == 0
    with httpx.Client(base_url=ledger.serve().url) as client:
        whole = [entry["id"] for entry in client.get("/api/entries").json()["entries"]]
        paged: list[int] = []
        before: int | None = None
        while before is not None or not paged:
            query = {"limit": "4", **({"before": str(before)} if before else {})}
            page = client.get("/api/entries", params=query).json()
            paged += [entry["id"] for entry in page["entries"]]
            before = page["next_before"]
    assert paged == whole == sorted(whole, reverse=True)


def test_the_form_adds_an_entry_and_shows_what_is_wrong_in_place(ledger: Ledger) -> None:
    with httpx.Client(base_url=ledger.serve().url) as client:
        wrong = client.post("/entries", data={"description": "Pen", "amount": "1,5"})
        assert wrong.status_code == 422
        assert 'value="Pen"' in wrong.text
        assert "Amount must be a decimal number" in wrong.text
        right = client.post("/entries", data={"description": "Pen <x>", "amount": "1.5"})
        assert (right.status_code, right.headers["location"]) == (303, "/")
        page = client.get("/").text
    assert "Pen &lt;x&gt;" in page
    assert '<span class="pending">pending</span>' in page


def test_the_worker_is_woken_and_computes_running_balances(ledger: Ledger) -> None:
    worker = ledger.start("worker")  # Polls every 30 s: what comes sooner came by NOTIFY.
    with httpx.Client(base_url=ledger.serve().url) as client:
        eventually(lambda: "worker started" in worker.log)
        time.sleep(0.5)
        made = [
            client.post("/api/entries", json={"description": "x", "amount": amount}).json()["id"]
            for amount in (10, "-2.50", "0.01")
        ]

        def balances() -> list[str | None]:
            found = client.get("/api/entries").json()
            return [entry["balance"] for entry in reversed(found["entries"])]

        eventually(lambda: balances() == ["10.00", "7.50", "7.51"])
        client.delete(f"/api/entries/{made[0]}")
        eventually(lambda: balances() == ["-2.50", "-2.49"])
        assert client.get("/api/entries").json()["jobs_waiting"] == 0
    worker.terminate()
    assert worker.popen.wait(10) == 0


async def test_a_failing_job_is_undone_retried_and_given_up_at_the_fifth_time(
    ledger: Ledger,
) -> None:
    async def fail(connection: object, _entry: int) -> None:
        await connection.execute("INSERT INTO entries (description, amount_cents) VALUES ('x', 1)")  # type: ignore[attr-defined]
        msg = "out of ink"
        raise RuntimeError(msg)

    url = ledger.cluster.url(APP, ledger.database)
    async with await psycopg.AsyncConnection.connect(
        url, row_factory=dict_row, autocommit=True
    ) as connection:
        await jobs.enqueue(connection, "broken", 1)
        for _ in range(jobs.MAX_ATTEMPTS):
            assert await jobs.run_one(connection, {"broken": fail})
            assert not await jobs.run_one(connection, {"broken": fail})  # Not due yet.
            await connection.execute("UPDATE jobs SET run_at = now()")
        assert not await jobs.run_one(connection, {"broken": fail})
    assert ledger.query("SELECT state, attempts, last_error FROM jobs") == [
        ("failed", 5, "RuntimeError: out of ink")
    ]
    assert ledger.query("SELECT count(*) FROM entries") == [(0,)]


async def test_no_job_is_done_twice_and_a_dead_worker_gives_its_job_back(ledger: Ledger) -> None:
    done: list[int] = []

    async def note(connection: object, entry: int) -> None:
        await connection.execute("SELECT pg_sleep(0.01)")  # type: ignore[attr-defined]
        done.append(entry)

    async def connect() -> psycopg.AsyncConnection[dict[str, object]]:
        url = ledger.cluster.url(APP, ledger.database)
        return await psycopg.AsyncConnection.connect(url, row_factory=dict_row, autocommit=True)

    async def work() -> None:
        async with await connect() as connection:
            while await jobs.run_one(connection, {"note": note}):
                pass

    async def die(_connection: object, _entry: int) -> None:
        await asyncio.sleep(60)

    async with await connect() as connection:
        for number in range(40):
            await jobs.enqueue(connection, "note", number)
        dying = asyncio.create_task(jobs.run_one(connection, {"note": die}))
        await asyncio.sleep(0.2)
        await asyncio.gather(work(), work(), work())
        assert sorted(done) == list(range(1, 40))
        dying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await dying
    await work()
    assert sorted(done) == list(range(40))


def test_a_restart_of_the_database_makes_the_app_unhealthy_for_seconds_only(
    ledger: Ledger,
) -> None:
    process = ledger.serve()
    worker = ledger.start("worker", env={"WORKER_POLL_SECONDS": "0.2"})

    def health() -> int:
        return httpx.get(f"{process.url}/healthz", timeout=10).status_code

    assert health() == 200
    ledger.cluster.control("-m", "fast", "stop")
    try:
        assert health() == 503
        assert httpx.get(f"{process.url}/api/entries", timeout=10).status_code == 503
    finally:
        ledger.cluster.start()
    eventually(lambda: health() == 200)
    made = httpx.post(f"{process.url}/api/entries", json={"description": "x", "amount": 1})
    place = f"{process.url}{made.headers['location']}"
    eventually(lambda: httpx.get(place).json()["balance"] == "1.00")
    assert worker.popen.poll() is None


def test_a_frozen_database_cannot_make_the_health_check_hang(ledger: Ledger) -> None:
    process = ledger.serve()
    assert httpx.get(f"{process.url}/healthz").status_code == 200
    postmaster = int((ledger.cluster.folder / "data/postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    frozen = [postmaster, *map(int, children)]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        health = httpx.get(f"{process.url}/healthz", timeout=10)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    assert health.status_code == 503
    eventually(lambda: httpx.get(f"{process.url}/healthz", timeout=10).status_code == 200)


async def test_posts_under_way_at_sigterm_are_all_kept_and_answered(ledger: Ledger) -> None:
    process = await asyncio.to_thread(ledger.serve)
    kept = 0

    async def post_until_closed(client: httpx.AsyncClient) -> None:
        nonlocal kept
        while True:
            try:
                answer = await client.post("/api/entries", json={"description": "x", "amount": 1})
            except httpx.ConnectError:
                return
            assert answer.status_code == 201
            kept += 1

    async with httpx.AsyncClient(base_url=process.url, timeout=20) as client:
        posting = [asyncio.create_task(post_until_closed(client)) for _ in range(8)]
        await asyncio.sleep(1.5)
        process.terminate()
        await asyncio.gather(*posting)
    assert await asyncio.to_thread(process.popen.wait, 15) == 0
    assert kept > 8
    assert ledger.query("SELECT count(*) FROM entries") == [(kept,)]
    access = [json.loads(line) for line in process.log.splitlines()]
    assert sum(line.get("status") == 201 for line in access) == kept


def test_the_health_check_of_the_container_follows_the_worker(
    ledger: Ledger, tmp_path: Path
) -> None:
    beat = tmp_path / "beat"
    worker = ledger.start("worker", env={"HEARTBEAT_FILE": str(beat)})

    def check() -> tuple[int, str]:
        command = [sys.executable, "-m", "ledger.healthcheck", "worker"]
        env = {**os.environ, "HEARTBEAT_FILE": str(beat)}
        result = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        return result.returncode, result.stdout

    eventually(beat.exists)
    assert check() == (0, "healthy\n")
    os.utime(beat, (0, 0))
    assert check()[0] == 1
    worker.terminate()
    assert worker.popen.wait(10) == 0
    assert "is missing" in check()[1]
