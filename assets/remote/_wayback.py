"""The way back of an upgrade: the old container, database and volumes stay what they were.

Container and database are renamed out of the way, and never written to; the new versions work on a
copy. Volumes are saved while nothing runs. Going back takes the old names again, and may be done
any number of times, from any point at which a run was cut off.
"""

import json
import re
import time
from typing import Any

import _containers
import _versions
from _clones import mountpoint
from _dumps import inside, plain_sha256
from _homeport import Spec, fail, run, write_atomic
from _snapshots import bring_back, save, tree_sha256
from _successors import MARK
from _versions import container, mark, place, query, quoted, say, server

Journal = dict[str, Any]

SAVING, CHANGING, OPEN, DONE = "saving", "changing", "open", "done"
"""How far an upgrade is; `saving` and `changing` are gone back from, `open` is gone on with."""
OF_DATABASE = re.compile(
    r"^(ALTER DATABASE|COMMENT ON DATABASE|(GRANT|REVOKE) .* ON DATABASE|ALTER ROLE .* IN DATABASE)"
)
LONGEST_NAME = 63
LEAVE_SECONDS = 10
"""How long the app's own connections may take to end after it has stopped."""
CURE = "the data was not touched; mend it, start the app again and run `pulumi up`"


def read(spec: Spec) -> Journal:
    """Return how far the upgrade is; empty when none is under way."""
    try:
        found: Journal = json.loads((place(spec) / "journal.json").read_text())
    except FileNotFoundError:
        return {}
    return found


def write(spec: Spec, journal: Journal, **more: object) -> None:
    """Write down how far it is, before that is so."""
    journal.update(more)
    text = json.dumps(journal, indent=1, sort_keys=True) + "\n"
    write_atomic(place(spec) / "journal.json", text.encode(), mode=0o600)


def aside(name: str, target: str, between: str) -> str:
    """Return the name under which something old waits."""
    word = re.sub(r"[^a-z0-9]+", between, target.lower())
    return f"{name[: LONGEST_NAME - len(word) - 8]}{between}before{between}{word}"


def prepare(spec: Spec, version: str, target: str) -> Journal:
    """Stop the app and put everything of it where it is safe; return the journal."""
    old = container(spec["container"])
    at_server = server(spec)
    journal: Journal = {
        "phase": SAVING,
        "version": version,
        "target": target,
        "old": old["Id"],
        "aside": aside(spec["container"], target, "-"),
        "database_aside": aside(spec["database"]["name"], target, "_"),
        "policy": old["HostConfig"].get("RestartPolicy") or {},
        "volumes": {},
    }
    refuse_taken(at_server, journal)
    write(spec, journal)
    say(spec, f"stopping {version}")
    run(["docker", "update", "--restart=no", old["Id"]])
    run(["docker", "stop", old["Id"]])
    refuse_others(spec, at_server)
    hashes = {"database": plain_sha256(at_server, CURE)}
    counts = _versions.counts(spec, at_server, version)
    volumes = {name: keep(spec, name, i) for i, name in enumerate(spec["volumes"])}
    write(spec, journal, volumes=volumes, counts=counts, **hashes)
    say(spec, "what is there is saved: database, volumes, container")
    if old["Name"].lstrip("/") != journal["aside"]:
        run(["docker", "rename", old["Id"], journal["aside"]])
    copy_database(at_server, journal["database_aside"])
    write(spec, journal, phase=CHANGING)
    return journal


def refuse_taken(at_server: Spec, journal: Journal) -> None:
    """Refuse names that are taken: what has them must never be mistaken for the way back."""
    if journal["database_aside"] in databases(at_server):
        what, name = "database", journal["database_aside"]
    elif _containers.inspect(journal["aside"]):
        what, name = "container", journal["aside"]
    else:
        return
    fail(f"there is a {what} {name} already", "", "see what it is, and remove or rename it")


def databases(at_server: Spec) -> "list[str]":
    """Return the names of all databases of a server."""
    return query(at_server, "SELECT datname FROM pg_database", "postgres").splitlines()


def refuse_others(spec: Spec, at_server: Spec) -> None:
    """Refuse to go on while somebody else works in the database."""
    sql = (
        "SELECT DISTINCT datname, usename || ' (' || application_name || ') from ' || "
        "coalesce(host(client_addr), 'the socket') FROM pg_stat_activity "
        "WHERE backend_type = 'client backend'"
    )
    end = time.monotonic() + LEAVE_SECONDS
    while True:
        rows = (row.partition("|") for row in query(at_server, sql, "postgres").splitlines())
        who = [whom for database, _, whom in rows if database == at_server["database"]]
        if not who:
            return
        if time.monotonic() > end:
            what = f"others work in the database of {spec['container']}"
            fail(what, "\n".join(who), "stop them first")
        time.sleep(0.5)


