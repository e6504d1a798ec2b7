"""The keys of isis."""

from typing import Annotated

from pydantic import AfterValidator, Field

from components.config import Given, Part, Settings, parts
from components.config.network_values import Hostname, HttpsOrigin, HttpsUrl
from components.config.values import BucketName, Certificate, Mib, Rotation, Text, distinct

from . import rules


class Backend(parts.App):
    """The backend."""

    memory_mib: Mib = 384
    """Memory limit of the backend in MiB."""
    processes: Annotated[int, Field(strict=True, ge=1, le=32)] = 2
    """How many gunicorn workers, of four threads each; every thread may hold a connection to the
    database."""


class Media(Part):
    """An S3 bucket for media; its secret key is `media_secret_access_key`."""

    endpoint: HttpsUrl = Field(examples=["https://fsn1.your-objectstorage.com"])
    """The URL of the S3 service."""
    region: Text = Field(examples=["fsn1"])
    """The bucket's region; `auto` for R2."""
    bucket: BucketName = Field(examples=["isis-media"])
    """The bucket, which must exist."""
    access_key_id: Text = Field(examples=["GK31c2f218a2e44f48"])
    """The access key's id."""
    ca_certificate: Certificate | None = None
    """The certificate, as PEM, of the authority that has signed the service's own; None is a public
    one."""


class Google(Part):
    """A login with Google; its secret is `google_client_secret`."""

    endpoint: HttpsOrigin = "https://accounts.google.com"
    """Whose discovery document says where people log in; another one for a stand-in."""
    client_id: Text = Field(examples=["1234-abcd.apps.googleusercontent.com"])
    """The OAuth2 client's id; `https://<domain>/oauth/complete/google/` is what it sends people
    back to."""
    ca_certificate: Certificate | None = None
    """The certificate, as PEM, of the authority that has signed the endpoint's own; None is a
    public one."""


class SecretRotation(Part):
    """Raise a number to have new secrets made by the next `up`."""

    database: Rotation = 1
    """The passwords of the database's users."""
    django: Rotation = 1
    """Django's secret key; everybody has to log in again."""
    smoke: Rotation = 1
    """The password of the account that the smoke test logs in with."""


class IsisConfig(Settings):
    """Everything that differs between environments and users of isis."""

    domain: Hostname = Field(examples=["api.example.com"])
    """Where the backend is served."""
    spa_origins: Annotated[tuple[HttpsOrigin, ...], AfterValidator(distinct)] = Field(
        examples=[["https://app.example.com"]]
    )
    """Where the page lives: these origins may call the backend with its cookies."""
    acme: parts.Acme
    app: Backend
    server: parts.Server
    registry: parts.RegistryAccount
    registry_password: Given
    """The password or token of `registry.username`."""
    dns: parts.Dns | None = None
    site: parts.Site = parts.Site()
    postgres: parts.Postgres = parts.Postgres(image="postgres:17")
    media: Media | None = None
    media_secret_access_key: Given | None = None
    """The secret of `media.access_key_id`."""
    google: Google | None = None
    google_client_secret: Given | None = None
    """The secret of `google.client_id`."""
    images: parts.Images = parts.Images()
    secret_rotation: SecretRotation = SecretRotation()

    rules = rules.ALL
