#!/usr/bin/python3 -B
"""Brings a release's image to the host and prints its id, and nothing else.

It is pulled or, where the document has `build`, built from a folder on the host. A tag is resolved
once per release: what was pulled first is written down, and a repeated `up` gives the same image
even when the tag has moved. `down` forgets that the release's jobs are done; its image stays for a
way back that asks no registry and builds nothing, until it is no longer among the newest `keep` of
those whose releases left, or until the last release of the app leaves. What a container or another
release uses never goes. The engine is Docker, or the Podman of the account that the document names;
there the image also gets the name `tag`, by which the release's units call it.
"""

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import _building
from _engines import engine
from _homeport import (
    Spec,
    fail,
    folder,
    lock,
    main,
    make_directory,
    read_receipt,
    receipts,
    remove_receipt,
    write_receipt,
)
from _images import (
    check_disk,
    digest_of,
    familiar,
    in_use,
    kept,
    look,
    pull,
    pullable,
    read,
)
from _room import check_memory

KEPT = 3


def up(spec: Spec) -> None:
    """Pull or build the image when that is needed, and print its id."""
    name = receipt(spec, spec["release"])
    known = read_receipt(spec, name) or read(left(spec) / f"{spec['release']}.json")
    check_memory(spec["memory_mib"])
    built = "build" in spec
    reference = spec["image"] if built else known.get("digest") or pullable(spec["image"])
    one = built or known or "@" in reference
    found = look(spec, known.get("id") or reference) if one else {}
    if not found:
        if built:
            _building.build(spec, reference)
        else:
            check_disk(spec, "a pull")
            pull(spec, reference)
        found = look(spec, reference)
        if not found:
            done, shown = "built" if built else "pulled", f"look at `{engine(spec).name} images`"
            fail(f"{reference} was {done} but is not there", "", shown)
    if spec.get("tag"):
        engine(spec).run("tag", found["Id"], spec["tag"])
    about = {
        "app": spec["app"],
        "image": spec["image"],
        "id": found["Id"],
        "digest": digest_of(found, spec),
    }
    with lock(f"images-{spec['system']}"):
        write_receipt(spec, name, {**about, "tag": spec.get("tag")})
        (left(spec) / f"{spec['release']}.json").unlink(missing_ok=True)
    sys.stdout.write(found["Id"])


def down(spec: Spec) -> None:
    """Let the release leave, and remove images that nobody will go back to."""
    for path in receipts(spec).glob(f"job-{spec['app']}-{spec['release']}-*.json"):
        remove_receipt(spec, path.stem)
    with lock(f"images-{spec['system']}"):
        here = receipts(spec) / f"{receipt(spec, spec['release'])}.json"
        if here.exists():
            make_directory(left(spec), mode=0o700)
            there = here.replace(left(spec) / f"{spec['release']}.json")
            os.utime(there)
        gone = forget(spec)
        used = {image.get("id") for image in kept(spec)}
        used |= in_use(spec) if gone else set()
        for image in gone:
            remove(spec, image, wholly=image["id"] not in used)
        for name in {image["image"] for image in gone}:
            if _building.is_built(spec, name):
                _building.forget(spec, name)
        for path in (left(spec), left(spec).parent):
            with contextlib.suppress(OSError):
                path.rmdir()


def receipt(spec: Spec, release: str) -> str:
    """Return the name of the receipt of a release's image."""
    return f"image-{spec['app']}-{release}"


def left(spec: Spec) -> Path:
    """Return the folder that says, by release, which images of the app's old releases stay."""
    return folder(spec) / "images" / str(spec["app"])


def forget(spec: Spec) -> "list[dict[str, Any]]":
    """Forget old releases beyond the newest few images, or all with the app; return what they had.

    Releases that differ in their settings alone share an image, which counts once.
    """
    here = [read(path) for path in receipts(spec).glob(f"{receipt(spec, '*')}.json")]
    # The pattern meets apps whose names begin like this one's.
    serving = {image["id"] for image in here if image.get("app") == spec["app"]}
    staying: set[str] = set()
    gone = []
    for path in sorted(left(spec).glob("*.json"), key=lambda path: -path.stat().st_mtime_ns):
        image = read(path)
        if serving and (image["id"] in serving | staying or len(staying) < spec.get("keep", KEPT)):
            staying |= {image["id"]} - serving
        else:
            path.unlink()
            gone.append(image)
    return gone


def remove(spec: Spec, image: "dict[str, Any]", *, wholly: bool) -> None:
    """Take a release's name from its image; `wholly` takes the image too.

    One that has names in other repositories is not ours to remove.
    """
    if image.get("tag"):
        engine(spec).run("untag", image["tag"], image["tag"], check=False)
    found = look(spec, image["id"]) if wholly else {}
    tags, digests = found.get("RepoTags") or [], found.get("RepoDigests") or []
    own = familiar(image["image"])
    for tag in tags:
        if familiar(tag) == own:
            engine(spec).run("rmi", tag, check=False)
    if found and {familiar(name) for name in [*tags, *digests]} <= {own}:
        # Where the last name took the image with it, there is nothing left to remove.
        engine(spec).run("rmi", image["id"], check=False)


if __name__ == "__main__":
    main({"up": up, "down": down})