def keep(spec: Spec, name: str, index: int) -> "dict[str, str]":
    """Save a volume that nobody writes to any more."""
    folder, saved = mountpoint(name), place(spec) / f"way-back-{index}.tar"
    save(folder, saved)
    return {"file": saved.name, "tree": tree_sha256(folder)}


def copy_database(at_server: Spec, waiting: str) -> None:
    """Rename the database out of the way, and put a copy in its place: the server's own, exact."""
    name = quoted(at_server["database"])
    dump = [*inside(at_server), "pg_dump", "--create", "--schema-only"]
    said = run([*dump, f"--dbname={at_server['database']}"]).stdout
    query(at_server, f"ALTER DATABASE {name} RENAME TO {quoted(waiting)}", "postgres")
    options = f"TEMPLATE {quoted(waiting)}"
    if int(query(at_server, "SHOW server_version_num", "postgres")) >= 150000:
        sql = "SELECT datcollversion FROM pg_database WHERE datname = current_database()"
        version = query(at_server, sql, waiting)
        # An old one is copied as it is, and refreshed with the indexes.
        options += f" COLLATION_VERSION '{version}'" if version else ""
    query(at_server, f"CREATE DATABASE {name} {options}", "postgres")
    settings = [line for line in said.splitlines() if OF_DATABASE.match(line)]
    query(at_server, "\n".join(settings), "postgres")


def go_back(spec: Spec, journal: Journal) -> None:
    """Make everything what it was before, prove it, and start the old version."""
    say(spec, f"going back to {journal['version']}")
    drop_new(spec, journal["old"])
    at_server = server(spec)
    listed = databases(at_server)
    if journal["database_aside"] in listed:
        name, waiting = quoted(at_server["database"]), quoted(journal["database_aside"])
        if at_server["database"] in listed:
            query(at_server, f"DROP DATABASE {name} WITH (FORCE)", "postgres")
        query(at_server, f"ALTER DATABASE {waiting} RENAME TO {name}", "postgres")
    if "database" in journal and plain_sha256(at_server, CURE) != journal["database"]:
        fail("the database is not what it was", "", "the newest backup has it: compare first")
    for name, saved in journal["volumes"].items():
        bring_back(place(spec) / saved["file"], mountpoint(name), saved["tree"])
    say(spec, "database and volumes are what they were, to the byte")
    start_old(spec, journal)
    forget(spec, journal)


def start_old(spec: Spec, journal: Journal) -> None:
    """Give the old container its name and its restarts again, and see that it is well."""
    old = container(journal["old"])
    if old["Name"].lstrip("/") != spec["container"]:
        run(["docker", "rename", journal["old"], spec["container"]])
    policy = journal["policy"]
    tries = f":{policy['MaximumRetryCount']}" if policy.get("MaximumRetryCount") else ""
    run(["docker", "update", f"--restart={policy.get('Name') or 'no'}{tries}", journal["old"]])
    run(["docker", "start", journal["old"]])
    _versions.well(spec, spec["container"], journal["version"], spec["timeout_seconds"])
    say(spec, f"{journal['version']} serves again")


def drop_new(spec: Spec, old: str) -> None:
    """Remove the containers that the upgrade has made, and no other."""
    for name in (spec["container"], closed(spec)):
        found = _containers.inspect(name)
        if found and found["Id"] != old:
            if (found["Config"].get("Labels") or {}).get(MARK) != mark(spec):
                fail(f"{name} is not of this upgrade", "", "see who made it, and rename it")
            _versions.remove(name)


def opened(spec: Spec) -> bool:
    """Return whether the last version's container is in the old one's place."""
    found = _containers.inspect(spec["container"])
    return bool(found) and (found["Config"].get("Labels") or {}).get(MARK) == mark(spec)


def closed(spec: Spec) -> str:
    """Return the name of the container in which a version migrates while nobody can reach it."""
    return f"{spec['container']}-upgrade"


def forget(spec: Spec, journal: Journal) -> None:
    """Remove the journal and what was saved; nothing is under way any more."""
    (place(spec) / "journal.json").unlink(missing_ok=True)
    for saved in journal["volumes"].values():
        (place(spec) / saved["file"]).unlink(missing_ok=True)


def give_up(spec: Spec, journal: Journal) -> None:
    """Remove the way back of an upgrade that is done: old container, old database, snapshots."""
    _versions.remove(journal["old"])
    waiting = quoted(journal["database_aside"])
    query(server(spec), f"DROP DATABASE IF EXISTS {waiting} WITH (FORCE)", "postgres")
    forget(spec, journal)
