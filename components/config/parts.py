"""Parts of a configuration that one system has like the next."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from .. import artefact_source
from ..host import Host
from ..registry import RegistryLogin, RegistryLoginArgs
from ..rootless import RootlessAccount
from ..secrets import Secret
from .catalogue_values import Location, ServerType, System
from .environment import Environment
from .loading import Part
from .network_values import Directory, Email, Hostname, HttpsUrl, Network, Registry, networks
from .problems import refuse
from .ssh_keys import PublicKey
from .values import (
    Commit,
    Flag,
    Image,
    Login,
    Mib,
    PostgresImage,
    Revision,
    Seconds,
    Sha256,
    Text,
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
    """The location; changing it replaces server, address and volume, if nothing is protected."""
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


class Postgres(Part):
    """The database server."""

    image: PostgresImage = Field("postgres:17", examples=["postgres:17"])
    """Its image; the major version cannot be changed by changing the tag."""
    memory_mib: Annotated[Mib, Field(ge=128)] = 512
    """Its memory limit in MiB; buffers and caches are sized by it."""
    protect: Flag = False
    """Whether the data refuses to be deleted."""


class Redis(Part):
    """The Redis server."""

    image: Image = Field("redis:7", examples=["redis:7"])
    """Its image."""
    memory_mib: Mib = 128
    """Its memory limit in MiB, three quarters of it for data."""


class RegistryAccount(Part):
    """A private registry; its password is `registry_password`."""

    server: Registry = Field(examples=["ghcr.io"])
    """The registry's host name."""
    username: Login = Field(examples=["deploy-bot"])
    """The account; one that can only read is enough."""

    def login(
        self, host: Host, password: Secret, account: RootlessAccount | None = None
    ) -> RegistryLogin:
        """Have a host's Docker, or the Podman of an account there, log in to the registry."""
        args = RegistryLoginArgs(
            host=host,
            registry=self.server,
            username=self.username,
            password=password,
            account=account,
        )
        return RegistryLogin("registry", args)


class Images(Part):
    """Rules for images."""

    require_digest: Flag = False
    """Whether every image must be pinned by its digest: `name:tag@sha256:…`."""


class Source(Part):
    """An artefact's place: exactly one of `path`, `url` with `sha256`, and `url` with `commit`."""

    path: Text | None = Field(None, examples=["dist/backend"])
    """A file or folder of this machine, relative to the project."""
    url: HttpsUrl | None = Field(None, examples=["https://releases.example.com/app-1.0.0.tar.gz"])
    """An archive that the server downloads, or a git repository that it reads."""
    sha256: Sha256 | None = None
    """The archive's only accepted content."""
    commit: Commit | None = None
    """The repository's commit."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = (bool(self.path), bool(self.url), bool(self.sha256), bool(self.commit))
        if given not in (
            (True, False, False, False),
            (False, True, True, False),
            (False, True, False, True),
        ):
            cure = "give path alone, url with sha256 (an archive), or url with commit (git)"
            refuse("is no whole source", cure, show=False)
        return self

    def source(self) -> artefact_source.Source:
        """Return it as an artefact takes it.

        Raises:
            ValueError: there is nothing at the path.
        """
        if self.path:
            return artefact_source.LocalSource(path=self.path)
        if self.sha256:
            return artefact_source.UrlSource(url=str(self.url), sha256=self.sha256)
        return artefact_source.GitSource(url=str(self.url), commit=str(self.commit))


class Workload(Part):
    """What runs, wherever it comes from."""

    memory_mib: Mib = 256
    """Memory limit of the app in MiB."""
    environment: Environment = Field(default_factory=dict, examples=[{"LOG_LEVEL": "INFO"}])
    """Environment variables; never a secret."""
    start_timeout_seconds: Seconds = 60
    """How long a new release may take until it is healthy; then the old one stays."""
    drain_seconds: Seconds = 30
    """How long an old release may finish its requests."""
    revision: Revision = 1
    """Raise it for a new release of the same settings."""

    def limits(self) -> dict[str, int]:
        """Return the memory limits of everything that a release starts, by their keys."""
        return {"memory_mib": self.memory_mib}


class _Image(Part):
    image: Image = Field(examples=["ghcr.io/you/app:1.0.0"])
    """Its image; a new one is a new release."""

    def pulled(self) -> dict[str, str]:
        """Return what comes from a registry, by the key of the stack's file."""
        return {"app.image": self.image}


class App(Workload, _Image):  # in this order, the image comes first in messages and documentation
    """The app."""
