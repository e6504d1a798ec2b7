"""The keys of the starter system."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from . import rules
from .catalogue_values import Location, ServerType, System
from .environment import Environment
from .loading import Given, GivenHashed, GivenKey, Part, Settings
from .network_values import (
    Directory,
    Email,
    HostAddress,
    Hostname,
    Network,
    Registry,
    networks,
)
from .ssh_keys import HostKey, PublicKey
from .values import (
    Account,
    Flag,
    Folder,
    HttpPath,
    Image,
    Login,
    Mib,
    Port,
    PostgresImage,
    Rotation,
    Seconds,
    distinct,
)

EVERYBODY = ("0.0.0.0/0", "::/0")


class Dns(Part):
    """DNS records for the domain, in a zone at Hetzner."""

    zone: Hostname = Field(examples=["example.com"])
    """The zone that holds the domain."""
    create_zone: Flag = False
    """Whether this stack makes the zone; otherwise it must exist. Only one stack may make it."""
    manage: Flag = True
    """Whether this stack makes the records; when false, you point the domain to the server."""


class Server(Part):
    """A server that is created in the Hetzner Cloud."""

    type: ServerType = Field(examples=["cx23"])
    """The server type; changing it resizes in place, with a restart."""
    location: Location = Field(examples=["fsn1"])
    """The location; changing it replaces the server."""
    image: System = "debian-12"
    """The operating system; takes effect only when the server is made."""
    protect: Flag = False
    """Whether server, address and volume refuse to be deleted or replaced."""
    volume_gib: Annotated[int, Field(strict=True, ge=10, le=10_240)] | None = None
    """Size in GiB of a volume for the database; can grow, never shrink. Without it the database
    lies on the server's own disk."""
    admin_keys: Annotated[tuple[PublicKey, ...], AfterValidator(distinct)] = Field(
        (), examples=[["ssh-ed25519 AAAA… you@laptop"]]
    )
    """Public keys that may log in beside the program's own."""
    ssh_networks: Annotated[tuple[Network, ...], AfterValidator(networks)] = EVERYBODY
    """Where SSH may come from; login is by key alone."""
    swap_mib: Annotated[int, Field(strict=True, ge=0, le=65_536)] = 1024
    """Size in MiB of the swap file; 0 for none."""


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
    memory_mib: Mib | None = None
    """The memory it has, so that plans can refuse what will not fit; unchecked without."""
    ssh_networks: Annotated[tuple[Network, ...], AfterValidator(networks)] = EVERYBODY
    """Where SSH may come from."""
    shared: Flag = False
    """Whether another stack may use the same server; must be true in both."""


class Acme(Part):
    """Certificates."""

    email: Email = Field(examples=["ops@your-domain.com"])
    """Where the authority writes to."""
    directory: Directory = Field("letsencrypt", examples=["letsencrypt-staging"])
    """The authority: letsencrypt, letsencrypt-staging (untrusted, for trying), or an https URL."""


class Site(Part):
    """The site on the domain."""

    hsts_seconds: Annotated[int, Field(strict=True, ge=0, le=63_072_000)] = 300
    """How long browsers refuse plain HTTP after a visit; 31536000 is a year. Raise it last."""
    redirects_from: Annotated[tuple[Hostname, ...], AfterValidator(distinct)] = Field(
        (), examples=[["www.example.com"]]
    )
    """Other host names that redirect to the domain."""
    basic_auth_user: Login | None = None
    """Asks for a password (`basic_auth_password`) before anything is shown."""


class Postgres(Part):
    """The database server."""

    image: PostgresImage = Field("postgres:17", examples=["postgres:17"])
    """Its image; the major version cannot be changed by changing the tag."""
    memory_mib: Annotated[Mib, Field(ge=128)] = 512
    """Its memory limit in MiB; buffers and caches are sized by it."""
    protect: Flag = False
    """Whether the data refuses to be deleted."""
    data_folder: Folder | None = None
    """Where an existing server keeps the data; a Docker volume without."""


class App(Part):
    """The app and its worker."""

    image: Image = Field(examples=["ghcr.io/you/app:1.0.0"])
    """Its image; a new one is a new release."""
    memory_mib: Mib = 256
    """Memory limit of the app in MiB."""
    worker_memory_mib: Mib = 256
    """Memory limit of the worker in MiB."""
    environment: Environment = Field(default_factory=dict, examples=[{"LOG_LEVEL": "INFO"}])
    """Environment variables of app and worker; never a secret."""
    health_path: HttpPath = Field(examples=["/healthz"])
    """Answers 200 only when the app can serve, its database included."""
    start_timeout_seconds: Seconds = 60
    """How long a new release may take until it is healthy; then the old one stays."""
    drain_seconds: Seconds = 30
    """How long an old release may finish its requests."""
    port: Annotated[int, Field(strict=True, ge=10_000, le=19_999)] | None = None
    """The app's stable loopback port; chosen by name without. For when two collide."""


class RegistryAccount(Part):
    """A private registry; its password is `registry_password`."""

    server: Registry = Field(examples=["ghcr.io"])
    """The registry's host name."""
    username: Login = Field(examples=["deploy-bot"])
    """The account; one that can only read is enough."""


class Images(Part):
    """Rules for images."""

    require_digest: Flag = False
    """Whether every image must be pinned by its digest: `name:tag@sha256:…`."""


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
    backups_enabled: Flag = False
    """Reserved: must be false as long as no backup plan exists."""

    rules = rules.ALL
