"""One local cloud: its name, its addresses, its secrets, and where its files lie."""

import dataclasses
import hashlib
import ipaddress
import json
import os
import secrets
import socket
from pathlib import Path
from typing import Self

import dns.exception
import dns.resolver

from homeport.cloud import docker
from homeport.cloud.contract import MachineryError

ROOT = Path(__file__).resolve().parents[2]
"""The checkout that this program runs from; images are built from it and state lies in it."""

POOL = ipaddress.IPv4Network("198.18.0.0/15")
"""Where public networks come from: the block kept for tests of networks, routed nowhere."""

LABEL = "homeport.cloud"
"""The label of everything that the local cloud makes; its value is the instance's key."""

DEFAULT_NAME = "default"

API_SOCKET = "api.sock"
"""Where the API also listens, below the instance's folder: for the front."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cloud:
    """An instance of the local cloud, as it was allocated; it need not be running."""

    name: str
    """What the user calls it."""
    public_network: ipaddress.IPv4Network
    """Addresses of its servers; the first 16 are the cloud's own."""
    port: int
    """The API's port on 127.0.0.1."""
    token: str = dataclasses.field(repr=False)
    """What the API accepts as `HCLOUD_TOKEN`."""
    registry_password: str = dataclasses.field(repr=False)
    """Password of the user `homeport` at the private registry."""

    @property
    def key(self) -> str:
        """Names everything in Docker; differs between checkouts that use the same name."""
        return f"homeport-{self.name}-{_digest(self.name)[:6]}"

    @property
    def short(self) -> str:
        """A name for where few characters are allowed: bridges, nftables tables."""
        return f"hp{_digest(self.name)[:8]}"

    @property
    def folder(self) -> Path:
        """Where the instance's state lies."""
        return folder_of(self.name)

    @property
    def endpoint(self) -> str:
        """The API's base URL, as clients take it."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def dns(self) -> str:
        """Address of the DNS server."""
        return self.own_address(2)

    @property
    def front(self) -> str:
        """Address of the registries, the ACME server's TLS and the package cache."""
        return self.own_address(3)

    @property
    def managed_postgres(self) -> str:
        """Address of the managed PostgreSQL."""
        return self.own_address(8)

    @property
    def objects(self) -> str:
        """Address of the S3 service, behind the front."""
        return self.own_address(9)

    @property
    def database_password(self) -> str:
        """Password of the user `homeport` of the managed PostgreSQL."""
        return self.secret_of("managed postgres")

    @property
    def objects_secret(self) -> str:
        """Secret of the key to the S3 service."""
        return self.secret_of("objects")

    @property
    def google_secret(self) -> str:
        """What clients of Google's stand-in show it, whichever they are."""
        return self.secret_of("google")

    def secret_of(self, service: str) -> str:
        """Return what opens a service; made of the token, so that it is nowhere else."""
        return hashlib.sha256(f"{service}\0{self.token}".encode()).hexdigest()[:32]

    @property
    def ca_file(self) -> Path:
        """The roots that sign the sites' certificates; for `curl --cacert`."""
        return self.folder / "acme-root.pem"

    @property
    def infrastructure_ca_file(self) -> Path:
        """The root that signs the certificates of registries and the ACME server."""
        return self.folder / "authority" / "ca.pem"

    def named(self, what: str) -> str:
        """Return the name in Docker of one of the cloud's parts."""
        return f"{self.key}-{what}"

    def own_address(self, number: int) -> str:
        """Return one of the cloud's own 16 addresses."""
        return str(self.public_network[number])

    def resolve(self, hostname: str, kind: str = "A") -> str:
        """Ask the cloud's DNS server for a name.

        Raises:
            MachineryError: When the name or the kind of record does not exist there.
        """
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [self.dns]
        resolver.lifetime = 5
        try:
            return str(resolver.resolve(hostname, kind)[0]).rstrip(".")
        except dns.exception.DNSException as error:
            msg = f"the cloud's DNS has no {kind} for {hostname}: {error}"
            raise MachineryError(msg) from error

    def connect(self, hostname: str, port: int, timeout: float = 5.0) -> socket.socket:
        """Open a TCP connection to a name of this cloud."""
        return socket.create_connection((self.resolve(hostname), port), timeout)

    def environment(self) -> dict[str, str]:
        """Return what programs need to use this cloud in place of the vendor's."""
        return {
            "HCLOUD_TOKEN": self.token,
            "HCLOUD_ENDPOINT": self.endpoint,
            "HOMEPORT_CLOUD": self.name,
            "HOMEPORT_CA": str(self.ca_file),
            "HOMEPORT_DNS": self.dns,
            # Short, since the path of a socket in it may have 104 bytes.
            "HOMEPORT_RUN_FOLDER": f".homeport/run-{self.port}",
            "HOMEPORT_REGISTRY_USER": "homeport",
            "HOMEPORT_REGISTRY_PASSWORD": self.registry_password,
        }

    def save(self) -> None:
        """Write the instance's description, readable by its owner alone."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fields = dataclasses.asdict(self) | {"public_network": str(self.public_network)}
        path = self.folder / "instance.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(fields, indent=2) + "\n")

    @classmethod
    def read(cls, name: str) -> Self | None:
        """Return the instance of that name, or None when it was never allocated."""
        path = folder_of(name) / "instance.json"
        if not path.exists():
            return None
        fields = json.loads(path.read_text())
        return cls(**fields | {"public_network": ipaddress.IPv4Network(fields["public_network"])})


def name_from_environment() -> str:
    """Return the instance's name that `HOMEPORT_CLOUD` gives, or the default."""
    return os.environ.get("HOMEPORT_CLOUD") or DEFAULT_NAME


