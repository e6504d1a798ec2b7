#!/usr/bin/python3 -B
"""Brings a release's image to the host and prints its id, and nothing else.

A tag is resolved once per release: what was pulled first is written down, and a repeated `up` gives
the same image even when the tag has moved. `down` forgets that the release's jobs are done; its
image stays for a way back that asks no registry, until it is no longer among the newest `keep` of
those whose releases left, or until the last release of the app leaves. What a container or another
release uses never goes. The engine is Docker, or the Podman of the account that the document names;
there the image also gets the name `tag`, by which the release's units call it.
"""

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from _engines import engine
from _homeport import (
    FOLDER,
    Spec,
    at,
    fail,
    folder,
    lock,
    main,
    make_directory,
    other_receipts,
    read_receipt,
    receipts,
    remove_receipt,
    write_receipt,
)
from _room import check_memory, free_mib

KEPT = 3
PAUSES = (1, 4)
# Errors that trying again does not mend.
FINAL = ("unauthorized", "denied", "not found", "manifest unknown", "no basic auth", "invalid")
MISSING = ("no such image", "image not known")
ROOM = "make room: `{0} system df` shows what takes it, `{0} image prune --all` frees images"


def up(spec: Spec) -> None:
    """Pull the image when that is needed, and print its id."""
    name = receipt(spec, spec["release"])
    known = read_receipt(spec, name) or read(left(spec) / f"{spec['release']}.json")
    check_memory(spec["memory_mib"])
    reference = known.get("digest") or pullable(spec["image"])
    found = look(spec, known.get("id") or reference) if known or "@" in reference else {}
    if not found:
        check_disk(spec)
        pull(spec, reference)
        found = look(spec, reference)
        if not found:
            shown = f"look at `{engine(spec).name} images`"
            fail(f"{reference} was pulled but is not there", "", shown)
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
        used = {image.get("id") for image in [*other_receipts(spec, ""), *all_left()]}
        used |= in_use(spec) if gone else set()
        for image in gone:
            remove(spec, image, wholly=image["id"] not in used)
        for path in (left(spec), left(spec).parent):
            with contextlib.suppress(OSError):
                path.rmdir()


def receipt(spec: Spec, release: str) -> str:
    """Return the name of the receipt of a release's image."""
    return f"image-{spec['app']}-{release}"


def left(spec: Spec) -> Path:
    """Return the folder that says, by release, which images of the app's old releases stay."""
    return folder(spec) / "images" / str(spec["app"])


def all_left() -> "list[dict[str, Any]]":
    """Return the images that stay for old releases of all apps on this host."""
    return [read(path) for path in at(FOLDER).glob("*/images/*/*.json")]


def read(path: Path) -> "dict[str, Any]":
    """Return what is known of a release's image; empty when nothing is."""
    return json.loads(path.read_text()) if path.exists() else {}


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


def in_use(spec: Spec) -> set[str]:
    """Return the images of all containers, running or not."""
    containers = engine(spec).run("ps", "--all", "--quiet").stdout.split()
    if not containers:
        return set()
    images = engine(spec).run("inspect", "--format", "{{.Image}}", *containers, check=False)
    return {full(image) for image in images.stdout.split()}


def full(image: str) -> str:
    """Return an image's id with the name of its hash, which Podman leaves out."""
    return image if ":" in image else f"sha256:{image}"


def pullable(reference: str) -> str:
    """Return the reference without its tag when it has a digest, which alone decides."""
    name, at_sign, digest = reference.partition("@")
    return f"{repository_of(name)}@{digest}" if at_sign else reference


def repository_of(reference: str) -> str:
    """Return an image reference without tag and digest."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]


def familiar(reference: str) -> str:
    """Return the repository of a reference as Docker shows it, which leaves its own hub out."""
    return repository_of(reference).removeprefix("docker.io/").removeprefix("library/")


def look(spec: Spec, reference: str) -> dict[str, Any]:
    """Return what the engine knows of an image on this host; empty when it is not there."""
    its = engine(spec)
    result = its.run("image", "inspect", reference, check=False)
    if result.returncode != 0:
        if any(words in result.stderr.lower() for words in MISSING):
            return {}
        fail(f"{its.title} does not answer", result.stderr, its.look)
    found: dict[str, Any] = json.loads(result.stdout)[0]
    return {**found, "Id": full(found["Id"])}


def digest_of(found: dict[str, Any], spec: Spec) -> str | None:
    """Return the reference by which the same image can be pulled again; None if it was never."""
    digests: list[str] = found.get("RepoDigests") or []
    own = [digest for digest in digests if digest.startswith(repository_of(spec["image"]) + "@")]
    return next(iter([*own, *digests]), None)


def pull(spec: Spec, reference: str) -> None:
    """Pull an image, trying again what may pass."""
    its = engine(spec)
    for pause in (*PAUSES, None):
        result = its.run(
            "pull", "--quiet", reference, login=True, check=False, timeout_seconds=1500
        )
        if result.returncode == 0:
            return
        output = result.stdout + result.stderr
        if pause is None or any(word in output.lower() for word in FINAL):
            fail(f"cannot pull {reference}", output, cure_of(output, spec))
        time.sleep(pause)


def cure_of(output: str, spec: Spec) -> str:
    """Return what to do about a failed pull."""
    said = output.lower()
    if any(word in said for word in ("unauthorized", "denied", "no basic auth")):
        whose = "check its user and password" if engine(spec).login else "give it `registry`"
        return f"the registry wants a login that may read the image: {whose}"
    if any(word in said for word in ("not found", "manifest unknown")):
        return "push the image first, or correct its reference"
    if "no space left" in said:
        return ROOM.format(engine(spec).name)
    return "check the host's way to the registry, then `pulumi up` again"


def check_disk(spec: Spec) -> None:
    """Refuse to pull onto a disk that is nearly full."""
    its, wanted_mib = engine(spec), spec["disk_mib"]
    root = its.run("info", "--format", its.root).stdout.strip()
    path = Path(root) if Path(root).exists() else at("/")
    free = free_mib(path)
    if free < wanted_mib:
        what = f"only {free} MiB are free below {root}; a pull needs {wanted_mib}"
        fail(what, "", ROOM.format(its.name))


if __name__ == "__main__":
    main({"up": up, "down": down})
