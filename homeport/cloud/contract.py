"""What the API asks of the machinery behind it: the one seam between the API stand-in and Docker.

`homeport.cloud.api` knows the vendor's resources and rules and nothing of Docker; the class that
implements `Machinery` knows Docker, nftables and DNS and nothing of the vendor's API. Every method
blocks until the thing is done, is safe to repeat, and raises `MachineryError` in words for people.
"""

import dataclasses
import ipaddress
from typing import Literal, Protocol

Protocol_ = Literal["tcp", "udp", "icmp", "esp", "gre"]


class MachineryError(RuntimeError):
    """Says that the machinery could not do what was asked, and what to look at."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ServerSpec:
    """A server as the machinery needs to know it."""

    id: int
    """The API's id; names the container."""
    name: str
    """The hostname that the server reports."""
    image: str
    """An image's name as the API lists it: `debian-12` or `debian-13`."""
    cores: int
    """Processors that the server may use."""
    memory_mib: int
    """Memory limit in MiB."""
    disk_gib: int
    """Size of the root disk in GiB; informative where the file system cannot enforce it."""
    ipv4: ipaddress.IPv4Address | None
    """The public address, taken from `Machinery.public_network`."""
    user_data: str
    """What cloud-init is fed with; may be empty."""
    ssh_keys: tuple[str, ...] = ()
    """Public keys that root accepts, as the vendor's own metadata service would give them."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class FirewallRule:
    """One inbound or outbound rule; several firewalls on one server add up."""

    direction: Literal["in", "out"]
    """Which way."""
    protocol: Protocol_
    """The protocol."""
    port: str | None
    """`80`, `8000-8100`, or None for protocols without ports."""
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    """Sources (`in`) or destinations (`out`)."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RecordSet:
    """All values of one name and type in a zone."""

    name: str
    """Relative to the zone; `@` is the apex."""
    type: str
    """A, AAAA, CNAME, TXT, MX, CAA, …"""
    ttl: int
    """Seconds."""
    values: tuple[str, ...]
    """Values in zone file form."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LoadBalancerService:
    """One port that a load balancer serves (plain TCP at this seam)."""

    listen_port: int
    """The public port."""
    destination_port: int
    """The targets' port."""
    proxyprotocol: bool = False
    """Whether targets get the PROXY protocol."""


class Machinery(Protocol):
    """Servers, networks, volumes, DNS and accounts, as real as this machine can make them."""

    public_network: ipaddress.IPv4Network
    """Addresses that the API hands out; the first 16 are the cloud's own."""

    def create_server(self, spec: ServerSpec) -> None:
        """Create and boot; returns once the machine runs (cloud-init may still be busy)."""

    def delete_server(self, server_id: int) -> None:
        """Destroy the machine and its disk; one that is gone already is no error."""

    def power_on(self, server_id: int) -> None:
        """Start a stopped machine."""

    def power_off(self, server_id: int) -> None:
        """Cut the power."""

    def shutdown(self, server_id: int) -> None:
        """Ask the system to stop, as the ACPI button does; returns once it is off."""

    def reboot(self, server_id: int) -> None:
        """Restart from within; disks stay, memory and processes go."""

    def reset(self, server_id: int) -> None:
        """Cut the power and start again."""

    def rebuild(self, server_id: int, spec: ServerSpec) -> None:
        """Give the machine a fresh disk from an image; address and id stay."""

    def resize(self, server_id: int, cores: int, memory_mib: int) -> None:
        """Change processors and memory of a stopped machine."""

    def change_address(self, server_id: int, ipv4: ipaddress.IPv4Address | None) -> None:
        """Give a stopped machine another public address, or none."""

    def set_firewall(self, server_id: int, rules: tuple[FirewallRule, ...] | None) -> None:
        """Enforce exactly these rules from outside the machine; None means no firewall at all.

        It may be called before the machine exists; the rules then hold from its first packet.
        """

    def create_volume(self, volume_id: int, size_gib: int, filesystem: str | None) -> None:
        """Make a block device of this size, with a file system when one is named."""

    def resize_volume(self, volume_id: int, size_gib: int) -> None:
        """Grow the device."""

    def delete_volume(self, volume_id: int) -> None:
        """Destroy the device and what is on it."""

    def attach_volume(self, volume_id: int, server_id: int, *, automount: bool) -> str:
        """Show the device to the machine; returns its path there, `/dev/disk/by-id/…`."""

    def detach_volume(self, volume_id: int) -> None:
        """Take the device away."""

    def create_network(self, network_id: int, ip_range: ipaddress.IPv4Network) -> None:
        """Make a private network."""

    def delete_network(self, network_id: int) -> None:
        """Remove a private network."""

    def attach_network(
        self, server_id: int, network_id: int, address: ipaddress.IPv4Address
    ) -> None:
        """Give the machine an address in a private network."""

    def detach_network(self, server_id: int, network_id: int) -> None:
        """Take the machine out of a private network."""

    def apply_zone(self, zone: str, ttl: int, records: tuple[RecordSet, ...]) -> None:
        """Serve a zone with exactly these records (SOA and NS are the server's own)."""

    def remove_zone(self, zone: str) -> None:
        """Stop serving a zone."""

    def set_reverse(self, address: ipaddress.IPv4Address, name: str | None) -> None:
        """Set or remove the PTR record of an address."""

    def apply_load_balancer(
        self,
        load_balancer_id: int,
        address: ipaddress.IPv4Address,
        services: tuple[LoadBalancerService, ...],
        targets: tuple[ipaddress.IPv4Address, ...],
    ) -> None:
        """Run a real proxy process with exactly these services and targets."""

    def remove_load_balancer(self, load_balancer_id: int) -> None:
        """Stop the proxy process."""

    def create_storage_box(
        self, box_id: int, username: str, password: str, ssh_keys: tuple[str, ...]
    ) -> str:
        """Make an SFTP account; returns the host name to connect to (port 22 and 23)."""

    def delete_storage_box(self, box_id: int) -> None:
        """Remove the account and its files."""
