"""Rules about the server's size and place, and what must fit into it."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from .. import hetzner_catalogue as catalogue
from .problems import Problem

if TYPE_CHECKING:
    from .builds import BuildableApp
    from .parts import App, Postgres, Server, Workload
    from .starter import ExistingServer

RESERVE_MIB = 512
"""What system, Docker and the reverse proxy need beside the containers."""
_OTHER = {
    "x86": re.compile(r"(^|[:._/-])(arm64v8|arm64|aarch64|armv7|armhf)($|[:._/@-])"),
    "arm": re.compile(r"(^|[:._/-])(amd64|x86_64|x86-64|i386)($|[:._/@-])"),
}
"""How images for another processor say so in their name or tag."""


def server_is_sold(server: "Server | None") -> Iterator[Problem]:
    """The type can be had in the location."""
    if not server:
        return
    kind = catalogue.server_type(server.type)
    if kind.locations and server.location not in kind.locations:
        cure = f"use one of {', '.join(kind.locations)}, or another type"
        yield Problem("server.location", f"has no {kind.name}", cure, repr(server.location))


def server_runs_the_images(
    server: "Server | None", app: "App | BuildableApp", postgres: "Postgres"
) -> Iterator[Problem]:
    """No image is for another kind of processor, as far as its name tells."""
    if server:
        images = {**app.pulled(), "postgres.image": postgres.image}
        yield from other_processors(server, images)


def other_processors(server: "Server", images: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem for each image, by its key, that says it is for another processor."""
    kind = catalogue.server_type(server.type)
    for path, image in images.items():
        if _OTHER[kind.architecture].search(image):
            cure = f"use an image for {kind.architecture}, or another server.type"
            wrong = f"is for another processor than {kind.name}, which is {kind.architecture}"
            yield Problem(path, wrong, cure, repr(image))


def memory_fits(
    app: "Workload",
    server: "Server | None" = None,
    postgres: "Postgres | None" = None,
    existing_server: "ExistingServer | None" = None,
) -> Iterator[Problem]:
    """All limits together fit into the server's memory, during a release too."""
    memory = memory_of(server) if server else None
    if existing_server:
        memory = existing_server.memory_mib
    # Two releases run side by side until the old one has drained.
    parts = {
        **({"postgres.memory_mib": postgres.memory_mib} if postgres else {}),
        **{f"app.{key} twice": 2 * mib for key, mib in app.limits().items()},
    }
    yield from too_much_memory(parts, memory)


def memory_of(server: "Server") -> int:
    """Return the memory of a server that is created, in MiB."""
    return catalogue.server_type(server.type).memory_gib * 1024


def too_much_memory(limits: Mapping[str, int], memory: int | None) -> Iterator[Problem]:
    """Yield a problem when limits in MiB, by their keys, do not fit beside the system itself."""
    parts = {**limits, "the system": RESERVE_MIB}
    total = sum(parts.values())
    if memory and total > memory:
        listed = ", ".join(f"{name} {mib}" for name, mib in parts.items())
        wrong = f"does not fit: {total} MiB are needed ({listed}), the server has {memory}"
        cure = "lower the limits, or take a larger server; a release runs old and new side by side"
        yield Problem(max(parts, key=parts.__getitem__).split()[0], wrong, cure)
