"""A server in Hetzner Cloud that is ready for everything else."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_hcloud as hcloud

from . import baseline, guards, hetzner_catalogue, keys, names
from .firewall import CloudFirewall, CloudFirewallArgs, Rule, web_rules
from .host import Host, HostFacts
from .machine import Machine, machine_of, place_of
from .remote import File
from .ssh import Login

MEBIBYTES = 1024
SMALLEST_VOLUME_GIB = 10


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class HetznerServerArgs:
    """What the server is."""

    server_type: str
    """Size, such as `cx23`; a change resizes in place, with one restart."""
    location: str
    """Place, such as `fsn1`; a change replaces server, address and volume, unless protected."""
    image: str = "debian-13"
    """System of the first boot; later changes do nothing, upgrades happen on the server."""
    rules: Sequence[Rule] = dataclasses.field(default_factory=web_rules)
    """What the cloud lets in; nothing else reaches the server, from the first boot on."""
    packages: Sequence[str] = ()
    """Distribution packages to install on the first boot beside the baseline's."""
    admin_keys: Sequence[str] = ()
    """Public SSH keys of the people who may log in as root."""
    protect: bool = True
    """Whether server, address and volume are locked, in the cloud and in Pulumi."""
    volume_gib: int | None = None
    """Size of an extra volume; it can grow, never shrink. None for no volume."""
    dns_ptr: str | None = None
    """Reverse DNS name of the address."""
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Labels in the cloud, beside `managed-by` and `stack`."""
    swap_mib: int = 1024
    """Size of the swap file; 0 for none."""

    def __post_init__(self) -> None:
        hetzner_catalogue.check_image(self.image)
        kind = hetzner_catalogue.server_type(self.server_type)
        hetzner_catalogue.check_place(kind, self.location)
        for key in self.admin_keys:
            keys.check_public_line("admin_keys", key)
        if self.volume_gib is not None and self.volume_gib < SMALLEST_VOLUME_GIB:
            msg = (
                f"HetznerServer: volume_gib: the smallest volume has {SMALLEST_VOLUME_GIB} GiB "
                f"(got {self.volume_gib})"
            )
            raise ValueError(msg)
        if self.swap_mib < 0:
            msg = f"HetznerServer: swap_mib: 0 or more (got {self.swap_mib})"
            raise ValueError(msg)


class HetznerServer(pulumi.ComponentResource):
    """A server with an address of its own, behind a firewall, with Docker and the baseline.

    Its host key is made by the program, so that the first connection already knows it. Replacing
    the server destroys its disk, and everything on it is made anew on the next one; address and
    volume survive, unless the place is another.
    """

    host: Host
    """For everything that runs on it."""
    address: pulumi.Output[str]
    """The public IPv4 address; outlives the server, but belongs to its place."""
    server_id: pulumi.Output[str]
    """The vendor's number of the server."""
    ssh_command: pulumi.Output[str]
    """What a person types to log in; holds no secret."""
    volume_path: pulumi.Output[str] | None
    """Where the volume is mounted, if there is one."""

    def __init__(
        self, name: str, args: HetznerServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:hetzner_server:HetznerServer", name, {}, opts)
        names.check_label("server", name)
        self._name = name
        self._args = args
        self._physical = f"{names.system()}-{name}"
        self._labels = {"managed-by": "homeport", "stack": names.system(), **args.labels}
        child = pulumi.ResourceOptions(parent=self)
        login_key = keys.generated_key(f"{name}-login-key", comment=self._physical, opts=child)
        host_key = keys.generated_key(f"{name}-host-key", comment=self._physical, opts=child)
        primary_ip = self._primary_ip()
        server = self._server(primary_ip, login_key, host_key)
        self.address = primary_ip.ip_address
        self.server_id = server.id
        self.volume_path = self._volume(primary_ip, server)
        machine = machine_of(name, server, primary_ip, self)
        self.host = self._host(server, machine, login_key, host_key)
        self.ssh_command = self.host.ssh_command
        self.register_outputs(
            {
                "address": self.address,
                "server_id": self.server_id,
                "ssh_command": self.ssh_command,
                "volume_path": self.volume_path,
            }
        )

    def _primary_ip(self) -> hcloud.PrimaryIp:
        args = self._args
        place = place_of(self._name, args.location, protect=args.protect, parent=self)
        primary_ip = hcloud.PrimaryIp(
            f"{self._name}-address",
            name=self._physical,
            type="ipv4",
            assignee_type="server",
            location=args.location,
            auto_delete=False,
            delete_protection=args.protect,
            labels=self._labels,
            opts=self._lasting(depends_on=[place]),
        )
        if args.dns_ptr:
            hcloud.Rdns(
                f"{self._name}-reverse",
                primary_ip_id=primary_ip.id.apply(int),
                ip_address=primary_ip.ip_address,
                dns_ptr=args.dns_ptr,
                opts=pulumi.ResourceOptions(parent=self),
            )
        return primary_ip

    def _server(
        self, primary_ip: hcloud.PrimaryIp, login_key: keys.Key, host_key: keys.Key
    ) -> hcloud.Server:
        args = self._args
        child = pulumi.ResourceOptions(parent=self)
        firewall = CloudFirewall(
            f"{self._name}-cloud",
            CloudFirewallArgs(rules=args.rules, labels=self._labels, physical_name=self._physical),
            child,
        )
        ssh_key = hcloud.SshKey(
            f"{self._name}-ssh-key",
            name=self._physical,
            public_key=login_key.public,
            labels=self._labels,
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        user_data = pulumi.Output.all(
            private=host_key.private, public=host_key.public, login=login_key.public
        ).apply(
            lambda known: baseline.cloud_config(
                image=args.image,
                host_private_key=known["private"],
                host_public_key=known["public"],
                authorized_keys=[known["login"], *args.admin_keys],
                extra_packages=args.packages,
                swap_mib=args.swap_mib,
            )
        )
        # The vendor replaces a server when one of these three changes, though they only matter on
        # its first boot; the baseline carries later changes.
        settled = ["user_data", "ssh_keys", "image"]
        return hcloud.Server(
            f"{self._name}-server",
            name=self._physical,
            server_type=args.server_type,
            image=args.image,
            location=args.location,
            ssh_keys=[ssh_key.id],
            user_data=user_data,
            firewall_ids=[firewall.firewall_id],
            public_nets=[
                hcloud.ServerPublicNetArgs(
                    ipv4_enabled=True, ipv4=primary_ip.id.apply(int), ipv6_enabled=True
                )
            ],
            keep_disk=True,
            shutdown_before_deletion=True,
            delete_protection=args.protect,
            rebuild_protection=args.protect,
            labels=self._labels,
            # The vendor does not delete an address that a server has.
            opts=self._lasting(ignore_changes=settled, replace_with=[primary_ip]),
        )

    def _volume(
        self, primary_ip: hcloud.PrimaryIp, server: hcloud.Server
    ) -> pulumi.Output[str] | None:
        if self._args.volume_gib is None:
            return None
        volume = hcloud.Volume(
            f"{self._name}-volume",
            name=self._physical,
            size=self._args.volume_gib,
            server_id=server.id.apply(int),
            format="ext4",
            automount=True,
            delete_protection=self._args.protect,
            labels=self._labels,
            opts=self._lasting(
                # Like the address, it belongs to its place.
                replace_with=[primary_ip],
                hooks=guards.never_smaller(
                    f"{self._name}-volume", "size", key="server.volume_gib", unit="GiB"
                ),
            ),
        )
        return volume.id.apply(lambda number: f"/mnt/HC_Volume_{number}")

    def _host(
        self, server: hcloud.Server, machine: Machine, login_key: keys.Key, host_key: keys.Key
    ) -> Host:
        args = self._args
        kind = hetzner_catalogue.server_type(args.server_type)
        people = login_key.public.apply(lambda login: "\n".join([login, *args.admin_keys, ""]))
        return baseline.prepare(
            self._name,
            system=names.system(),
            login=Login(
                # Not the primary IP's own output: what uses it must wait for the server.
                address=server.ipv4_address,
                host_key=host_key.public,
                private_key=login_key.private,
            ),
            facts=HostFacts(
                cores=kind.cores, memory_mib=kind.memory_gib * MEBIBYTES, image=args.image
            ),
            extra_packages=args.packages,
            extra_files=[File(path="/root/.ssh/authorized_keys", content=people, mode=0o600)],
            swap_mib=args.swap_mib,
            key_login_only=True,
            restarted_by=args.server_type,
            machine=machine,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _lasting(self, **more: Any) -> pulumi.ResourceOptions:  # noqa: ANN401 (as the options are)
        """Return the options of what holds data or a name that cannot exist twice."""
        return pulumi.ResourceOptions(
            parent=self, protect=self._args.protect, delete_before_replace=True, **more
        )
