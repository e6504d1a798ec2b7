"""The keys of dms."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from components.config import Given, Part, Settings, parts
from components.config.network_values import Hostname, Network, SentryDsn
from components.config.problems import refuse
from components.config.values import (
    Certificate,
    Flag,
    Login,
    Mib,
    Port,
    Rotation,
    SqlName,
    Text,
    distinct,
)

from . import rules


class Backend(parts.Workload):
    """The backend."""

    source: parts.Source
    """The release: its code, with a lock file and wheels of all that it needs."""
    memory_mib: Mib = 512
    """Memory limit of the backend in MiB."""
    processes: Annotated[int, Field(strict=True, ge=1, le=32)] = 3
    """How many gunicorn workers, of four threads each; every thread may hold a connection to the
    database."""


class Site(parts.Site):
    """The site on the domain."""

    content_security_policy: Annotated[
        dict[str, tuple[str, ...]], AfterValidator(rules.understood_policy)
    ] = Field({"default": ("self",)}, examples=[{"default": ["self"], "img": ["self", "data:"]}])
    """Where the page may load what from, by kind: default, script, style, img, connect, …"""


class Admin(Part):
    """Who reaches /admin at all, before Django asks for a password of its own."""

    basic_auth_user: Login | None = None
    """Asks for a password first; the program makes it, as output `admin_login`."""
    allow_from: Annotated[tuple[Network, ...], AfterValidator(distinct)] = Field(
        (), examples=[["203.0.113.0/24"]]
    )
    """Networks that may ask; empty is everybody."""


class ManagedDatabase(Part):
    """A database at a service or on `database_server`; its password is `database_password`."""

    host: Hostname = Field(examples=["db-1234.provider.example.com"])
    """The server's name, which its certificate has to carry."""
    port: Port = 5432
    """Where it listens."""
    username: SqlName = Field(examples=["doadmin"])
    """The role that the service gave you; it needs CREATEDB and CREATEROLE. On `database_server` it
    is made."""
    name: SqlName = Field(examples=["dms_production"])
    """The database, which this stack makes; its users are named after it."""
    ca_certificate: Certificate | None = None
    """The authority that signs the server's certificate; without, the public ones."""
    max_connections: Annotated[int, Field(strict=True, ge=10, le=100_000)] = 100
    """How many connections the service allows for this stack."""


class Sentry(Part):
    """Where errors are reported."""

    dsn: SentryDsn | None = Field(None, examples=["https://key@sentry.example.com/7"])
    """The project's DSN; it can only send."""
    required: Flag = False
    """Whether the stack must not come up without it."""


_REPLICA = re.compile(r"[a-z][a-z0-9]{0,15}")


def _replica(value: str) -> str:
    if not _REPLICA.fullmatch(value):
        cure = "use 1 to 16 lower-case letters and digits, the first a letter"
        refuse("is no name of a replica, which is part of its server's and its database's", cure)
    return value


ReplicaName = Annotated[Text, AfterValidator(_replica)]
"""Part of the names of a replica's server and database."""


class Replica(Part):
    """The system once more: released together with the first, and with nothing in common."""

    domain: Hostname = Field(examples=["eu.dms.example.com"])
    """Where its page and backend are served."""
    server: parts.Server
    """Its server."""


class SecretRotation(Part):
    """Raise a number to have new secrets made by the next `up`, without a failed request."""

    database: Rotation = 1
    """The database's users: new ones with new passwords; the old go with the old release."""
    django: Rotation = 1
    """Django's secret key; what the one before has signed stays valid until the next."""
    smoke: Rotation = 1
    """The password of the account that the smoke test logs in with."""
    admin: Rotation = 1
    """The password before /admin."""


class DmsConfig(Settings):
    """Everything that differs between environments and users of dms."""

    domain: Hostname = Field(examples=["dms.example.com"])
    """Where page and backend are served."""
    acme: parts.Acme
    app: Backend
    page: parts.Source
    """The page's build: index.html, and files with hashes in their names in assets/."""
    server: parts.Server
    database: ManagedDatabase
    database_server: parts.Server | None = None
    """A server of your own for the database, in place of a service; only the backend's server may
    reach it. `database.host` is then its name, and `database.username` is made on it."""
    replicas: dict[ReplicaName, Replica] = Field(
        default_factory=dict,
        examples=[
            {
                "eu": {
                    "domain": "eu.dms.example.com",
                    "server": {"type": "cx23", "location": "nbg1"},
                }
            }
        ],
    )
    """More servers like the first, by name: each has the same release, and a database of its own,
    `<database.name>_<name>`. All other keys hold for them too."""
    database_password: Given
    """The password of `database.username`."""
    admin: Admin
    dns: parts.Dns | None = None
    site: Site = Site()
    sentry: Sentry = Sentry()
    secret_rotation: SecretRotation = SecretRotation()

    rules = rules.ALL
