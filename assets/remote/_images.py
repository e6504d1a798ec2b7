"""What the engine of a step knows of images, and how it pulls them."""

import json
import time
from pathlib import Path
from typing import Any

from _engines import engine
from _homeport import FOLDER, Spec, at, fail, other_receipts
from _room import free_mib

PAUSES = (1, 4)
# Errors that trying again does not mend.
FINAL = ("unauthorized", "denied", "not found", "manifest unknown", "no basic auth", "invalid")
MISSING = ("no such image", "image not known")
ROOM = "make room: `{0} system df` shows what takes it, `{0} image prune --all` frees images"


def kept(spec: Spec) -> "list[dict[str, Any]]":
    """Return what is known of images on this host, of releases that are there and that left."""
    return [*other_receipts(spec, ""), *map(read, at(FOLDER).glob("*/images/*/*.json"))]


def read(path: Path) -> "dict[str, Any]":
    """Return what a file knows of an image; empty where there is none."""
    return json.loads(path.read_text()) if path.exists() else {}


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


def check_disk(spec: Spec, what: str) -> None:
    """Refuse to bring an image to a disk that is nearly full."""
    its, wanted_mib = engine(spec), spec["disk_mib"]
    root = its.run("info", "--format", its.root).stdout.strip()
    path = Path(root) if Path(root).exists() else at("/")
    free = free_mib(path)
    if free < wanted_mib:
        room = ROOM.format(its.name)
        fail(f"only {free} MiB are free below {root}; {what} needs {wanted_mib}", "", room)
