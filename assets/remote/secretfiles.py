#!/usr/bin/python3 -B
"""Puts secrets into files that only their container's user can read; keeps no copy and no hash.

Each folder holds exactly the files that the document names. A folder with `unless_receipt` belongs
to a job and is gone once that receipt says that the job is done.
"""

import contextlib
import shutil
import sys
from pathlib import Path
from typing import Any

from _homeport import Spec, at, fail, folder, main, make_directory, receipts, write_atomic


def up(spec: Spec) -> None:
    """Make every folder as the document says."""
    for entry in spec["folders"]:
        path = inside(spec, entry)
        receipt = entry.get("unless_receipt")
        if receipt and (receipts(spec) / f"{receipt}.json").exists():
            remove(spec, path)
        else:
            fill(path, entry)
    sys.stdout.write(f"folders: {len(spec['folders'])}\n")


def down(spec: Spec) -> None:
    """Remove every folder, and what is empty above it."""
    for entry in spec["folders"]:
        remove(spec, inside(spec, entry))


def inside(spec: Spec, entry: dict[str, Any]) -> Path:
    """Return the folder's path, which must lie in the stack's own folder."""
    path = at(entry["path"])
    if folder(spec) not in path.parents or ".." in path.parts:
        fail(f"{entry['path']} is outside the folder of {spec['system']}", "", "correct the path")
    return path


def fill(path: Path, entry: dict[str, Any]) -> None:
    """Write the files of one folder and remove all others."""
    owner, group = str(entry["uid"]), str(entry["gid"])
    make_directory(path, mode=0o500, owner=owner, group=group)
    for name, content in entry["files"].items():
        write_atomic(path / name, content.encode(), mode=0o400, owner=owner, group=group)
    for file in path.iterdir():
        if file.name not in entry["files"]:
            file.unlink()


def remove(spec: Spec, path: Path) -> None:
    """Remove a folder, and those above it that are empty, up to the stack's own."""
    shutil.rmtree(path, ignore_errors=True)
    for parent in path.parents:
        if parent == folder(spec):
            return
        with contextlib.suppress(OSError):
            parent.rmdir()


if __name__ == "__main__":
    main({"up": up, "down": down})
