#!/usr/bin/python3 -B
"""Makes a release of a static app beside the one that is served, and takes one away.

`up` copies what is to be served into the release's own folder, with what the program gives
(settings for the page) and compressed variants, and is the gate. `down` takes a release away: if it
is live, another one that is still there takes over; where there is none, the step refuses as long
as a site serves the app.
"""

import json
import shutil
import sys
from typing import Any

import _static_release
from _homeport import Spec, fail, lock, main, read_receipt, receipts, remove_receipt
from _static import (
    adopt,
    live,
    lock_name,
    manifest,
    place,
    point,
    receipt,
    remove_empty,
    sites,
)


def up(spec: Spec) -> None:
    """Make the release unless it is there; print what it holds."""
    with lock(lock_name(spec)):
        if not (place(spec, spec["release"]) / "manifest.json").is_file():
            _static_release.make(spec)
        made = manifest(spec, spec["release"])
        root = place(spec, spec["release"])
        sizes = [(root / part / path).stat().st_size for part in made for path in made[part]]
    report = {"files": len(sizes), "bytes": sum(sizes), "hashed": len(made["hashed"])}
    sys.stdout.write(json.dumps(report) + "\n")


def down(spec: Spec) -> None:
    """Take the release away, and its traffic before, if it has any."""
    with lock(lock_name(spec)):
        successor = leave(spec) if live(spec) == spec["release"] else live(spec)
        remove_receipt(spec, receipt(spec, spec["release"]))
        shutil.rmtree(place(spec, spec["release"]), ignore_errors=True)
        remove_empty(spec)
    sys.stdout.write(json.dumps({"live": successor}) + "\n")


def leave(spec: Spec) -> "str | None":
    """Let another release take over; return which."""
    successor = newest_other(spec)
    served = sites(spec)
    if successor is None and served:
        names = ", ".join(sorted(f"{site['hostname']}{site['path']}" for site in served))
        what = f"release {spec['release']} of {spec['app']} serves {names}, and there is no other"
        fail(
            f"{what}: refused to remove it", "", "deploy another release, or remove the site first"
        )
    if successor is not None:
        adopt(spec, successor, spec["release"], spec["keep_releases"])
    point(spec, successor)
    return successor


def newest_other(spec: Spec) -> "str | None":
    """Return the release that got the traffic last, this one apart."""
    found: list[tuple[float, str]] = []
    for path in receipts(spec).glob(receipt(spec, "*") + ".json"):
        release: Any = read_receipt(spec, path.stem)["release"]
        if release != spec["release"] and (place(spec, release) / "manifest.json").is_file():
            found.append((path.stat().st_mtime, release))
    return max(found)[1] if found else None


if __name__ == "__main__":
    main({"up": up, "down": down})
