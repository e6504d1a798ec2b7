#!/usr/bin/python3 -B
"""Brings a release's image to the host and prints its id, and nothing else.

A tag is resolved once per release: what was pulled first is written down, and a repeated `up` gives
the same image even when the tag has moved. `down` forgets it, and with it that the release's jobs
are done; then it removes images of its repository that no container and no release uses, beyond the
newest few.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from _homeport import (
    Spec,
    at,
    fail,
    main,
    other_receipts,
    read_receipt,
    receipts,
    remove_receipt,
    run,
    write_receipt,
)
from _room import check_memory, free_mib

KEPT = 3
PAUSES = (1, 4)
# Errors that trying again does not mend.
FINAL = ("unauthorized", "denied", "not found", "manifest unknown", "no basic auth", "invalid")
ROOM = "make room: `docker system df` shows what takes it, `docker image prune --all` frees images"


def up(spec: Spec) -> None:
    """Pull the image when that is needed, and print its id."""
    name = f"image-{spec['app']}-{spec['release']}"
    known = read_receipt(spec, name)
    check_memory(spec["memory_mib"])
    reference = known.get("digest") or pullable(spec["image"])
    found = look(known.get("id") or reference) if known or "@" in reference else {}
    if not found:
        check_disk(spec["disk_mib"])
        pull(spec, reference)
        found = look(reference)
        if not found:
            fail(f"{reference} was pulled but is not there", "", "look at `docker images`")
    write_receipt(
        spec, name, {"image": spec["image"], "id": found["Id"], "digest": digest_of(found, spec)}
    )
    sys.stdout.write(found["Id"])


def down(spec: Spec) -> None:
    """Forget the release, and remove images that nobody will go back to."""
    remove_receipt(spec, f"image-{spec['app']}-{spec['release']}")
    for path in receipts(spec).glob(f"job-{spec['app']}-{spec['release']}-*.json"):
        remove_receipt(spec, path.stem)
    repository = repository_of(spec["image"])
    form = ["--no-trunc", "--format", "{{.ID}}"]
    listed = run(["docker", "images", *form, repository], check=False).stdout.split()
    newest_first = list(dict.fromkeys(listed))
    used = {receipt.get("id") for receipt in other_receipts(spec, "")} | in_use()
    for image in newest_first[KEPT:]:
        if image not in used:
            # Fails when the image has names in other repositories; then it is not ours to remove.
            run(["docker", "rmi", image], check=False)


def in_use() -> set[str]:
    """Return the images of all containers, running or not."""
    containers = run(["docker", "ps", "--all", "--quiet"]).stdout.split()
    if not containers:
        return set()
    images = run(["docker", "inspect", "--format", "{{.Image}}", *containers], check=False)
    return set(images.stdout.split())


def pullable(reference: str) -> str:
    """Return the reference without its tag when it has a digest, which alone decides."""
    name, at_sign, digest = reference.partition("@")
    return f"{repository_of(name)}@{digest}" if at_sign else reference


def repository_of(reference: str) -> str:
    """Return an image reference without tag and digest."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]


def look(reference: str) -> dict[str, Any]:
    """Return what Docker knows of an image on this host; empty when it is not there."""
    result = run(["docker", "image", "inspect", reference], check=False)
    if result.returncode != 0:
        if "no such image" in result.stderr.lower():
            return {}
        fail("Docker does not answer", result.stderr, "look at `systemctl status docker`")
    found: dict[str, Any] = json.loads(result.stdout)[0]
    return found


def digest_of(found: dict[str, Any], spec: Spec) -> str | None:
    """Return the reference by which the same image can be pulled again; None if it was never."""
    digests: list[str] = found.get("RepoDigests") or []
    own = [digest for digest in digests if digest.startswith(repository_of(spec["image"]) + "@")]
    return next(iter([*own, *digests]), None)


def pull(spec: Spec, reference: str) -> None:
    """Pull an image, trying again what may pass."""
    login = {"DOCKER_CONFIG": spec["docker_config"]} if spec.get("docker_config") else None
    for pause in (*PAUSES, None):
        result = run(
            ["docker", "pull", "--quiet", reference], env=login, check=False, timeout_seconds=1500
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
        whose = "check its user and password" if spec.get("docker_config") else "give it `registry`"
        return f"the registry wants a login that may read the image: {whose}"
    if any(word in said for word in ("not found", "manifest unknown")):
        return "push the image first, or correct its reference"
    if "no space left" in said:
        return ROOM
    return "check the host's way to the registry, then `pulumi up` again"


def check_disk(wanted_mib: int) -> None:
    """Refuse to pull onto a disk that is nearly full."""
    root = run(["docker", "info", "--format", "{{.DockerRootDir}}"]).stdout.strip()
    path = Path(root) if Path(root).exists() else at("/")
    free = free_mib(path)
    if free < wanted_mib:
        fail(f"only {free} MiB are free below {root}; a pull needs {wanted_mib}", "", ROOM)


if __name__ == "__main__":
    main({"up": up, "down": down})
