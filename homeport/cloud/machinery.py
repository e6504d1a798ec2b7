"""The machinery behind the API: servers, networks, volumes, DNS and accounts, made with Docker."""

import collections
import ipaddress
import threading
from typing import Any

import pydantic

from homeport.cloud import images
from homeport.cloud.balancers import Balancers
from homeport.cloud.boxes import Boxes
from homeport.cloud.contract import (
    FirewallRule,
    LoadBalancerService,
    MachineryError,
    RecordSet,
    ServerSpec,
)
from homeport.cloud.firewall import ruleset
from homeport.cloud.instance import Cloud
from homeport.cloud.names import STORAGE_BOX_DOMAIN
from homeport.cloud.nameserver import Nameserver
from homeport.cloud.networks import Networks
from homeport.cloud.passwords import crypt_hash
from homeport.cloud.records import Book, BoxRecord, ServerRecord, VolumeRecord
from homeport.cloud.servers import Servers
from homeport.cloud.volumes import Volumes
from homeport.cloud.warden import Warden

_rules = pydantic.TypeAdapter(tuple[FirewallRule, ...])


class DockerMachinery:
    """Implements `contract.Machinery` for one running instance; safe for many threads."""

    def __init__(self, cloud: Cloud, built: dict[str, str]) -> None:
        self.public_network = cloud.public_network
        self._cloud = cloud
        self._locks: dict[int, threading.RLock] = collections.defaultdict(threading.RLock)
        self._book = Book(cloud.folder / "machinery.json")
        self._warden = Warden(cloud)
        self._servers = Servers(cloud, built)
        self._networks = Networks(cloud, self._warden)
        self._volumes = Volumes(cloud, self._warden, self._servers)
        self._names = Nameserver(cloud)
        self._balancers = Balancers(cloud, built["edge"])
        self._boxes = Boxes(cloud, built["edge"])

    # Servers

    def create_server(self, spec: ServerSpec) -> None:
        """Create and boot a machine."""
        self._servers.create(spec)
        with self._book.write() as records:
            records.servers.setdefault(spec.id, ServerRecord())
        self._enforce()
        self.power_on(spec.id)

    def delete_server(self, server_id: int) -> None:
        """Destroy a machine and its disk."""
        with self._book.write() as records:
            records.servers.pop(server_id, None)
            records.firewalls.pop(server_id, None)
            for volume in records.volumes.values():
                if volume.server == server_id:
                    volume.server = None
        self._servers.delete(server_id)
        self._warden.remove_branches(self._servers.container(server_id))
        self._enforce()

    def power_on(self, server_id: int) -> None:
        """Start a machine with everything that is plugged in; one that runs is left alone."""
        with self._locks[server_id]:
            self._power(server_id, on=True)
            if self._servers.running(server_id):
                return
            records = self._book.read()
            server = records.servers.get(server_id, ServerRecord())
            devices = {number: self._volumes.open(number) for number in server.volumes}
            lines = [
                f"scsi-0HC_Volume_{number} {device.removeprefix('/dev/loop')}\n"
                for number, device in devices.items()
            ]
            self._servers.put(server_id, {"var/lib/testbed/volumes": "".join(lines)})
            self._servers.start(server_id)
            for network, address in server.networks.items():
                self._plug(server_id, network, address)

    def power_off(self, server_id: int) -> None:
        """Cut the power."""
        with self._locks[server_id]:
            self._power(server_id, on=False)
            self._servers.kill(server_id)

    def shutdown(self, server_id: int) -> None:
        """Ask the system to stop; returns once it is off."""
        with self._locks[server_id]:
            self._power(server_id, on=False)
            self._servers.stop(server_id)

    def reboot(self, server_id: int) -> None:
        """Stop the system properly and start it again."""
        with self._locks[server_id]:
            self._servers.stop(server_id)
            self.power_on(server_id)

    def reset(self, server_id: int) -> None:
        """Cut the power and start again."""
        with self._locks[server_id]:
            self._servers.kill(server_id)
            self.power_on(server_id)

    def rebuild(self, server_id: int, spec: ServerSpec) -> None:
        """Give the machine a fresh disk; address, networks, volumes and firewall stay."""
        with self._locks[server_id]:
            self._servers.delete(server_id)
            self._servers.create(spec)
            self.power_on(server_id)

    def resize(self, server_id: int, cores: int, memory_mib: int) -> None:
        """Change processors and memory of a stopped machine."""
        self._servers.resize(server_id, cores, memory_mib)

    def change_address(self, server_id: int, ipv4: ipaddress.IPv4Address | None) -> None:
        """Give a stopped machine another public address, or none."""
        self._servers.change_address(server_id, ipv4)
        self._enforce()

    def set_firewall(self, server_id: int, rules: tuple[FirewallRule, ...] | None) -> None:
        """Enforce exactly these rules from outside the machine."""
        with self._book.write() as records:
            records.firewalls[server_id] = (
                None if rules is None else _rules.dump_python(rules, mode="json")
            )
        self._enforce()

    # Volumes

    def create_volume(self, volume_id: int, size_gib: int, filesystem: str | None) -> None:
        """Make a block device, with a file system when one is named."""
        device = self._volumes.create(volume_id, size_gib, filesystem)
        with self._book.write() as records:
            records.volumes[volume_id] = VolumeRecord(device=device)

    def resize_volume(self, volume_id: int, size_gib: int) -> None:
        """Grow the device."""
        self._volumes.resize(volume_id, size_gib)

    def delete_volume(self, volume_id: int) -> None:
        """Destroy the device and what is on it."""
        self.detach_volume(volume_id)
        self._volumes.delete(volume_id)
        with self._book.write() as records:
            records.volumes.pop(volume_id, None)

    def attach_volume(self, volume_id: int, server_id: int, *, automount: bool) -> str:
        """Show the device to the machine, now and after each start."""
        with self._book.write() as records:
            if volume_id not in records.volumes:
                msg = f"there is no volume {volume_id}"
                raise MachineryError(msg)
            records.volumes[volume_id].server = server_id
            attached = records.servers.setdefault(server_id, ServerRecord()).volumes
            if volume_id not in attached:
                attached.append(volume_id)
        if not self._servers.running(server_id):
            return f"/dev/disk/by-id/scsi-0HC_Volume_{volume_id}"
        return self._volumes.show(volume_id, server_id, automount=automount)

    def detach_volume(self, volume_id: int) -> None:
        """Take the device away from the machine that has it."""
        record = self._book.read().volumes.get(volume_id)
        if record is None or record.server is None:
            return
        self._volumes.hide(volume_id, record.server, record)
        with self._book.write() as records:
            records.volumes[volume_id].server = None
            server = records.servers.get(record.server)
            if server and volume_id in server.volumes:
                server.volumes.remove(volume_id)

    # Private networks

    def create_network(self, network_id: int, ip_range: ipaddress.IPv4Network) -> None:
        """Make a private network."""
        self._networks.create(network_id, ip_range)
        with self._book.write() as records:
            records.networks[network_id] = str(ip_range)

    def delete_network(self, network_id: int) -> None:
        """Remove a private network."""
        self._networks.delete(network_id)
        with self._book.write() as records:
            records.networks.pop(network_id, None)

    def attach_network(
        self, server_id: int, network_id: int, address: ipaddress.IPv4Address
    ) -> None:
        """Give the machine an address in a private network, now and after each start."""
        with self._book.write() as records:
            networks = records.servers.setdefault(server_id, ServerRecord()).networks
            networks[network_id] = str(address)
        if self._servers.running(server_id):
            self._plug(server_id, network_id, str(address))

    def detach_network(self, server_id: int, network_id: int) -> None:
        """Take the machine out of a private network."""
        self._networks.unplug(network_id, server_id)
        with self._book.write() as records:
            if server_id in records.servers:
                records.servers[server_id].networks.pop(network_id, None)

    # DNS

    def apply_zone(self, zone: str, ttl: int, records: tuple[RecordSet, ...]) -> None:
        """Serve a zone with exactly these records."""
        self._names.apply(zone, ttl, records)

    def remove_zone(self, zone: str) -> None:
        """Stop serving a zone."""
        self._names.remove(zone)

    def set_reverse(self, address: ipaddress.IPv4Address, name: str | None) -> None:
        """Set or remove the PTR record of an address."""
        self._names.set_reverse(address, name)

    # Load balancers and storage boxes

    def apply_load_balancer(
        self,
        load_balancer_id: int,
        address: ipaddress.IPv4Address,
        services: tuple[LoadBalancerService, ...],
        targets: tuple[ipaddress.IPv4Address, ...],
    ) -> None:
        """Run a real proxy process with exactly these services and targets."""
        self._balancers.apply(load_balancer_id, address, services, targets)

    def remove_load_balancer(self, load_balancer_id: int) -> None:
        """Stop the proxy process."""
        self._balancers.remove(load_balancer_id)

    def create_storage_box(
        self, box_id: int, username: str, password: str, ssh_keys: tuple[str, ...]
    ) -> str:
        """Make an SFTP account, or give one that exists this password."""
        with self._book.write() as records:
            uids = {box.uid for number, box in records.boxes.items() if number != box_id}
            known = records.boxes.get(box_id)
            records.boxes[box_id] = BoxRecord(
                username=username,
                uid=known.uid if known else next(n for n in range(2000, 60000) if n not in uids),
                password_hash=crypt_hash(password),
                ssh_keys=list(ssh_keys),
            )
        self._serve_boxes()
        return f"{username}.{STORAGE_BOX_DOMAIN}"

    def delete_storage_box(self, box_id: int) -> None:
        """Remove the account and its files."""
        with self._book.write() as records:
            if records.boxes.pop(box_id, None) is None:
                return
        self._serve_boxes()

    # The whole

    def restore(self) -> None:
        """Bring back what a restart of the machine or of Docker took away, as it was recorded."""
        records = self._book.read()
        for network, ip_range in records.networks.items():
            self._networks.create(network, ipaddress.IPv4Network(ip_range))
        for volume in records.volumes:
            device = self._volumes.open(volume)
            with self._book.write() as changed:
                changed.volumes[volume].device = device
        if records.boxes:
            self._serve_boxes()
        self._enforce()
        for server, record in records.servers.items():
            if self._servers.running(server):
                self._servers.trust(server)
            elif record.on:
                self.power_on(server)

    def ended(self, server_id: int, *, rebooted: bool) -> bool:
        """Act on a server whose system ended: one that restarts itself comes back.

        Returns whether it runs now.

        What the machinery itself stops or starts at that moment is left to it.
        """
        with self._locks[server_id]:
            record = self._book.read().servers.get(server_id)
            if record and record.on and not self._servers.running(server_id):
                if rebooted:
                    self.power_on(server_id)
                else:
                    self._power(server_id, on=False)
            return self._servers.running(server_id)

    def _power(self, server_id: int, *, on: bool) -> None:
        with self._book.write() as records:
            if server_id in records.servers:
                records.servers[server_id].on = on

    def _plug(self, server_id: int, network_id: int, address: str) -> None:
        ip_range = ipaddress.IPv4Network(self._book.read().networks[network_id])
        container = self._servers.container(server_id)
        self._networks.plug(network_id, server_id, container, address, ip_range.prefixlen)

    def _enforce(self) -> None:
        with self._book.write() as records:  # one writer of the table at a time
            rules: dict[int, Any] = {  # JSON of rules
                server: _rules.validate_python(given)
                for server, given in records.firewalls.items()
                if given is not None
            }
            text = ruleset(f"homeport_{self._cloud.short}", self._servers.addresses(), rules)
            self._warden.run("nft", "-f", "-", stdin=text)

    def _serve_boxes(self) -> None:
        boxes = list(self._book.read().boxes.values())
        self._boxes.apply(boxes)
        address = self._cloud.own_address(6)
        sets = tuple(
            RecordSet(name=box.username, type="A", ttl=60, values=(address,)) for box in boxes
        )
        self._names.apply(STORAGE_BOX_DOMAIN, 60, sets)


def for_instance(cloud: Cloud) -> DockerMachinery:
    """Return the machinery of an instance whose images are built."""
    return DockerMachinery(cloud, images.ensure(lambda _text: None))
