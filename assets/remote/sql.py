#!/usr/bin/python3 -B
"""Runs batches of SQL in a PostgreSQL container, as its superuser, over the container's own socket.

The document names the container (and the account whose Podman runs it, if not Docker) and holds
the batches for `up` and for `down`; each runs in one psql session, as one transaction unless it
says otherwise, and ends at its first error. What is printed then is PostgreSQL's own message with
the statement; secrets are blotted out.
"""

import re
import sys
import time
from typing import Any, NoReturn

import _instances
from _engines import engine
from _homeport import Spec, fail, main

Batch = dict[str, Any]

PSQL = ["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-f", "-"]
QUIET = "PGOPTIONS=-c client_min_messages=warning"
WAIT_SECONDS = 30
BLOTS = (
    (re.compile(r"(?i)(PASSWORD\s+)E?'(?:[^']|'')*'?"), r"\1'[blotted out]'"),
    (re.compile(r"SCRAM-SHA-256\$[^\s'\"]*"), "[blotted out]"),
)


def up(spec: Spec) -> None:
    """Wait until the server accepts connections, then run the batches of `up` in order."""
    if state(spec) is None:
        fail(
            f"there is no container {spec['container']}",
            "",
            "run `pulumi up --refresh`, which makes it again",
        )
    wait(spec)
    for batch in spec["up"]:
        psql(spec, batch)
    sys.stdout.write(f"applied: {len(spec['up'])} batches\n")


def down(spec: Spec) -> None:
    """Run the batches of `down`; what they would remove from is perhaps gone already."""
    if state(spec) is None:
        sys.stdout.write(f"nothing to do: there is no container {spec['container']}\n")
        return
    wait(spec)
    for batch in spec["down"]:
        if exists(spec, batch["database"]):
            psql(spec, batch)
    sys.stdout.write("removed\n")


def state(spec: Spec) -> "str | None":
    """Return the engine's word for the container's state; None when there is no such container."""
    runs = engine(spec)
    form = ("--type", "container", "--format", "{{.State.Status}}")
    shown = runs.run("inspect", *form, spec["container"], check=False)
    if shown.returncode == 0:
        return shown.stdout.strip()
    if "no such" not in shown.stderr.lower():
        fail(f"{runs.title} does not answer", shown.stderr, runs.look)
    return None


def wait(spec: Spec) -> None:
    """Wait until the server accepts TCP connections; while initialising it has its socket only."""
    seconds = spec.get("wait_seconds", WAIT_SECONDS)
    ready = [*inside(spec), "pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"]
    end = time.monotonic() + seconds
    while engine(spec).run(*ready, check=False).returncode != 0:
        if time.monotonic() > end:
            give_up(spec, seconds)
        time.sleep(0.5)


def give_up(spec: Spec, seconds: float) -> NoReturn:
    """End the step with the server's own last words."""
    kind = "podman" if spec.get("account") else "docker"
    instance = {"kind": kind, "name": spec["container"], "account": spec.get("account", "")}
    fail(
        f"PostgreSQL in {spec['container']} ({state(spec)}) accepted no connection "
        f"for {seconds:g} s",
        blot(_instances.last_lines(instance)),
        _instances.hint(instance),
    )


def exists(spec: Spec, database: str) -> bool:
    """Return whether the server has a database."""
    query = "SELECT datname FROM pg_database;\n"
    listed = psql(spec, {"database": "postgres", "sql": query, "transaction": False})
    return database in listed.splitlines()


def inside(spec: Spec) -> list[str]:
    """Return what the engine is told to run a command in the container as the superuser."""
    return ["exec", "-i", "-u", "postgres", "-e", QUIET, spec["container"]]


def psql(spec: Spec, batch: Batch) -> str:
    """Run one batch and return what it printed."""
    session = [*PSQL, "-d", batch["database"], *(["-1"] if batch["transaction"] else [])]
    result = engine(spec).run(*inside(spec), *session, stdin=batch["sql"], check=False)
    if result.returncode != 0:
        message = blot(result.stderr or result.stdout)
        fail(
            f"SQL in database {batch['database']} of {spec['container']} failed",
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
