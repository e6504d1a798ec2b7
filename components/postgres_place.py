"""What databases and their users need to know of the server that they are made in."""

from collections.abc import Mapping
from typing import Protocol

import pulumi

from .host import Host
from .machine import Machine


class Connections:
    """Shares a server's connections among its users, so that none of them can starve another."""

    def __init__(self, server: str, most: int, *, reserved: int = 0) -> None:
        self._server = server
        self._most = most
        self._reserved = reserved
        self._limits: dict[str, int] = {}

    def reserve(self, user: str, limit: int) -> None:
        """Set aside connections for a user.

        Raises:
            ValueError: all users together may open more than the server accepts.
        """
        self._limits[user] = limit
        free = self._most - self._reserved
        if sum(self._limits.values()) > free:
            listed = ", ".join(f"{name} {count}" for name, count in self._limits.items())
            msg = (
                f"{self._server}: connection limits add up to {sum(self._limits.values())} "
                f"({listed}), but only {free} of max_connections={self._most} are free "
                "for users; lower a connection_limit or raise max_connections"
            )
            raise ValueError(msg)


class DatabaseServer(Protocol):
    """A PostgreSQL server: in a container of a host, or run by somebody else."""

    hostname: str
    """The name that its clients use."""
    port: int
    """Where it listens there."""
    host: Host
    """The machine whose tools work in it."""
    place: Mapping[str, str]
    """How those tools find it."""
    superuser: bool
    """Whether they are its superuser; otherwise a role with CREATEDB and CREATEROLE."""
    connections: Connections
    """How many each user may open."""

    @property
    def data(self) -> pulumi.Resource | None:
        """Its data on the host: what is made in it is made anew when this is replaced.

        None says that it lies elsewhere, and outlives the host.
        """

    @property
    def machine(self) -> Machine | None:
        """What it goes with, where that is another machine of the program than its host."""

    @property
    def ready(self) -> pulumi.Resource:
        """Succeeds once the server accepts connections."""


class Roles(Protocol):
    """Roles that a user may take for a transaction, such as `RequestRoles`."""

    @property
    def ready(self) -> pulumi.Resource:
        """Has made them."""
