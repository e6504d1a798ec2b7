"""Builds an image on the host itself, from a folder that the step of an artefact brought there.

Its name tells everything that it is made of, so that one which is there is never built again. Each
step of a build is held to a limit of memory and gets few of the processors' time while others want
it: what serves goes on. The newest build leaves its stages and its base, which make the next one
quick; those of the build before go.
"""

import contextlib
import json
from pathlib import Path

from _aloud import LATE, run_aloud
from _engines import engine
from _homeport import (
    LONGEST_SECONDS,
    Spec,
    fail,
    folder,
    lock,
    make_directory,
    write_atomic,
)
from _images import (
    ROOM,
    check_disk,
    cure_of,
    kept,
    look,
    pull,
    pullable,
    read,
    repository_of,
)
from _room import check_memory

TIMEOUT_SECONDS = 3000
SHARES = 128
"""Of the processors' time, where an ordinary container has 1024."""
LAST_LINES = 8
UNIT = (
    # Only below the account's own service manager can Podman set limits.
    *("systemd-run", "--user", "--pipe", "--wait", "--collect", "--quiet"),
    f"--property=RuntimeMaxSec={TIMEOUT_SECONDS}",
)
KILLED = ("exit code: 137", "non-zero code: 137", "exit status 137", "signal: killed")


def build(spec: Spec, reference: str) -> None:
    """Make the image, unless another step has made it meanwhile."""
    its, wanted = engine(spec), spec["build"]
    with lock(f"build-{spec['system']}", timeout_seconds=LONGEST_SECONDS):
        if look(spec, reference):
            return
        check_memory(wanted["memory_mib"], "the build")
        check_disk(spec, "a build")
        base = wanted.get("base")
        if base and not ("@" in base and look(spec, pullable(base))):
            pull(spec, pullable(base))
        code, said = run_aloud(command(spec, reference), timeout_seconds=TIMEOUT_SECONDS)
        before = parts(spec)
        newest = {image for image in dangling(spec) if image.partition(":")[2][:12] in said}
        newest |= {pullable(base)} if base else set()
        if code != 0:
            write(spec, before | newest)
            what = f"{reference} cannot be built of {wanted['context']}"
            # Whoever waits has just read the rest.
            last = "\n".join(said.splitlines()[-LAST_LINES:])
            fail(f"{what}: `{its.name} build` ended with {code}", last, cure(spec, said, code))
        write(spec, newest)
        drop(spec, before - newest)


def command(spec: Spec, reference: str) -> "list[str]":
    """Return the command line of a build, with limits that the engine keeps to."""
    its, wanted, podman = engine(spec), spec["build"], bool(spec.get("account"))
    arguments = dict(wanted["arguments"])
    if wanted.get("base"):
        arguments["BASE"] = pullable(wanted["base"])
    limit = f"{wanted['memory_mib']}m"
    return its.command(
        "build",
        # As Docker makes images: Podman's own format knows no health check.
        *(["--format=docker"] if podman else []),
        "--force-rm",
        f"--file={wanted['context']}/{wanted['file']}",
        f"--tag={reference}",
        f"--memory={limit}",
        # As much with swap: none.
        f"--memory-swap={limit}",
        f"--cpu-shares={SHARES}",
        *(f"--build-arg={name}={value}" for name, value in sorted(arguments.items())),
        # What the Dockerfile names by a tag is what the registry has now.
        *([] if wanted.get("base") else ["--pull"]),
        wanted["context"],
        login=True,
        # Docker's other builder keeps to no limit, and is missing where its plugin is.
        variables=[] if podman else ["DOCKER_BUILDKIT=0"],
        within=UNIT if podman else (),
    )


def cure(spec: Spec, said: str, code: int) -> str:
    """Return what to do about a failed build."""
    if code == LATE:
        return f"it took over {TIMEOUT_SECONDS} s: make it quicker, or build elsewhere and push"
    lower = said.lower()
    if any(words in lower for words in KILLED):
        return f"if it was memory, raise memory_mib of the build ({spec['build']['memory_mib']})"
    if "no space left" in lower:
        return ROOM.format(engine(spec).name)
    if "pull access denied" in lower or "unauthorized" in lower:
        return cure_of(said, spec)
    return f"correct {spec['build']['file']} or what lies beside it, then `pulumi up` again"


def dangling(spec: Spec) -> "set[str]":
    """Return the images that have no name and that no other image is made of."""
    asked = ("images", "--quiet", "--no-trunc", "--filter=dangling=true")
    return set(engine(spec).run(*asked).stdout.split())


def forget(spec: Spec, reference: str) -> None:
    """Remove what builds left, once none of the images that they made is kept on the host."""
    own = repository_of(reference)
    if any(repository_of(image.get("image") or "") == own for image in kept(spec)):
        return
    of_these = {**spec, "image": reference}
    before = parts(of_these)
    record(of_these).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        record(of_these).parent.rmdir()
    drop(spec, before)


def is_built(spec: Spec, reference: str) -> bool:
    """Return whether a name is one that the program gives to what is built here."""
    return reference.startswith(f"localhost/{spec['system']}/")


def drop(spec: Spec, images: "set[str]") -> None:
    """Remove images that nothing uses any more: the engine refuses while a container does."""
    used = {image.get("id") for image in kept(spec)}
    for image in sorted(images):
        found = look(spec, image)
        if found and found["Id"] not in used:
            engine(spec).run("rmi", image, check=False)


def record(spec: Spec) -> Path:
    """Return the file that says what the newest build of this name left."""
    name = repository_of(spec["image"]).rpartition("/")[2]
    return folder(spec) / "builds" / f"{name}.{spec.get('account') or 'docker'}.json"


def parts(spec: Spec) -> "set[str]":
    """Return what the newest build of this name left beside its image."""
    return set(read(record(spec)).get("parts", []))


def write(spec: Spec, images: "set[str]") -> None:
    """Write down what a build left."""
    make_directory(record(spec).parent, mode=0o700)
    content = json.dumps({"parts": sorted(images)})
    write_atomic(record(spec), content.encode(), mode=0o600)
