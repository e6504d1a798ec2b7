"""A dump of a database before a job changes it: the way back from a migration."""

import dataclasses
from collections.abc import Mapping

import pulumi

from .host import Host

MOST_KEPT = 100


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Dump:
    """What is dumped, and how many dumps of it stay; `Database.dump` makes one."""

    host: Host
    """The machine on which the server runs, and the dump lies."""
    place: Mapping[str, str]
    """How the host's tools find the server."""
    database: str
    """The database's name in the server."""
    ready: pulumi.Resource
    """Has made the database."""
    keep: int = 3
    """So many dumps of this database stay on the host, the newest."""

    def __post_init__(self) -> None:
        """Refuse to keep none.

        Raises:
            ValueError: naming the database, the rule and the value.
        """
        if not 1 <= self.keep <= MOST_KEPT:
            msg = f"dump of {self.database}: keep must be from 1 to {MOST_KEPT} (got {self.keep})"
            raise ValueError(msg)
