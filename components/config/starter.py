"""The keys of the starter system."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from .. import existing_server, secrets, ssh
from . import builds, parts, rules
from .guarding import Guard
from .loading import Given, GivenHashed, GivenKey, Part, Settings
from .network_values import HostAddress, Hostname, Network, networks
from .parts import EVERYBODY, Acme, Dns, Images, RegistryAccount, Server
from .ssh_keys import HostKey
from .values import Account, Flag, Folder, HttpPath, Login, Mib, Port, Rotation


class Bastion(Part):
    """A machine that SSH goes through."""

    address: HostAddress = Field(examples=["bastion.example.com"])
    """Its address."""
    port: Port = 22
    """Its SSH port."""
    user: Account = Field(examples=["deploy"])
    """The account there; logs in with the same key as on the server."""
    host_key: HostKey = Field(examples=["ssh-ed25519 AAAA…"])
    """Its host key."""


class ExistingServer(Part):
    """A server that exists already and is reached over SSH."""

    address: HostAddress = Field(examples=["198.51.100.7"])
    """Its address."""
    port: Port = 22
    """Its SSH port."""
    user: Account = Field(examples=["deploy"])
    """The account that logs in."""
    host_key: HostKey = Field(examples=["ssh-ed25519 AAAA…"])
    """The host key that it must show: `ssh-keyscan -t ed25519 ADDRESS`, checked on the server."""
    privilege: Literal["root", "sudo", "sudo-password", "su-password"] = "sudo"
    """How the account becomes root: it is root, by sudo, by sudo or su with
    `existing_server_password`."""
    bastion: Bastion | None = None
    """A machine to go through."""
    install_docker: Flag = True
    """Whether Docker is installed when it is missing; otherwise that is an error."""
    docker_settings: Flag = True
    """Whether Docker gets settings of ours, which restarts it and every container once; set it to
    false, with install_docker, where containers of others run."""
    nftables: Flag = True
    """Whether rules of nftables may be written; without, there is no firewall on the server itself,
    and releases are switched by links."""
    memory_mib: Mib | None = None
    """The memory it has, so that plans can refuse what will not fit; unchecked without."""
    ssh_networks: Annotated[tuple[Network, ...], AfterValidator(networks)] = EVERYBODY
    """Where SSH may come from."""
    shared: Flag = False
    """Whether another stack may use the same server; must be true in both."""

    def arguments(
        self, password: secrets.Secret | None, private_key: secrets.Secret | None
    ) -> existing_server.ExistingServerArgs:
        """Return it as the component takes it, with the secrets that are keys of their own."""
        through = self.bastion
        return existing_server.ExistingServerArgs(
            address=self.address,
            host_key=self.host_key,
            user=self.user,
            port=self.port,
            privilege=self.privilege,
            password=password,
            private_key=private_key,
            bastion=ssh.Bastion(**through.model_dump()) if through else None,
            memory_mib=self.memory_mib,
            install_docker=self.install_docker,
            docker_settings=self.docker_settings,
            nftables=self.nftables,
        )


class Site(parts.Site):
    """The site on the domain."""

    basic_auth_user: Login | None = None
    """Asks for a password (`basic_auth_password`) before anything is shown."""


class Postgres(parts.Postgres):
    """The database server."""

    data_folder: Folder | None = None
    """Where an existing server keeps the data; a Docker volume without."""


class App(builds.BuildableApp):
    """The app and its worker."""

    worker_memory_mib: Mib = 256
    """Memory limit of the worker in MiB."""
    health_path: HttpPath = Field(examples=["/healthz"])
    """Answers 200 only when the app can serve, its database included."""
    port: Annotated[int, Field(strict=True, ge=10_000, le=19_999)] | None = None
    """The app's stable loopback port; chosen by name without. For when two collide."""

    def limits(self) -> dict[str, int]:
        """Return the memory limits of everything that a release starts, by their keys."""
        return {**super().limits(), "worker_memory_mib": self.worker_memory_mib}


class SecretRotation(Part):
    """Raise a number to have new secrets made by the next `up`."""

    database: Rotation = 1
    """The passwords of the database's users."""


class StackConfig(Settings):
    """Everything that differs between environments and users of the starter."""

    domain: Hostname = Field(examples=["ledger.example.com"])
    """Where the site is served."""
    acme: Acme
    app: App
    server: Server | None = None
    existing_server: ExistingServer | None = None
    existing_server_password: Given | None = None
    """The password of `existing_server.user`, for sudo or su."""
    existing_server_private_key: GivenKey | None = None
    """The private key that logs in to the existing server; your SSH agent without."""
    dns: Dns | None = None
    site: Site = Site()
    basic_auth_password: GivenHashed | None = None
    """The password of `site.basic_auth_user`."""
    postgres: Postgres = Postgres(image="postgres:17")
    images: Images = Images()
    registry: RegistryAccount | None = None
    registry_password: Given | None = None
    """The password or token of `registry.username`."""
    secret_rotation: SecretRotation = SecretRotation()
    guard: Guard | None = None
    backups_enabled: Flag = False
    """Reserved: must be false as long as no backup plan exists."""

    rules = rules.ALL
