"""The keys of odoo."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from components.config import Given, Part, Settings, builds, parts
from components.config.network_values import Hostname
from components.config.problems import refuse
from components.config.values import Flag, Mib, Rotation, Seconds, Text, distinct

from . import rules
from .odoo_conf import LogLevel

_TENANT = re.compile(r"[a-z][a-z0-9]{0,29}")
_MODULE = re.compile(r"[a-z][a-z0-9_]{0,59}")


def _tenant(value: str) -> str:
    if not _TENANT.fullmatch(value):
        cure = "use 1 to 30 lower-case letters and digits, the first a letter"
        refuse("is no name of a tenant, which is part of a host name and of a database's", cure)
    if value == "www":
        refuse("is left out of host names by Odoo", "choose another name")
    return value


def _module(value: str) -> str:
    if not _MODULE.fullmatch(value):
        refuse("is no name of a module", "use lower-case letters, digits and underscores")
    return value


TenantName = Annotated[Text, AfterValidator(_tenant)]
"""The first label of a tenant's host name; its database is `<name>_db`."""
ModuleName = Annotated[Text, AfterValidator(_module)]
"""An addon's folder."""
Workers = Annotated[int, Field(strict=True, ge=1, le=128)]
"""HTTP processes."""


class Tenant(Part):
    """A tenant; removing it deletes its database and its files."""

    suspended: Flag = False
    """Whether nobody can work there; everything stays."""
    protect: Flag | None = None
    """Whether it refuses to be deleted; as `postgres.protect` without."""


class App(builds.BuildableApp):
    """The instance of the tenants, and the image of both."""

    memory_mib: Annotated[Mib, Field(ge=256)] = 1024
    """Memory limit of the tenants' instance in MiB, all its processes together."""
    workers: Workers | None = None
    """HTTP processes; 2 * processors + 1 without."""
    limit_memory_soft_mib: Annotated[Mib, Field(ge=256)] = 512
    """A worker that has more address space when its request is answered is replaced."""
    limit_memory_hard_mib: Annotated[Mib, Field(ge=256)] = 640
    """The most that a worker gets; a request that needs more fails."""
    log_level: LogLevel = "info"
    """What both instances log."""
    modules: Annotated[tuple[ModuleName, ...], AfterValidator(distinct)] = ("tenant",)
    """Modules that every tenant has, which each release upgrades."""


class Admin(Part):
    """The instance of the super-admin."""

    domain: Hostname = Field(examples=["admin.example.com"])
    """Where it is served."""
    memory_mib: Annotated[Mib, Field(ge=256)] = 640
    """Its memory limit in MiB."""
    workers: Workers | None = 2
    """HTTP processes; null is 2 * processors + 1."""
    limit_memory_soft_mib: Annotated[Mib, Field(ge=256)] = 512
    """As for `app`."""
    limit_memory_hard_mib: Annotated[Mib, Field(ge=256)] = 640
    """As for `app`."""
    database_manager: Flag = False
    """Whether its web database manager is on, opened by a password that the program makes."""


class Wildcard(Part):
    """One certificate for all tenants, by DNS; its token is `dns_token`."""

    zone: Hostname = Field(examples=["example.com"])
    """The zone at Hetzner that holds the domain."""


class Site(parts.Site):
    """The sites of both instances."""

    max_body_mib: Annotated[int, Field(strict=True, ge=1, le=1024)] = 64
    """The largest body that the proxy takes, in MiB."""
    timeout_seconds: Seconds = 600
    """How long the proxy waits for an instance."""


class Postgres(parts.Postgres):
    """Both database servers."""

    admin_memory_mib: Annotated[Mib, Field(ge=128)] = 256
    """Memory limit of the super-admin's database server in MiB."""


class SecretRotation(Part):
    """Raise a number to have new secrets made by the next `up`."""

    database: Rotation = 1
    """The passwords that the instances log in to their database servers with; loses no request."""
    admin_passwd: Rotation = 1
    """What opens the web database manager, where that is on."""


class OdooConfig(Settings):
    """Everything that differs between environments and users of odoo."""

    domain: Hostname = Field(examples=["example.com"])
    """The tenants are one level below it: `<tenant>.<domain>`."""
    tenants: dict[TenantName, Tenant] = Field(
        default_factory=dict, examples=[{"acme": {"suspended": False}}]
    )
    """The tenants by name; `homeport tenant` changes them."""
    server: parts.Server
    dns: parts.Dns | None = None
    wildcard: Wildcard | None = None
    dns_token: Given | None = None
    """A token that may change the records of `wildcard.zone`."""
    acme: parts.Acme
    site: Site = Site()
    registry: parts.RegistryAccount | None = None
    registry_password: Given | None = None
    """The password or token of `registry.username`."""
    app: App
    admin: Admin
    postgres: Postgres = Postgres(image="postgres:17")
    images: parts.Images = parts.Images()
    secret_rotation: SecretRotation = SecretRotation()

    rules = rules.ALL
