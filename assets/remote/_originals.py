"""Files that were there before Homeport: kept aside, and given back when nobody claims them."""

from collections.abc import Callable
from pathlib import Path

from _homeport import (
    FOLDER,
    Spec,
    at,
    fail,
    make_directory,
    other_receipts,
    write_atomic,
)

LINK = "link "
"""Begins what is kept of a link; its target follows."""


def restorer(path: Path) -> Callable[[], object]:
    """Return what brings `path` back to how it is now."""
    if path.is_symlink():
        target = path.readlink()
        return lambda: link(path, target)
    if not path.is_file():
        return lambda: path.unlink(missing_ok=True)
    status, content = path.stat(), path.read_bytes()
    mode, owner, group = status.st_mode & 0o7777, str(status.st_uid), str(status.st_gid)
    return lambda: write_atomic(path, content, mode=mode, owner=owner, group=group)


def original_of(name: str) -> Path:
    """Return where a file that was there before Homeport is kept."""
    return at(FOLDER) / "originals" / name.lstrip("/").replace("/", "+")


def link(path: Path, target: Path) -> None:
    """Make `path` a link."""
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def keep_original(spec: Spec, name: str) -> None:
    """Copy a file or link aside that was there before Homeport."""
    path, original = at(name), original_of(name)
    if original.exists() or name in claimed(spec):
        return
    if path.is_symlink():
        make_directory(original.parent, mode=0o700)
        write_atomic(original, f"{LINK}{path.readlink()}".encode(), mode=0o600)
    elif path.is_file():
        make_directory(original.parent, mode=0o700)
        status = path.stat()
        about = [oct(status.st_mode & 0o7777)[2:], str(status.st_uid), str(status.st_gid)]
        content = "\n".join([*about, path.read_bytes().hex()])
        write_atomic(original, content.encode(), mode=0o600)


def give_back(spec: Spec, name: str) -> bool:
    """Remove a file, or put back what was there before; not while another step claims it."""
    path, original = at(name), original_of(name)
    if name in claimed(spec):
        return False
    if original.exists():
        kept = original.read_text()
        if kept.startswith(LINK):
            link(path, Path(kept.removeprefix(LINK)))
        else:
            mode, owner, group, content = kept.split("\n")
            write_atomic(path, bytes.fromhex(content), mode=int(mode, 8), owner=owner, group=group)
        original.unlink()
        return True
    return remove(name)


def remove(name: str) -> bool:
    """Remove a file; return whether there was one."""
    path = at(name)
    if not path.exists() and not path.is_symlink():
        return False
    if path.is_dir():
        fail(f"{name} is a directory; only files are removed", "", "remove it by hand")
    path.unlink()
    return True


def claimed(spec: Spec) -> set[str]:
    """Return the files of all other receipts on this host."""
    others = other_receipts(spec, spec["name"])
    return {file["path"] for receipt in others for file in receipt.get("files", [])}


def remove_if_empty(path: Path) -> None:
    """Remove a directory that nothing is left in."""
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()
