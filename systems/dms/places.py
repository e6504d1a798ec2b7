"""Where the system runs: on the stack's own server, and on its replicas."""

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .config import DmsConfig


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One server with everything on it, and its database."""

    config: "DmsConfig"
    """The settings, as they hold there."""
    replica: str = ""
    """Its name among the replicas; empty for the stack's own."""

    @property
    def hostnames(self) -> list[str]:
        """All names that lead there."""
        return [self.config.domain, *self.config.site.redirects_from]

    def named(self, name: str) -> str:
        """Return what something is called there: each name occurs once in a stack."""
        return f"{name}-{self.replica}" if self.replica else name


def every(config: "DmsConfig") -> "Iterator[Place]":
    """Return the stack's own place, and then its replicas."""
    yield Place(config=config)
    for name, replica in config.replicas.items():
        database = database_of(config.database.name, name)
        changed = {
            "domain": replica.domain,
            "server": replica.server,
            "site": config.site.model_copy(update={"redirects_from": ()}),
            "database": config.database.model_copy(update={"name": database}),
        }
        yield Place(config=config.model_copy(update=changed), replica=name)


def database_of(first: str, replica: str) -> str:
    """Return the name of a replica's database, from that of the first."""
    return f"{first}_{replica}"
