"""PostgreSQL's own programs beside a server in a container: dumps, and what they hold."""

import hashlib
import subprocess
import time
from pathlib import Path
from typing import IO

from _engines import engine
from _homeport import Spec, fail

CHUNK = 1 << 20
RANDOM = (b"\\restrict ", b"\\unrestrict ")
"""Begin the lines of a plain dump that differ each time, whatever is in the database."""


def inside(spec: Spec) -> "list[str]":
    """Return what runs a command in the server's container, as its superuser."""
    who = [f"--env=PGUSER={spec['superuser']}"] if spec.get("superuser") else []
    return engine(spec).command("exec", "--interactive", "--user=postgres", *who, spec["container"])


def pipe(
    spec: Spec,
    argv: "list[str]",
    problem: str,
    *,
    cure: str,
    stdin: "IO[bytes] | None" = None,
    stdout: "IO[bytes] | None" = None,
) -> None:
    """Run a command beside the server, which reads or writes a file of the host."""
    limit = spec["timeout_seconds"]
    what = f"the database {spec['database']} {problem}"
    try:
        ended = subprocess.run(
            [*inside(spec), *argv],
            stdin=stdin or subprocess.DEVNULL,
            stdout=stdout or subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        fail(f"{what}: {argv[0]} took over {limit} s", "", cure)
    if ended.returncode != 0:
        said = ended.stderr.decode(errors="replace")
        fail(f"{what}: {argv[0]} ended with {ended.returncode}", said, cure)


def plain_sha256(spec: Spec, cure: str) -> str:
    """Return the hash of a plain dump: the same whenever the database holds the same."""
    argv = [*inside(spec), "pg_dump", "--create", f"--dbname={spec['database']}"]
    found = hashlib.sha256()
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        for line in process.stdout or ():
            if not line.startswith(RANDOM):
                found.update(line)
        said = process.stderr.read().decode(errors="replace") if process.stderr else ""
    if process.returncode != 0:
        fail(f"the database {spec['database']} cannot be dumped", said, cure)
    return found.hexdigest()


def hashed(path: Path) -> str:
    """Return the SHA-256 of a file of any size."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def now() -> str:
    """Return the time as receipts of backups hold it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
