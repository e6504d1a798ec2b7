"""What every handler and every job works with: the store, the machinery, the queue of actions."""

from collections.abc import Mapping
from pathlib import Path

from homeport.cloud.api.actions import Actions
from homeport.cloud.api.errors import ApiError
from homeport.cloud.api.faults import Faults, RequestLog
from homeport.cloud.api.store import Store
from homeport.cloud.contract import Machinery

DEFAULT_LIMITS: Mapping[str, int] = {
    "server": 25,
    "primary_ip": 50,
    "volume": 50,
    "network": 50,
    "firewall": 50,
    "ssh_key": 200,
    "zone": 100,
    "load_balancer": 10,
    "storage_box": 10,
    "placement_group": 50,
    "certificate": 50,
}
"""How many of a kind a project may have."""


class Cloud:
    """One project of the stand-in: its state, its machinery and what is under way."""

    def __init__(self, state: Path, machinery: Machinery, limits: Mapping[str, int]) -> None:
        self.store = Store(state)
        self.machinery = machinery
        self.limits = {**DEFAULT_LIMITS, **limits}
        self.faults = Faults()
        self.requests = RequestLog()
        self.actions = Actions(self)

    def check_limit(self, kind: str) -> None:
        """Refuse another one of a kind when the project has its number.

        Raises:
            ApiError: `resource_limit_exceeded`.
        """
        limit = self.limits[kind]
        if self.store.count(kind) >= limit:
            noun = kind.replace("_", " ")
            raise ApiError(
                "resource_limit_exceeded",
                f"{noun} limit exceeded: the project may have {limit}",
                details={"limits": [{"name": f"{kind}_limit"}]},
            )

    def close(self) -> None:
        """Let the running jobs end, leave the waiting ones to the next start, close the store."""
        self.actions.close()
        self.store.close()
