"""An in-memory machinery: records what it was asked, and fails or is slow on demand."""

import ipaddress
import threading
import time
from collections.abc import Callable

from homeport.cloud.contract import (
    FirewallRule,
    LoadBalancerService,
    MachineryError,
    RecordSet,
    ServerSpec,
)

IPv4 = ipaddress.IPv4Address


class MemoryMachinery:
    """What exists is in the public attributes; `calls` has every call in order."""

    def __init__(self, public_network: str = "198.51.100.0/24") -> None:
        self.public_network = ipaddress.IPv4Network(public_network)
        self.calls: list[tuple[str, tuple[object, ...]]] = []
        self.servers: dict[int, ServerSpec] = {}
        self.running: set[int] = set()
        self.rules: dict[int, tuple[FirewallRule, ...] | None] = {}
        self.volumes: dict[int, int] = {}
        self.attached: dict[int, int] = {}
        self.networks: dict[int, ipaddress.IPv4Network] = {}
        self.private: dict[tuple[int, int], IPv4] = {}
        self.zones: dict[str, tuple[RecordSet, ...]] = {}
        self.reverse: dict[IPv4, str] = {}
        self.balancers: dict[int, tuple[object, ...]] = {}
        self.boxes: dict[int, tuple[str, str, tuple[str, ...]]] = {}
        self.sizes: dict[int, tuple[int, int]] = {}
        self.delay = 0.0
        self.failing: dict[str, str] = {}
        self.held: dict[str, threading.Event] = {}

    def fail(self, method: str, text: str) -> None:
        self.failing[method] = text

    def hold(self, method: str) -> Callable[[], None]:
        """Let a method block until the returned function is called."""
        event = self.held[method] = threading.Event()
        return event.set

    def called(self, method: str) -> list[tuple[object, ...]]:
        return [args for name, args in self.calls if name == method]

    def _call(self, method: str, *args: object) -> None:
        self.calls.append((method, args))
        time.sleep(self.delay)
        if method in self.held:
            assert self.held[method].wait(20), f"nobody released {method}"
        if method in self.failing:
            raise MachineryError(self.failing[method])

    def _known(self, server_id: int) -> None:
        if server_id not in self.servers:
            msg = f"there is no machine {server_id}"
            raise MachineryError(msg)

    def create_server(self, spec: ServerSpec) -> None:
        self._call("create_server", spec)
        self.servers[spec.id] = spec
        self.sizes[spec.id] = (spec.cores, spec.memory_mib)
        self.running.add(spec.id)

    def delete_server(self, server_id: int) -> None:
        self._call("delete_server", server_id)
        self.servers.pop(server_id, None)
        self.running.discard(server_id)
        self.rules.pop(server_id, None)

    def power_on(self, server_id: int) -> None:
        self._call("power_on", server_id)
        self._known(server_id)
        self.running.add(server_id)

    def power_off(self, server_id: int) -> None:
        self._call("power_off", server_id)
        self.running.discard(server_id)

    def shutdown(self, server_id: int) -> None:
        self._call("shutdown", server_id)
        self.running.discard(server_id)

    def reboot(self, server_id: int) -> None:
        self._call("reboot", server_id)

    def reset(self, server_id: int) -> None:
        self._call("reset", server_id)

    def rebuild(self, server_id: int, spec: ServerSpec) -> None:
        self._call("rebuild", server_id, spec)
        self.servers[server_id] = spec

    def resize(self, server_id: int, cores: int, memory_mib: int) -> None:
        self._call("resize", server_id, cores, memory_mib)
        assert server_id not in self.running, "resize of a running machine"
        self.sizes[server_id] = (cores, memory_mib)

    def change_address(self, server_id: int, ipv4: IPv4 | None) -> None:
        self._call("change_address", server_id, ipv4)

    def set_firewall(self, server_id: int, rules: tuple[FirewallRule, ...] | None) -> None:
        self._call("set_firewall", server_id, rules)
        self.rules[server_id] = rules

    def create_volume(self, volume_id: int, size_gib: int, filesystem: str | None) -> None:
        self._call("create_volume", volume_id, size_gib, filesystem)
        self.volumes[volume_id] = size_gib

    def resize_volume(self, volume_id: int, size_gib: int) -> None:
        self._call("resize_volume", volume_id, size_gib)
        self.volumes[volume_id] = size_gib

    def delete_volume(self, volume_id: int) -> None:
        self._call("delete_volume", volume_id)
        self.volumes.pop(volume_id, None)

    def attach_volume(self, volume_id: int, server_id: int, *, automount: bool) -> str:
        self._call("attach_volume", volume_id, server_id, automount)
        self._known(server_id)
        assert volume_id in self.volumes, "attached before it was made"
        self.attached[volume_id] = server_id
        return f"/dev/disk/by-id/scsi-0HC_Volume_{volume_id}"

    def detach_volume(self, volume_id: int) -> None:
        self._call("detach_volume", volume_id)
        self.attached.pop(volume_id, None)

    def create_network(self, network_id: int, ip_range: ipaddress.IPv4Network) -> None:
        self._call("create_network", network_id, ip_range)
        self.networks[network_id] = ip_range

    def delete_network(self, network_id: int) -> None:
        self._call("delete_network", network_id)
        assert not [pair for pair in self.private if pair[1] == network_id], "still attached"
        self.networks.pop(network_id, None)

    def attach_network(self, server_id: int, network_id: int, address: IPv4) -> None:
        self._call("attach_network", server_id, network_id, address)
        self._known(server_id)
        self.private[server_id, network_id] = address

    def detach_network(self, server_id: int, network_id: int) -> None:
        self._call("detach_network", server_id, network_id)
        self.private.pop((server_id, network_id), None)

    def apply_zone(self, zone: str, ttl: int, records: tuple[RecordSet, ...]) -> None:
        self._call("apply_zone", zone, ttl, records)
        self.zones[zone] = records

    def remove_zone(self, zone: str) -> None:
        self._call("remove_zone", zone)
        self.zones.pop(zone, None)

    def set_reverse(self, address: IPv4, name: str | None) -> None:
        self._call("set_reverse", address, name)
        self.reverse.pop(address, None)
        if name:
            self.reverse[address] = name

    def apply_load_balancer(
        self,
        load_balancer_id: int,
        address: IPv4,
        services: tuple[LoadBalancerService, ...],
        targets: tuple[IPv4, ...],
    ) -> None:
        self._call("apply_load_balancer", load_balancer_id, address, services, targets)
        self.balancers[load_balancer_id] = (address, services, targets)

    def remove_load_balancer(self, load_balancer_id: int) -> None:
        self._call("remove_load_balancer", load_balancer_id)
        self.balancers.pop(load_balancer_id, None)

    def create_storage_box(
        self, box_id: int, username: str, password: str, ssh_keys: tuple[str, ...]
    ) -> str:
        self._call("create_storage_box", box_id, username)
        self.boxes[box_id] = (username, password, ssh_keys)
        return f"{username}.storage.test"

    def delete_storage_box(self, box_id: int) -> None:
        self._call("delete_storage_box", box_id)
        self.boxes.pop(box_id, None)

    def leftovers(self) -> dict[str, object]:
        """Return everything that still exists; empty when all is gone."""
        kinds = (
            "servers", "running", "volumes", "attached", "networks", "private", "zones",
            "reverse", "balancers", "boxes",
        )  # fmt: skip
        return {kind: getattr(self, kind) for kind in kinds if getattr(self, kind)}
