#!/usr/bin/python3 -B
"""Puts packages, directories, files and units on a host as one transaction.

Order: packages, directories, files, checks, then what must run because something changed, units.
When a check fails, every file is as it was before and nothing was restarted. What was written
stands in the receipt with its hash; what a newer document no longer lists is removed. A file that
was there before Homeport is kept aside and returns with `down`; one that another step or stack on
this host also claims stays. Packages stay installed.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import _packages
from _homeport import (
    FOLDER,
    Spec,
    StepError,
    at,
    lock,
    main,
    make_directory,
    other_receipts,
    read_receipt,
    remove_receipt,
    run,
    sha256,
    write_atomic,
    write_receipt,
)
from _originals import (
    claimed,
    give_back,
    keep_original,
    original_of,
    remove,
    remove_if_empty,
    restorer,
)

File = dict[str, Any]


def up(spec: Spec) -> None:
    """Make the host as the document says and print what changed."""
    with lock("files"):
        before = read_receipt(spec, spec["name"])
        found = units_found(spec, before)
        changed = _packages.ensure(spec.get("packages", []), spec.get("hold", []))
        for directory in spec.get("directories", []):
            if directory.get("as_found") and at(directory["path"]).is_dir():
                continue
            if make_directory(at(directory["path"]), **attributes(directory, "0755")):
                changed.append(directory["path"])
        spec = {**spec, "gone": gone(spec, before)}
        after = {**receipt(spec), **({"units_found": found} if found else {})}
        changed_files, removed = transaction(spec, before, after)
        changed += [file["path"] for file in changed_files] + removed
        follow(spec, changed_files, bool(changed), bool(before.get("pending")))
        enable(spec.get("units_enabled", []))
        write_receipt(spec, spec["name"], after)
    sys.stdout.write("changed: " + (", ".join(changed) or "nothing") + "\n")


def gone(spec: Spec, before: dict[str, Any]) -> list[str]:
    """Return what must not be there: always, or as a package shipped it and beside nothing else."""
    always: list[str] = spec.get("gone", [])
    stock = spec.get("gone_if_alone")
    if not stock:
        return always
    name, ours = stock["path"], claimed(spec) | {file["path"] for file in spec.get("files", [])}
    there = {str(file) for folder in stock["folders"] for file in at(folder).glob("*")}
    alone = there <= {str(at(path)) for path in (name, *ours)}
    stays = not (alone and _packages.is_stock(stock["package"], name))
    return always if stays and name not in before.get("gone", []) else [*always, name]


def units_found(spec: Spec, before: dict[str, Any]) -> list[str]:
    """Return the shared units that were enabled before Homeport: they do not stop with it."""
    others = other_receipts(spec, spec["name"])

    def was_there(unit: str) -> bool:
        for known in (before, *others):
            if unit in known.get("units", []):
                return unit in known.get("units_found", [])
        return run(["systemctl", "is-enabled", "--quiet", unit], check=False).returncode == 0

    return [unit for unit in spec.get("units_shared", []) if was_there(unit)]


def attributes(entry: File, mode: str) -> dict[str, Any]:
    """Return mode and owner of an entry, as `write_atomic` takes them."""
    return {
        "mode": int(entry.get("mode", mode), 8),
        "owner": entry.get("owner", "root"),
        "group": entry.get("group", "root"),
    }


def content_of(file: File) -> str:
    """Return what the file is to hold: with `merge`, our JSON keys over those that are there."""
    content: str = file["content"]
    path = at(file["path"])
    if not file.get("merge") or not path.is_file():
        return content
    try:
        present = json.loads(path.read_text() or "{}")
    except ValueError as error:
        what = f"{file['path']} is no JSON: {error}"
        raise StepError(what, "", "mend the file on the host") from None
    merged = {**present, **json.loads(content)}
    return path.read_text() if merged == present else json.dumps(merged, indent=2) + "\n"


def transaction(
    spec: Spec, before: dict[str, Any], after: dict[str, Any]
) -> tuple[list[File], list[str]]:
    """Write and remove, run the checks, and undo everything when one of them fails.

    Until the step has ended, its receipt says `pending` and lists old and new files: a run that was
    cut off is completed by the next.
    """
    files = [{**file, "content": content_of(file)} for file in spec.get("files", [])]
    mine = [file["path"] for file in before.get("files", [])]
    kept = {file["path"] for file in files}
    gone = spec.get("gone", [])
    had = [*mine, *before.get("gone", [])]
    dropped = [name for name in unique(had) if name not in kept and name not in gone]
    listed = [*after["files"], *(f for f in before.get("files", []) if f["path"] in dropped)]
    undo: list[Callable[[], object]] = []
    changed, removed = [], []
    write_receipt(spec, spec["name"], {**after, "files": listed, "pending": True})
    try:
        for file in files:
            undo += [restorer(at(file["path"])), restorer(original_of(file["path"]))]
            if file["path"] not in mine and not written_at_boot(file):
                keep_original(spec, file["path"])
            if write_atomic(at(file["path"]), file["content"].encode(), **attributes(file, "0644")):
                changed.append(file)
        for name in [*gone, *dropped]:
            undo += [restorer(at(name)), restorer(original_of(name))]
            if name in gone and name not in mine:
                keep_original(spec, name)
            if remove(name) if name in gone else give_back(spec, name):
                removed.append(name)
        for check in spec.get("check", []) if changed or removed else []:
            run(check, cure="correct what the check says; no file on the host was changed")
    except BaseException:
        for action in reversed(undo):
            action()
        write_receipt(spec, spec["name"], before) if before else remove_receipt(spec, spec["name"])
        raise
    finally:
        remove_if_empty(at(FOLDER) / "originals")
    return changed, removed


def written_at_boot(file: File) -> bool:
    """Return whether the file holds exactly ours already: cloud-init was first."""
    path = at(file["path"])
    same = path.is_file() and path.read_bytes() == file["content"].encode()
    return same and not file.get("merge")


def receipt(spec: Spec) -> dict[str, Any]:
    """Return what is written down: enough to find drift, and to remove it all; no content."""
    files = spec.get("files", [])
    listed = [
        {
            "path": file["path"],
            "sha256": sha256(content_of(file).encode()),
            "mode": file.get("mode", "0644"),
            "owner": file.get("owner", "root"),
            "group": file.get("group", "root"),
        }
        for file in files
    ]
    return {
        "files": listed,
        "gone": spec.get("gone", []),
        "directories": [directory["path"] for directory in spec.get("directories", [])],
        "packages": _packages.versions(spec.get("packages", [])),
        "then": actions(files, spec),
        "units": spec.get("units_enabled", []),
        "units_helping": spec.get("units_helping", []),
        "meta": spec.get("meta", {}),
    }


def actions(files: list[File], spec: Spec) -> list[list[str]]:
    """Return what must run after a change of these files, each command once."""
    wanted = [action for file in files for action in file.get("then", [])]
    return unique([*wanted, *spec.get("then", [])])


def unique(items: list[Any]) -> list[Any]:
    """Return the items in order, each once."""
    return [item for i, item in enumerate(items) if item not in items[:i]]


def follow(spec: Spec, changed_files: list[File], changed: bool, pending: bool) -> None:
    """Run what must run after a change; after a run that was cut off, all of it."""
    files = spec.get("files", []) if pending else changed_files
    if any(is_unit(file["path"]) for file in files):
        run(["systemctl", "daemon-reload"])
    for command in actions(files, spec) if changed or pending else []:
        run(command, cure="mend what it says; the next `pulumi up` repeats it")


def is_unit(path: str) -> bool:
    """Return whether systemd has to read its units again after a change of this file."""
    return path.startswith("/etc/systemd/system/")


def enable(units: list[str]) -> None:
    """Enable and start the units that are not."""
    for unit in units:
        states = [["systemctl", query, "--quiet", unit] for query in ("is-enabled", "is-active")]
        if any(run(state, check=False).returncode != 0 for state in states):
            run(["systemctl", "enable", "--now", unit], cure=f"see `journalctl -u {unit}`")


def down(spec: Spec) -> None:
    """Remove what the receipt lists; units stop first."""
    with lock("files"):
        before = read_receipt(spec, spec["name"])
        end_units(spec, before)
        touched = [*(f["path"] for f in before.get("files", [])), *before.get("gone", [])]
        removed = [name for name in touched if give_back(spec, name)]
        for name in reversed(before.get("directories", [])):
            remove_if_empty(at(name))
        remove_if_empty(at(FOLDER) / "originals")
        remove_receipt(spec, spec["name"])
        if any(is_unit(name) for name in removed):
            run(["systemctl", "daemon-reload"], check=False)
        for command in before.get("then", []) if removed else []:
            run(command, check=False)
    sys.stdout.write("removed: " + (", ".join(removed) or "nothing") + "\n")


def end_units(spec: Spec, before: dict[str, Any]) -> None:
    """Stop the units that no other step on this host has; first those that may start the others."""
    others = other_receipts(spec, spec["name"])

    def own(kind: str) -> list[str]:
        shared = {unit for other in others for unit in other.get(kind, [])}
        return [unit for unit in before.get(kind, []) if unit not in shared]

    for unit in own("units_helping"):
        run(["systemctl", "stop", unit], check=False)
    for unit in own("units"):
        if unit not in before.get("units_found", []):
            run(["systemctl", "disable", "--now", unit], check=False)


if __name__ == "__main__":
    main({"up": up, "down": down})
