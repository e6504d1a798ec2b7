#!/usr/bin/python3 -B
"""Backs up an app that is to be upgraded while it goes on running, and restores that as a trial.

Database (custom and plain), volumes, files, settings of the containers and an inventory of the
objects lie in a folder that root alone enters, with the SHA-256 of each. What is printed proves
them to whoever has to approve the upgrade. Nothing of the app is touched.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import IO, Any

import _bucket
import _versions
from _clones import CURE, check, clone, mountpoint
from _dumps import hashed, now, pipe
from _homeport import Spec, StepError, at, fail, main, run, write_receipt
from _opening import recovered
from _snapshots import TAR, inventory, save, tree_sha256
from _successors import variables
from _versions import alone, container, place, say, server

KEPT = 3
TRIES = 3
LETS_ENCRYPT = ("live", "archive")


def up(spec: Spec) -> None:
    """Make the backup, prove it, and print what proves it."""
    with alone(spec):
        # The real app has to be what it was, or what it will be.
        recovered(spec)
        sys.stdout.write(json.dumps(backup(spec)) + "\n")


def down(spec: Spec) -> None:
    """Leave nothing half-done; the backups stay."""
    with alone(spec):
        recovered(spec)


def backup(spec: Spec) -> "dict[str, Any]":
    """Back up, restore that in a copy, and keep it; return where it lies and what is in it."""
    old = container(spec["container"])
    check(spec, old)
    version = _versions.present(spec, spec["container"])
    backups = place(spec) / "backups"
    for left in backups.glob("*.partial"):
        shutil.rmtree(left)
    folder = backups / time.strftime("%Y%m%dT%H%M%SZ.partial", time.gmtime())
    folder.mkdir(parents=True, mode=0o700)
    say(spec, f"backing up {version}")
    made = write(spec, folder)
    with clone(spec) as copy:
        copy.restore(folder)
        say(spec, "the backup was restored in a copy, and is what was backed up")
    whole = folder.with_suffix("")
    folder.replace(whole)
    for old_one in sorted(each for each in backups.iterdir() if each.is_dir())[:-KEPT]:
        shutil.rmtree(old_one)
    shown = f"/{whole.relative_to(at('/'))}"
    report = [{**each, "file": f"{shown}/{each['file']}"} for each in made]
    write_receipt(spec, f"upgrade-{spec['name']}-backup", {"folder": shown, "backups": report})
    return {"version": version, "folder": shown, "backups": report}


def write(spec: Spec, folder: Path) -> "list[dict[str, Any]]":
    """Write everything into the folder; return of what each file is a backup, and its hash."""
    started, at_server = now(), server(spec)
    dump(at_server, folder)
    volumes = {name: snapshot(name, i, folder) for i, name in enumerate(spec["volumes"])}
    objects = {name: inventory(mountpoint(name)) for name in spec["volumes"]}
    if spec["bucket"]:
        env = variables(container(spec["container"]))
        bucket = {key: _versions.filled(text, env) for key, text in spec["bucket"].items()}
        objects[f"bucket {bucket['name']}"] = _bucket.inventory(bucket)
    private(folder / "objects.json", json.dumps(objects, indent=1))
    names = (spec["container"], spec["database"]["container"])
    private(folder / "containers.json", json.dumps([container(name) for name in names], indent=1))
    private(folder / "manifest.json", json.dumps({"volumes": volumes, "time": started}))
    labels = {
        "database.dump": [f"database:{spec['database']['name']}", f"container:{names[1]}"],
        "database.sql": [f"database:{spec['database']['name']}"],
        "containers.json": [f"container:{name}" for name in names],
        "objects.json": [],
        **{saved["file"]: [label(name)] for name, saved in volumes.items()},
    }
    if spec["files"]:
        keep_files(spec["files"], folder / "files.tar")
        labels["files.tar"] = [each for path in spec["files"] for each in file_labels(path)]
    hashes = {name: hashed(folder / name) for name in labels}
    sums = "".join(f"{digest}  {name}\n" for name, digest in hashes.items())
    private(folder / "SHA256SUMS", sums)
    return [
        {"of": of, "file": name, "sha256": hashes[name], "time": started}
        for name, of in labels.items()
    ]


def dump(at_server: Spec, folder: Path) -> None:
    """Dump the database once; the plain dump is the same one in other words."""
    with opened(folder / "database.dump") as file:
        argv = ["pg_dump", "--format=custom", f"--dbname={at_server['database']}"]
        pipe(at_server, argv, "cannot be dumped", cure=CURE, stdout=file)
    with (folder / "database.dump").open("rb") as source, opened(folder / "database.sql") as file:
        argv = ["pg_restore", "--create", "--file=-"]
        problem = "gave a dump that is broken"
        pipe(at_server, argv, problem, cure=CURE, stdin=source, stdout=file)


def snapshot(name: str, index: int, folder: Path) -> "dict[str, str]":
    """Save a volume that is the same before and after; the app goes on writing, so try again."""
    file, source = f"volume-{index}.tar", mountpoint(name)
    for _ in range(TRIES):
        before = tree_sha256(source)
        save(source, folder / file)
        if tree_sha256(source) == before:
            return {"file": file, "tree": before}
    what = f"{name} changes all the time"
    raise StepError(what, "", "run `pulumi up` when the app has less to do")


def keep_files(paths: "list[str]", to: Path) -> None:
    """Save files and folders of the host, such as certificate, compose and environment files."""
    missing = [path for path in paths if not at(path).exists()]
    if missing:
        fail(f"there is no {', '.join(missing)}", "", "correct `files`")
    to.touch(mode=0o600)
    relative = [path.lstrip("/") for path in paths]
    run([*TAR, "--create", f"--file={to}", f"--directory={at('/')}", "--dereference", *relative])


def label(volume: str) -> str:
    """Return how the guard calls a volume or a folder."""
    return f"file:{volume}" if volume.startswith("/") else f"volume:{volume}"


def file_labels(path: str) -> "list[str]":
    """Return how the guard calls a file; one of a certificate is that certificate, too."""
    parts = Path(path).parts
    names = [parts[i + 1] for i, part in enumerate(parts[:-1]) if part in LETS_ENCRYPT]
    return [f"file:{path}", *(f"certificate:{name}" for name in names)]


def private(path: Path, text: str) -> None:
    """Write a file that root alone reads."""
    with opened(path) as file:
        file.write(text.encode())


def opened(path: Path) -> "IO[bytes]":
    """Open a new file that root alone reads."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


if __name__ == "__main__":
    main({"up": up, "down": down})
