"""Who meets whom: a container joins only what it needs, and no network has a way out."""

import dataclasses

from components.host import Host
from components.network import PrivateNetwork, PrivateNetworkArgs


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Networks:
    """The networks of the platform."""

    data: PrivateNetwork
    """The database, and the few that may reach it."""
    cache: PrivateNetwork
    """Redis."""
    post: PrivateNetwork
    """The mail server, and who writes by it."""
    metrics: PrivateNetwork
    """Prometheus, and everything that has figures."""


def declare(host: Host) -> Networks:
    """Make the networks."""

    def internal(name: str) -> PrivateNetwork:
        return PrivateNetwork(name, PrivateNetworkArgs(host=host, internal=True))

    return Networks(
        data=internal("data"),
        cache=internal("cache"),
        post=internal("post"),
        metrics=internal("metrics"),
    )
