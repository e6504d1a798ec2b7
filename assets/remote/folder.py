#!/usr/bin/python3 -B
"""Makes a folder of the host for containers to mount, owned by a user inside of them.

In the containers of a rootless account that user is one of the account's subordinate numbers. A
folder that is there already is used when it is empty or right; `down` removes with all its content
what `up` made, and nothing else.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import _rootless
from _homeport import (
    ROOT,
    Spec,
    at,
    fail,
    main,
    make_directory,
    other_receipts,
    read_receipt,
    remove_receipt,
    write_receipt,
)


def up(spec: Spec) -> None:
    """Make the folder, or take one that fits."""
    path, owner = at(spec["path"]), owner_of(spec)
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        fail(f"{spec['path']} is no folder", "", "name another one, or move what is there away")
    if path.exists() and any(path.iterdir()):
        status = path.stat()
        if (status.st_uid, status.st_gid) != owner:
            found, wanted = f"{status.st_uid}:{status.st_gid}", f"{owner[0]}:{owner[1]}"
            what = f"{spec['path']} holds files and belongs to {found}, not to {wanted}"
            fail(what, "", "name another folder, or give this one to the owner by `chown -R`")
    write_receipt(spec, receipt(spec), {"made": [*made(spec)]})
    # Its parents are root's: whoever writes in it cannot put another one in its place.
    make_directory(path, mode=int(spec["mode"], 8), owner=str(owner[0]), group=str(owner[1]))
    sys.stdout.write(f"folder: {spec['path']} of {owner[0]}:{owner[1]}\n")


def made(spec: Spec) -> Iterator[str]:
    """Return the folder and its parents as far as they are missing, or ours already."""
    known = {path for each in other_receipts(spec, "") for path in each.get("made", [])}
    path = Path(spec["path"])
    for folder in (path, *path.parents):
        if str(folder) in known or not at(str(folder)).exists():
            yield str(folder)


def down(spec: Spec) -> None:
    """Remove what was made, with what the containers wrote."""
    for name in read_receipt(spec, receipt(spec)).get("made", []):
        path = at(name)
        if path.is_symlink() or not path.is_dir():
            continue
        if name == spec["path"]:
            shutil.rmtree(path)
        elif not any(path.iterdir()):
            path.rmdir()
    remove_receipt(spec, receipt(spec))
    sys.stdout.write(f"removed: {spec['path']}\n")


def receipt(spec: Spec) -> str:
    """Return the name under which it is written down."""
    return "folder" + spec["path"].replace("/", "-")


def owner_of(spec: Spec) -> "tuple[int, int]":
    """Return user and group as the host counts them; below HOMEPORT_ROOT those of the caller."""
    if ROOT:
        return os.getuid(), os.getgid()
    account = spec.get("account")
    if not account:
        return spec["uid"], spec["gid"]
    uid, gid = _rootless.numbers(account)
    return (
        _rootless.outside("/etc/subuid", account, uid, spec["uid"]),
        _rootless.outside("/etc/subgid", account, gid, spec["gid"]),
    )


if __name__ == "__main__":
    main({"up": up, "down": down})
