#!/usr/bin/python3 -B
"""Runs batches of SQL in a PostgreSQL server, as whoever may make databases and users there.

The document names the server (a container, with the account whose Podman runs it, if not Docker;
or the service file that leads to one elsewhere) and holds the batches for `up` and for `down`; each
runs in one psql session, as one transaction unless it says otherwise, and ends at its first error.
What is printed then is PostgreSQL's own message with the statement; secrets are blotted out.
"""

import re
import sys
import time
from typing import Any

import _postgres
from _homeport import Spec, fail, main
from _postgres import Server

Batch = dict[str, Any]

PSQL = ["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-f", "-"]
WAIT_SECONDS = 30
BLOTS = (
    (re.compile(r"(?i)(PASSWORD\s+)E?'(?:[^']|'')*'?"), r"\1'[blotted out]'"),
    (re.compile(r"SCRAM-SHA-256\$[^\s'\"]*"), "[blotted out]"),
)


def up(spec: Spec) -> None:
    """Wait until the server accepts connections, then run the batches of `up` in order."""
    server = _postgres.server(spec)
    if server.state() is None:
        fail(f"there is no {server.title}", "", server.missing)
    wait(server, spec.get("wait_seconds", WAIT_SECONDS))
    for batch in spec["up"]:
        psql(server, batch)
    sys.stdout.write(f"applied: {len(spec['up'])} batches\n")


def down(spec: Spec) -> None:
    """Run the batches of `down`; what they would remove from is perhaps gone already."""
    server = _postgres.server(spec)
    if server.state() is None:
        sys.stdout.write(f"nothing to do: there is no {server.title}\n")
        return
    wait(server, spec.get("wait_seconds", WAIT_SECONDS))
    for batch in spec["down"]:
        if exists(server, batch["database"]):
            psql(server, batch)
    sys.stdout.write("removed\n")


def wait(server: Server, seconds: float) -> None:
    """Wait until the server accepts connections, or end the step with its own last words."""
    end = time.monotonic() + seconds
    while server.ready().returncode != 0:
        if time.monotonic() > end:
            said, cure = server.last_words()
            what = f"{server.title} ({server.state()}) accepted no connection for {seconds:g} s"
            fail(what, blot(said), cure)
        time.sleep(0.5)


def exists(server: Server, database: str) -> bool:
    """Return whether the server has a database."""
    query = "SELECT datname FROM pg_database;\n"
    listed = psql(server, {"database": "postgres", "sql": query, "transaction": False})
    return database in listed.splitlines()


def psql(server: Server, batch: Batch) -> str:
    """Run one batch and return what it printed."""
    session = [*PSQL, "-d", batch["database"], *(["-1"] if batch["transaction"] else [])]
    result = server.run(*session, stdin=batch["sql"])
    if result.returncode != 0:
        message = blot(result.stderr or result.stdout)
        fail(
            f"SQL in database {batch['database']} of {server.title} failed",
            message + statement(batch["sql"], result.stderr),
            "correct the cause that PostgreSQL names; nothing of this transaction was kept"
            if batch["transaction"]
            else "correct the cause that PostgreSQL names; the next `pulumi up` repeats the batch",
        )
    return result.stdout


def statement(sql: str, error: str) -> str:
    """Return the line of the batch at which psql stopped, fit to be shown."""
    place = re.search(r"<stdin>:(\d+):", error)
    lines = sql.splitlines()
    if not place or not 1 <= int(place[1]) <= len(lines):
        return ""
    return f"\nstatement: {blot(lines[int(place[1]) - 1])}"


def blot(text: str) -> str:
    """Return `text` without passwords and verifiers."""
    for pattern, instead in BLOTS:
        text = pattern.sub(instead, text)
    return text


if __name__ == "__main__":
    main({"up": up, "down": down})
