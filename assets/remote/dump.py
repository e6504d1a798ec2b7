#!/usr/bin/python3 -B
"""Dumps a database before a job changes it, and proves that the dump can be read to its end.

Dumps lie in a folder that root alone enters; their names say when, and before which release. A job
that is done, or whose dump is there already, gets no new one: what a migration that failed left
half-done must not push out what was there before. `keep` dumps of a database stay, the newest.
"""

import json
import os
import sys
import time
from pathlib import Path

from _dumps import hashed, inside, now, pipe
from _homeport import Spec, at, folder, main, make_directory, read_receipt, run, write_receipt
from _room import check_disk

FREE_MIB = 1024
LOCK_WAIT_MILLISECONDS = 60_000
CURE = "nothing was changed yet, the release before still serves; mend it and run `pulumi up` again"


def up(spec: Spec) -> None:
    """Make the dump unless it is there."""
    known = read_receipt(spec, spec["receipt"])
    if read_receipt(spec, spec["job_receipt"]) or (known and at(known["path"]).exists()):
        sys.stdout.write(json.dumps({"done_before": True}) + "\n")
        return
    start = time.monotonic()
    path = place(spec)
    partial = path.with_suffix(".partial")
    check_disk(path.parent, FREE_MIB, f"a dump of {spec['database']}", size(spec))
    try:
        write(spec, partial)
        verify(spec, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    shown = f"/{path.relative_to(at('/'))}"
    about = {"bytes": path.stat().st_size, "sha256": hashed(path), "time": now()}
    write_receipt(spec, spec["receipt"], {"path": shown, **about})
    prune(path.parent, spec["keep"])
    seconds = round(time.monotonic() - start, 3)
    report = {"dump": shown, "database": spec["database"], **about, "seconds": seconds}
    sys.stdout.write(json.dumps(report) + "\n")


def place(spec: Spec) -> Path:
    """Return where the dump is to lie, in a folder that is there and closed."""
    dumps = folder(spec) / "dumps"
    for each in (dumps, dumps / spec["database"]):
        make_directory(each, mode=0o700)
    when = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return dumps / spec["database"] / f"{when}-before-{spec['app']}-{spec['release']}.dump"


def size(spec: Spec) -> int:
    """Return how many bytes the database takes; its dump takes less."""
    query = "SELECT pg_database_size(current_database())"
    psql = ["psql", "-XAtq", f"--dbname={spec['database']}", f"--command={query}"]
    return int(run([*inside(spec), *psql], cure=CURE).stdout)


def write(spec: Spec, path: Path) -> None:
    """Dump into a file that root alone reads, all of it on the disk."""
    wait = f"--lock-wait-timeout={LOCK_WAIT_MILLISECONDS}"
    argv = ["pg_dump", "--format=custom", wait, f"--dbname={spec['database']}"]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        pipe(spec, argv, "cannot be dumped", cure=CURE, stdout=file)
        os.fsync(file.fileno())


def verify(spec: Spec, path: Path) -> None:
    """Read the whole dump back, as a restore would."""
    with path.open("rb") as file:
        problem = "gave a dump that is broken"
        pipe(spec, ["pg_restore", "--file=/dev/null"], problem, cure=CURE, stdin=file)


def prune(dumps: Path, keep: int) -> None:
    """Remove all dumps but the newest."""
    for path in sorted(dumps.glob("*.dump"))[:-keep]:
        path.unlink()


if __name__ == "__main__":
    main({"up": up})
