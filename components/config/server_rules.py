"""Rules about the server's size and place, and what must fit into it."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from .. import hetzner_catalogue as catalogue
from .problems import Problem

if TYPE_CHECKING:
    from .parts import App, Postgres, Server
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
    server: "Server | None", app: "App", postgres: "Postgres"
) -> Iterator[Problem]:
    """No image is for another kind of processor, as far as its name tells."""
    kind = catalogue.server_type(server.type) if server else None
    for path, image in (("app.image", app.image), ("postgres.image", postgres.image)):
        if kind and _OTHER[kind.architecture].search(image):
            cure = f"use an image for {kind.architecture}, or another server.type"
            wrong = f"is for another processor than {kind.name}, which is {kind.architecture}"
            yield Problem(path, wrong, cure, repr(image))


def memory_fits(
    app: "App",
    server: "Server | None" = None,
    postgres: "Postgres | None" = None,
    existing_server: "ExistingServer | None" = None,
) -> Iterator[Problem]:
    """All limits together fit into the server's memory, during a release too."""
    kind = catalogue.server_type(server.type) if server else None
    memory = kind.memory_gib * 1024 if kind else None
    if existing_server:
        memory = existing_server.memory_mib
    # Two releases run side by side until the old one has drained.
    parts = {
        **({"postgres.memory_mib": postgres.memory_mib} if postgres else {}),
        **{f"app.{key} twice": 2 * mib for key, mib in app.limits().items()},
        "the system": RESERVE_MIB,
    }
    yield from too_large(parts, memory)


def too_large(parts: Mapping[str, int], memory: int | None) -> Iterator[Problem]:
    """Say what does not fit: parts in MiB by their keys, against the memory of a server."""
    total = sum(parts.values())
    if memory and total > memory:
        listed = ", ".join(f"{name} {mib}" for name, mib in parts.items())
        wrong = f"does not fit: {total} MiB are needed ({listed}), the server has {memory}"
        cure = "lower the limits, or take a larger server; a release runs old and new side by side"
        yield Problem(max(parts, key=parts.__getitem__).split()[0], wrong, cure)
