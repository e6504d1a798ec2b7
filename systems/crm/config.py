"""The keys of crm."""

from typing import Annotated

from pydantic import AfterValidator, Field

from components.config import Given, GivenKey, Part, Settings, parts
from components.config.guarding import Guard
from components.config.network_values import Hostname, Network
from components.config.starter import ExistingServer
from components.config.values import Mib, Revision, Rotation, Seconds, distinct

from . import rules
from .others import Imap, Signing, SigningUpgrade, Smtp, Storage


class App(parts.App):
    """The app and its worker."""

    port: Annotated[int, Field(strict=True, ge=1024, lt=20_000)] = 7100
    """The app's stable loopback port."""
    worker_memory_mib: Mib = 256
    """Memory limit of the worker in MiB."""

    def limits(self) -> dict[str, int]:
        """Return the memory limits of everything that a release starts, by their keys."""
        return {**super().limits(), "worker_memory_mib": self.worker_memory_mib}


class Site(parts.Site):
    """The site on the domain."""

    max_body_mib: Annotated[int, Field(strict=True, ge=1, le=1024)] = 64
    """The largest body that the proxy takes, in MiB."""
    read_timeout_seconds: Seconds = 300
    """How long the proxy waits for the app."""
    cdn_networks: Annotated[tuple[Network, ...], AfterValidator(distinct)] = Field(
        (), examples=[["173.245.48.0/20"]]
    )
    """Addresses of the CDN before the server, whose CF-Connecting-IP is believed; else nobody's."""


class Website(Part):
    """The website whose forms arrive here; what it shows is `intake_secret`."""

    host: Hostname = Field(examples=["www.example.com"])
    """The website's host name."""
    source: parts.Source | None = None
    """Where its program comes from, if `website_server` runs it; otherwise somebody else does."""
    memory_mib: Mib = 64
    """Its memory limit in MiB."""
    revision: Revision = 1
    """Raise it for a new release of the same settings."""
    cutover: Annotated[int, Field(strict=True, ge=0)] = 0
    """How many of the flags of `website.py` are flipped, in their order; one more at a time."""


class SecretRotation(Part):
    """Raise a number to have new secrets made by the next `up`."""

    database: Rotation = 1
    """The passwords of the database's users."""
    redis: Rotation = 1
    """The password of Redis."""
    auth: Rotation = 1
    """What signs sessions; everybody has to log in again."""
    health: Rotation = 1
    """What the authenticated health check is shown."""
    login: Rotation = 1
    """The password of the account that can log in."""


class CrmConfig(Settings):
    """Everything that differs between environments and users of crm."""

    domain: Hostname = Field(examples=["crm.example.com"])
    """Where the app is served; its name points to the server already."""
    acme: parts.Acme
    app: App
    existing_server: ExistingServer
    existing_server_password: Given | None = None
    """The password of `existing_server.user`, for sudo or su."""
    existing_server_private_key: GivenKey | None = None
    """The private key that logs in to the server; your SSH agent without."""
    guard: Guard
    registry: parts.RegistryAccount
    registry_password: Given
    """The pull token of `registry.username`; never the account's own password."""
    storage: Storage
    storage_secret_key: Given
    """The secret of `storage.access_key_id`."""
    signing: Signing
    signing_api_key: Given
    """The key of the signing API."""
    smtp: Smtp
    smtp_password: Given
    """The password of `smtp.username`."""
    imap: Imap
    imap_password: Given
    """The password of `imap.username`."""
    signing_upgrade: SigningUpgrade | None = None
    website: Website
    website_server: ExistingServer | None = None
    """The server that runs the website, another one than `existing_server`."""
    website_server_private_key: GivenKey | None = None
    """The private key that logs in there; your SSH agent without."""
    intake_secret: Given
    """What the website shows; its own CRM_INTAKE_SECRET."""
    site: Site = Site()
    postgres: parts.Postgres = parts.Postgres(image="postgres:17")
    redis: parts.Redis = parts.Redis()
    images: parts.Images = parts.Images()
    secret_rotation: SecretRotation = SecretRotation()

    rules = rules.ALL
