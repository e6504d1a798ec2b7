"""Where a static app's releases lie, which one is live, and what each of them holds.

    static/<app>/live                       a link to releases/<release>: the switch
    static/<app>/releases/<release>/site    files at their own paths, but for those that are in
                                  /hashed   files with a hash of their content in the name: its own,
                                            and as hard links those of releases before it
                                  /manifest.json  {"site": {path: sha256}, "hashed": {path: sha256}}
                                  /kept.json      {path: age in releases} of the hard links

All of it belongs to root, is read by the proxy's account, and is written by nobody else.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from _homeport import FOLDER, Spec, account, folder, link_atomic, other_receipts, write_atomic

VARIANTS = (".br", ".zst", ".gz")
"""What the names of a file's compressed variants end with."""

Manifest = dict[str, dict[str, str]]


def lock_name(spec: Spec) -> str:
    """Return the lock that steps of one static app hold."""
    return f"static-{spec['system']}-{spec['app']}"


def home(spec: Spec) -> Path:
    """Return the folder of all releases of the app."""
    return folder(spec) / "static" / str(spec["app"])


def place(spec: Spec, release: str) -> Path:
    """Return the folder of one release."""
    return home(spec) / "releases" / release


def receipt(spec: Spec, release: str) -> str:
    """Return the name of the receipt of a release that got the traffic."""
    # A name never holds a dot, so no pattern meets another app's receipts.
    return f"static-{spec['app']}.{release}"


def live(spec: Spec) -> "str | None":
    """Return the release that is served."""
    link = home(spec) / "live"
    return link.readlink().name if link.is_symlink() else None


def point(spec: Spec, release: "str | None") -> None:
    """Serve another release, or none: one rename, which the next request already follows."""
    link = home(spec) / "live"
    if release is None:
        link.unlink(missing_ok=True)
        return
    link_atomic(link, f"releases/{release}")


def manifest(spec: Spec, release: str) -> Manifest:
    """Return the files of a release, with their hashes, by folder; empty when it is not there."""
    return read(place(spec, release) / "manifest.json") or {"site": {}, "hashed": {}}


def kept(spec: Spec, release: str) -> "dict[str, int]":
    """Return the files that a release serves for pages of earlier ones, with their age."""
    return read(place(spec, release) / "kept.json")


def read(path: Path) -> "dict[str, Any]":
    """Return a JSON file of ours; empty when there is none."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return found


def write(path: Path, content: "dict[str, Any]") -> None:
    """Write a JSON file of ours."""
    write_atomic(path, (json.dumps(content, sort_keys=True) + "\n").encode(), mode=0o600)


def adopt(spec: Spec, release: str, before: "str | None", keep: int) -> None:
    """Let a release also serve the hashed files of the one before it, for pages loaded by then.

    Those that the one before has kept get a release older; what is older than `keep` is left out.
    """
    if before in (None, release):
        return
    old, own = manifest(spec, before)["hashed"], manifest(spec, release)["hashed"]
    ages = {**{path: age + 1 for path, age in kept(spec, before).items()}, **dict.fromkeys(old, 1)}
    taken = kept(spec, release)
    for path, age in ages.items():
        old_file, new_file = (place(spec, r) / "hashed" / path for r in (before, release))
        if path not in own and age <= keep and link(spec, old_file, new_file):
            taken[path] = age
    write(place(spec, release) / "kept.json", taken)


def link(spec: Spec, old: Path, new: Path) -> bool:
    """Give a file and its variants a second name, unless the release has something else there."""
    with contextlib.suppress(FileExistsError, NotADirectoryError):
        make_folders(spec, new.parent)
        for ending in ("", *VARIANTS):
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                os.link(f"{old}{ending}", f"{new}{ending}")
    return new.is_file()


def make_folders(spec: Spec, path: Path) -> None:
    """Make a folder and those above it, up to the app's own, for the proxy to read."""
    if path.is_dir():
        return
    make_folders(spec, path.parent)
    path.mkdir()
    give(spec, path, 0o750)


def give(spec: Spec, path: Path, mode: int) -> None:
    """Let the proxy's account read, and nobody but root write."""
    os.chown(path, *account("root", spec["account"]))
    path.chmod(mode)


def remove_empty(spec: Spec) -> None:
    """Remove the app's folders that nothing is left in."""
    for path in (home(spec) / "releases", home(spec), home(spec).parent):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def sites(spec: Spec) -> "list[dict[str, str]]":
    """Return where the app is served, one hostname and path for each place in a site."""
    folder_ = f"{FOLDER}/{spec['system']}/static/{spec['app']}"
    found = []
    for other in other_receipts(spec, ""):
        meta = other.get("meta") or {}
        for entry in meta.get("statics", []):
            if entry["folder"] == folder_:
                found.append({"hostname": meta["hostnames"][0], "path": entry["path"]})
    return found
