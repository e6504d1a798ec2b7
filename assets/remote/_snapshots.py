"""Folders as they were: one file that holds them, and the proof that they are so again."""

import hashlib
import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

from _homeport import fail, run

TAR = ["tar", "--numeric-owner", "--xattrs", "--acls", "--format=posix", "--sparse"]


def tree_sha256(folder: Path) -> str:
    """Return a hash of everything below a folder: names, contents, owners, modes, times."""
    found = hashlib.sha256()
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        about: list[Any] = [str(path.relative_to(folder)), stat.S_IFMT(status.st_mode)]
        about += [stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid]
        if path.is_symlink():
            about.append(str(path.readlink()))
        elif path.is_file():
            about += [status.st_size, int(status.st_mtime), digest(path, "sha256")]
        found.update(json.dumps(about).encode())
    return found.hexdigest()


def inventory(folder: Path) -> "list[dict[str, Any]]":
    """Return the objects below a folder as stores list them: key, size and etag."""
    return [
        {
            "key": str(path.relative_to(folder)),
            "size": path.stat().st_size,
            "etag": digest(path, "md5"),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    ]


def digest(path: Path, kind: str) -> str:
    """Return a hash of a file of any size."""
    found = hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            found.update(chunk)
    return found.hexdigest()


def size(folder: Path) -> int:
    """Return how many bytes the files below a folder have."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def save(folder: Path, to: Path) -> None:
    """Write a folder into one file that root alone reads; the file is there wholly or not."""
    partial = to.with_suffix(".partial")
    partial.touch(mode=0o600)
    run([*TAR, "--create", f"--file={partial}", f"--directory={folder}", "."], timeout_seconds=3600)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(to)


def unpack(saved: Path, folder: Path) -> None:
    """Write what was saved into a folder."""
    run(
        [*TAR, "--extract", "--same-permissions", f"--file={saved}", f"--directory={folder}"],
        timeout_seconds=3600,
    )


def bring_back(saved: Path, folder: Path, wanted: str) -> None:
    """Make a folder what it was when it was saved, and prove it; one that is so stays."""
    if tree_sha256(folder) == wanted:
        return
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    unpack(saved, folder)
    if tree_sha256(folder) != wanted:
        cure = f"what was saved lies in {saved}: compare by hand before the app is started"
        fail(f"{folder} is not what it was", "", cure)
