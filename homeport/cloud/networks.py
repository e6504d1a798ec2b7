"""Private networks: bridges in a network namespace of their own, with a cable to each server.

They lie outside the machine's network, so two clouds may use the same range.
"""

import ipaddress

from homeport.cloud.contract import MachineryError
from homeport.cloud.instance import Cloud
from homeport.cloud.warden import Warden

MTU = "1450"
"""As on the vendor's private networks."""

INTERFACES = tuple(f"enp{number}s0" for number in range(7, 64))
"""Names of a server's private interfaces, in the order in which they are attached."""


class Networks:
    """The bridges and cables of one cloud."""

    def __init__(self, cloud: Cloud, warden: Warden) -> None:
        self._switch = cloud.named("switch")
        self._warden = warden

    def create(self, network_id: int, ip_range: ipaddress.IPv4Network) -> None:
        """Make a bridge that answers on the range's first address, the vendor's gateway."""
        pid = self._warden.pid(self._switch)
        bridge = _bridge(network_id)
        if bridge in self._warden.links(pid):
            return
        self._warden.within(pid, "ip", "link", "add", bridge, "mtu", MTU, "type", "bridge")
        gateway = f"{ip_range[1]}/{ip_range.prefixlen}"
        self._warden.within(pid, "ip", "address", "add", gateway, "dev", bridge)
        self._warden.within(pid, "ip", "link", "set", bridge, "up")

    def delete(self, network_id: int) -> None:
        """Remove a bridge; one that is gone is no error."""
        pid = self._warden.pid(self._switch)
        if _bridge(network_id) in self._warden.links(pid):
            self._warden.within(pid, "ip", "link", "delete", _bridge(network_id))

    def plug(
        self, network_id: int, server_id: int, container: str, address: str, prefix: int
    ) -> None:
        """Lay a cable to a running server and give its end an address."""
        switch, server = self._warden.pid(self._switch), self._warden.pid(container)
        if not server:
            msg = f"{container} is not running"
            raise MachineryError(msg)
        near = _cable(network_id, server_id)
        if near in self._warden.links(switch):
            return
        taken = self._warden.links(server)
        far = next(name for name in INTERFACES if name not in taken)
        self._warden.within(
            *(switch, "ip", "link", "add", near, "mtu", MTU, "type", "veth"),
            *("peer", "name", far, "mtu", MTU, "netns", str(server)),
        )
        self._warden.within(switch, "ip", "link", "set", near, "master", _bridge(network_id), "up")
        self._warden.within(server, "ip", "address", "add", f"{address}/{prefix}", "dev", far)
        self._warden.within(server, "ip", "link", "set", far, "up")

    def unplug(self, network_id: int, server_id: int) -> None:
        """Take a cable away; both its ends go."""
        pid = self._warden.pid(self._switch)
        cable = _cable(network_id, server_id)
        if cable in self._warden.links(pid):
            self._warden.within(pid, "ip", "link", "delete", cable)


def _bridge(network_id: int) -> str:
    return f"net{network_id}"


def _cable(network_id: int, server_id: int) -> str:
    return f"v{network_id % 100000}-{server_id % 10000000}"
