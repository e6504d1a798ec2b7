"""A throw-away Postgres of Debian's package, for tests that need a server but no Docker."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from components.sql import Batch
from tests.processes.app_process import free_port

OWNER, APP = ("ledger_owner", "own-3r-pw"), ("ledger_app", "app-3r-pw")


def installed() -> Path:
    """Finds the newest server's programs; fails the test when there are none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.fail("needs PostgreSQL's programs: tests/packages installs them")
    return found[-1].parent


@dataclass
class Cluster:
    """A throw-away Postgres on a loopback port; its files and its processes end with the tests."""

    folder: Path
    port: int
    binaries: Path
    _created: int = field(default=0)

    def control(self, *arguments: str) -> None:
        command = [str(self.binaries / "pg_ctl"), "-D", str(self.folder / "data"), "-w", "-s"]
        run_unprivileged([*command, "-l", str(self.folder / "log"), *arguments])

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.control("-o", options, "start")

    def url(self, role: tuple[str, str], database: str) -> str:
        return f"postgresql://{role[0]}:{role[1]}@127.0.0.1:{self.port}/{database}"

    def admin(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.folder), port=self.port, user="postgres", dbname=database, autocommit=True
        )

    def run(self, batches: Sequence[Batch]) -> None:
        """Runs batches of SQL as the tool `sql` does; an error is PostgreSQL's own."""
        place = ["-h", str(self.folder), "-p", str(self.port), "-U", "postgres"]
        for batch in batches:
            session = ["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-f", "-"]
            single = ["-1"] if batch["transaction"] else []
            done = subprocess.run(
                [*session, *place, "-d", batch["database"], *single],
                input=batch["sql"],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                raise AssertionError(done.stderr)

    def new_database(self) -> str:
        """Makes a database that `ledger_owner` owns and in which `ledger_app` has DML only."""
        self._created += 1
        name = f"ledger_{self._created}"
        with self.admin() as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER {OWNER[0]}")
        with self.admin(name) as connection:
            connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            connection.execute(f"ALTER SCHEMA public OWNER TO {OWNER[0]}")
            connection.execute(f"GRANT USAGE ON SCHEMA public TO {APP[0]}")
            connection.execute(
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER[0]} "
                f"GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APP[0]}"
            )
        return name


def run_unprivileged(command: list[str]) -> None:
    # Postgres refuses to run as root; Debian's package brings the user for it.
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    # Not captured: the server would keep the pipe open for as long as it lives.
    subprocess.run([*prefix, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")


@contextmanager
def running() -> Iterator[Cluster]:
    """Runs a new cluster with the two roles, and leaves nothing of it behind."""
    binaries = installed()
    folder = Path(tempfile.mkdtemp(prefix="ledger-postgres-"))
    try:
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
        access = ["--auth-local=trust", "--auth-host=scram-sha-256", "-U", "postgres", "-N"]
        run_unprivileged([str(binaries / "initdb"), "-D", str(folder / "data"), *access])
        cluster = Cluster(folder, free_port(), binaries)
        cluster.start()
        try:
            with cluster.admin() as connection:
                for name, password in (OWNER, APP):
                    connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
            yield cluster
        finally:
            cluster.control("-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
