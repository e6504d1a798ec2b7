"""Images that the cloud's registries serve, under the names that they have on the internet."""

import concurrent.futures
import dataclasses
import json
import os
import subprocess
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
from uv import find_uv_bin

from homeport.cloud import docker, images
from homeport.cloud.contract import MachineryError
from homeport.cloud.instance import LABEL, ROOT, Cloud
from homeport.cloud.parts import REGISTRY_VOLUME

LIST = images.FOLDER / "images.toml"
APPS = ROOT / "testbed" / "apps"
PUSH_SECONDS = 300.0
BUILDS_AT_ONCE = 3

_MANIFEST = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}

Progress = Callable[[str], None]

_folders: dict[str, threading.Lock] = {}
"""A lock for each app, whose script works in the app's own folder."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """One image of images.toml."""

    references: tuple[str, ...]
    """Full references, registry first."""
    base: str = ""
    """The Debian release that it is built on."""
    onto: str = ""
    """Or the reference of another entry that it is built on."""
    folder: str | None = None
    """Its folder beside images.toml."""
    app: str | None = None
    """Or the sample app whose own script builds it."""
    context: str | None = None
    """Or a folder of the project with a Dockerfile, which is told the version too."""
    version: str = ""
    """The app's version."""
    arguments: dict[str, str] = dataclasses.field(default_factory=dict)


def entries() -> tuple[Entry, ...]:
    """Return what images.toml lists.

    Raises:
        MachineryError: an image is built onto one that is not in the list.
    """
    items = tomllib.loads(LIST.read_text())["image"]
    listed = tuple(Entry(**item | {"references": tuple(item["references"])}) for item in items)
    known = {reference for entry in listed for reference in entry.references if not entry.onto}
    for entry in listed:
        if entry.onto and entry.onto not in known:
            text = (
                f"{LIST.name}: {entry.references[0]} is built onto {entry.onto}, which is not there"
            )
            raise MachineryError(text)
    return listed


def build_all(progress: Progress) -> dict[str, str]:
    """Have every listed image built; return the local image of each reference."""
    found: dict[str, str] = {}
    with concurrent.futures.ThreadPoolExecutor(BUILDS_AT_ONCE) as pool:
        # What others are built on comes first.
        for listed in _in_turn(entries()):
            built = [pool.submit(_build, each, found.get(each.onto), progress) for each in listed]
            for entry, tag in zip(listed, built, strict=True):
                found |= dict.fromkeys(entry.references, tag.result())
    return found


def _in_turn(listed: tuple[Entry, ...]) -> list[list[Entry]]:
    """Return what is built on Debian, then what is built on that."""
    return [[entry for entry in listed if bool(entry.onto) is later] for later in (False, True)]


def ensure(cloud: Cloud, edge: str, built: dict[str, str], progress: Progress) -> None:
    """Have every image that was built in the registry; what is there is not pushed again."""
    missing = {
        ref: tag for ref, tag in built.items() if _served(cloud, ref)[0] != images.image_id(tag)
    }
    if missing:
        with _door(cloud, edge) as address:
            for reference, tag in missing.items():
                progress(f"serving {reference}")
                docker.run("tag", tag, f"{address}/{reference}")
                docker.run("push", "--quiet", f"{address}/{reference}", timeout=PUSH_SECONDS)
                docker.run("image", "rm", f"{address}/{reference}")
    digests = {reference: _served(cloud, reference)[1] for reference in built}
    (cloud.folder / "images.json").write_text(json.dumps(digests, indent=2))


def digests(cloud: Cloud) -> dict[str, str]:
    """Return what the registries serve: digests by reference."""
    path = cloud.folder / "images.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _served(cloud: Cloud, reference: str) -> tuple[str | None, str]:
    """Return the image id and the digest that a reference has in the registry."""
    name, tag = reference.rsplit(":", 1)
    url = f"http://{cloud.own_address(5)}:5000/v2/{name}/manifests/{tag}"
    with httpx.Client(trust_env=False, transport=httpx.HTTPTransport(retries=10)) as client:
        answer = client.get(url, headers=_MANIFEST)
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None, ""
    answer.raise_for_status()
    return answer.json()["config"]["digest"], answer.headers["Docker-Content-Digest"]


def _build(entry: Entry, onto: str | None, progress: Progress) -> str:
    base = onto or images.base(entry.base, progress)
    if entry.context:
        name, context = (
            entry.references[0].rpartition("/")[2].partition(":")[0],
            ROOT / entry.context,
        )
        arguments = {"BASE": base, "VERSION": entry.version}
        return images.build(name, context, entry.arguments | arguments, progress)
    if entry.folder:
        context = images.FOLDER / entry.folder
        return images.build(entry.folder, context, entry.arguments | {"BASE": base}, progress)
    return _build_app(entry, base, progress)


def _build_app(entry: Entry, base: str, progress: Progress) -> str:
    context = APPS / str(entry.app)
    arguments = entry.arguments | {"BASE": base, "VERSION": entry.version}
    found = images.digest(context, arguments, images.image_id(base))
    tag = f"homeport-cloud/{entry.app}:{found}"
    if docker.inspect("image", tag):
        return tag
    progress(f"building {entry.app} {entry.version}")
    with _folders.setdefault(str(entry.app), threading.Lock()):
        done = subprocess.run(
            [str(context / "build"), "image", entry.version, tag],
            env=os.environ | entry.arguments | {"BASE": base, "UV": find_uv_bin()},
            capture_output=True,
            text=True,
            check=False,
            timeout=images.BUILD_SECONDS,
        )
    if done.returncode != 0:
        text = f"building {entry.app} {entry.version} failed: {done.stderr.strip()[-1500:]}"
        raise MachineryError(text)
    return tag


@contextmanager
def _door(cloud: Cloud, edge: str) -> Iterator[str]:
    """Open the registry's store on a port of 127.0.0.1, which Docker pushes to without TLS."""
    container = cloud.named("push")
    docker.remove_container(container)
    docker.run(
        *("run", "--detach", "--name", container, *docker.labels({LABEL: cloud.key})),
        *("--publish", "127.0.0.1::5000", "--volume", f"{REGISTRY_VOLUME}:/var/lib/registry"),
        *("--volume", f"{cloud.folder}:/cloud:ro"),
        *(edge, "docker-registry", "serve", "/cloud/front/registry.yml"),
    )
    try:
        address = docker.run("port", container, "5000/tcp").splitlines()[0]
        _wait(address)
        yield address
    finally:
        docker.remove_container(container)


def _wait(address: str) -> None:
    end = time.monotonic() + 15
    while True:
        try:
            httpx.get(f"http://{address}/v2/", timeout=1, trust_env=False).raise_for_status()
        except httpx.HTTPError as error:
            if time.monotonic() > end:
                msg = f"the registry does not answer: {error}"
                raise MachineryError(msg) from error
            time.sleep(0.1)
        else:
            return