def folder_of(name: str) -> Path:
    """Return where the state of the instance of that name lies."""
    return ROOT / ".homeport" / "cloud" / name


def known() -> list[str]:
    """Return the names of the instances that this checkout has allocated."""
    return sorted(path.parent.name for path in folder_of("*").parent.glob("*/instance.json"))


def load(name: str | None = None) -> Cloud:
    """Return an instance that was started before.

    Raises:
        MachineryError: When there is none of that name.
    """
    name = name or name_from_environment()
    cloud = Cloud.read(name)
    if cloud is None:
        others = ", ".join(known()) or "none"
        text = (
            f"there is no local cloud {name!r} (known: {others}); "
            f"start it by `homeport cloud up --name {name}`"
        )
        raise MachineryError(text)
    return cloud


def allocate(name: str) -> Cloud:
    """Return the instance of that name, giving it addresses and secrets when it is new.

    Raises:
        MachineryError: When the name is not usable or no addresses are left.
    """
    if not (name.replace("-", "").isalnum() and name == name.lower() and len(name) <= 30):
        msg = f"{name!r} is no name for a cloud: lower-case letters, digits and -, at most 30"
        raise MachineryError(msg)
    cloud = Cloud.read(name)
    if cloud is None:
        network = _free_network(name)
        cloud = Cloud(
            name=name,
            public_network=network,
            port=_free_port(network),
            token=secrets.token_hex(32),  # 64 characters, as the vendor's tokens have
            registry_password=secrets.token_hex(16),
        )
        cloud.save()
    return cloud


def _digest(name: str) -> str:
    return hashlib.sha256(f"{ROOT}\0{name}".encode()).hexdigest()


def _subnets() -> list[ipaddress.IPv4Network]:
    return list(POOL.subnets(new_prefix=24))


def _free_network(name: str) -> ipaddress.IPv4Network:
    """Choose by the name's hash, so that a cloud made anew tends to get its old addresses."""
    taken = _taken()
    subnets = _subnets()
    start = int(_digest(name), 16) % len(subnets)
    for network in subnets[start:] + subnets[:start]:
        if not any(network.overlaps(other) for other in taken):
            return network
    msg = f"every network in {POOL} is in use; end clouds by `homeport cloud down`"
    raise MachineryError(msg)


def _taken() -> list[ipaddress.IPv4Network]:
    found = docker.run("network", "ls", "--quiet").split()
    template = "{{range .IPAM.Config}}{{.Subnet}} {{end}}"
    in_use = docker.run("network", "inspect", "--format", template, *found).split()
    allocated = [cloud.public_network for name in known() if (cloud := Cloud.read(name))]
    networks = [ipaddress.ip_network(text) for text in in_use]
    return allocated + [item for item in networks if isinstance(item, ipaddress.IPv4Network)]


def _free_port(network: ipaddress.IPv4Network) -> int:
    first = 18000 + _subnets().index(network)
    for port in range(first, first + 2000, 13):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    msg = f"no free port on 127.0.0.1 from {first} on"
    raise MachineryError(msg)
