"""The keys of crm."""

from typing import Annotated

from pydantic import AfterValidator, Field

from components.config import Given, GivenKey, Part, Settings, parts
from components.config.guarding import Guard
from components.config.network_values import Email, Hostname, HttpsUrl, Network
from components.config.starter import ExistingServer
from components.config.values import (
    BucketName,
    Flag,
    Login,
    Mib,
    Port,
    Rotation,
    Seconds,
    Text,
    distinct,
)

from . import rules


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


class Storage(Part):
    """A bucket at an S3 service; its secret key is `storage_secret_key`."""

    endpoint: HttpsUrl = Field(examples=["https://fsn1.your-objectstorage.com"])
    """The service's URL."""
    region: Text = Field(examples=["fsn1"])
    """The bucket's region."""
    bucket: BucketName = Field(examples=["crm-files"])
    """The bucket, which must exist."""
    access_key_id: Text = Field(examples=["GK31c2f218a2e44f48"])
    """The access key's id."""


class Signing(Part):
    """The document-signing API; its key is `signing_api_key`."""

    host: Hostname = Field(examples=["sign.example.com"])
    """The API's host name alone, without scheme and path."""
    version: Annotated[Text, Field(pattern=r"^v[0-9]+$")] = "v1"
    """The version of the API."""


class MailServer(Part):
    """A mail server."""

    host: Hostname = Field(examples=["mail.example.com"])
    """Its host name."""
    port: Port
    """Its port with TLS."""
    username: Login = Field(examples=["crm"])
    """The account."""


class Smtp(MailServer):
    """Where mail is sent; its password is `smtp_password`."""

    port: Port = 465
    """Its port with TLS."""
    sender: Email = Field(examples=["crm@example.com"])
    """Whom mail is from."""
    deliver: Flag = False
    """Whether mail goes to those it is for; otherwise all of it goes to `redirect_to`."""
    redirect_to: Email | None = None
    """Who gets all mail as long as `deliver` is false."""


class Imap(MailServer):
    """Where mail is read; its password is `imap_password`."""

    port: Port = 993
    """Its port with TLS."""


class Website(Part):
    """The website whose forms arrive here; what it shows is `intake_secret`."""

    host: Hostname = Field(examples=["www.example.com"])
    """The website's host name."""


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
    website: Website
    intake_secret: Given
    """What the website shows; its own CRM_INTAKE_SECRET."""
    site: Site = Site()
    postgres: parts.Postgres = parts.Postgres(image="postgres:17")
    redis: parts.Redis = parts.Redis()
    images: parts.Images = parts.Images()
    secret_rotation: SecretRotation = SecretRotation()

    rules = rules.ALL
