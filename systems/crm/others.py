"""The keys of crm about what others run: storage, mail, the signing app."""

from typing import Annotated

from pydantic import AfterValidator, Field

from components.config import Part
from components.config.guarding import Name, Path
from components.config.network_values import Email, Hostname, HttpsUrl
from components.config.values import (
    BucketName,
    Flag,
    Image,
    Login,
    Port,
    Rotation,
    SqlName,
    Text,
    distinct,
)


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


Version = Annotated[Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")]
"""A version as the app itself says it."""


class SigningStage(Part):
    """A version of the signing app on its way."""

    version: Version = Field(examples=["2.0.0"])
    """What the app answers when it runs."""
    image: Image = Field(examples=["registry.example.com/homeport/signer:2.0.0"])
    """Its image, from `registry`."""


class SigningUpgrade(Part):
    """The way of the signing app on this server to a newer version: tried on a copy first."""

    container: Name = Field(examples=["signing-app"])
    """Its container, which has to be among `guard.vital.containers`."""
    version: Version = Field(examples=["1.13.1"])
    """The version that it has before the first stage."""
    database_container: Name = Field(examples=["signing-db"])
    """The container of its PostgreSQL."""
    database: SqlName = Field(examples=["signing"])
    """Its database there."""
    volumes: Annotated[tuple[Name, ...], AfterValidator(distinct)] = Field(
        (), examples=[["signing-data"]]
    )
    """All volumes that it writes to."""
    files: Annotated[tuple[Path, ...], AfterValidator(distinct)] = Field(
        (), examples=[["/srv/signing"]]
    )
    """Files that are backed up too."""
    stages: Annotated[tuple[SigningStage, ...], Field(min_length=1)]
    """The versions in order; the last one stays."""
    proceed: Flag = False
    """Whether it is upgraded; otherwise it is backed up, and the upgrade tried on a copy."""
    keep_way_back: Flag = True
    """Whether old container and database stay, out of the way, after the upgrade."""
    revision: Rotation = 1
    """Raise it for a new backup and a new trial."""
