"""The keys of command-center."""

import datetime
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from components.config import Part, Settings, parts
from components.config.network_values import Email, Hostname, HttpsUrl
from components.config.values import Day, Flag, Image, Login, Mib, PostgresImage, Rotation, distinct

from . import rules


class Service(parts.App):
    """One service of the platform."""

    memory_mib: Mib = 128
    """Memory limit of the service in MiB."""


class Auth(Service):
    """Auth: accounts, logins, and the tokens that everything else believes."""

    redirects_to: Annotated[tuple[HttpsUrl, ...], AfterValidator(distinct)] = Field(
        (), examples=[["https://app.example.com/welcome"]]
    )
    """Where a login may lead beside the site itself; becomes GOTRUE_URI_ALLOW_LIST."""
    token_seconds: Annotated[int, Field(strict=True, ge=60, le=86_400)] = 3600
    """How long a login lasts without being renewed."""


class Mail(Service):
    """The mail server, by which Auth writes and alerts arrive."""

    sender: Email = Field(examples=["platform@example.com"])
    """Whom mail is from."""


class Jwt(Part):
    """The anon and the service key."""

    expires: Day = Field(examples=["2036-01-31"])
    """Their last day; a later one signs them anew with the same secret."""

    @property
    def day(self) -> datetime.date:
        """The last day."""
        return datetime.date.fromisoformat(self.expires)


class Tool(Part):
    """What operators look through."""

    image: Image = Field(examples=["prom/prometheus:v2.42.0"])
    """Its image."""
    memory_mib: Mib = 64
    """Its memory limit in MiB."""


class PgAdmin(Tool):
    """A look into the database, as a user that reads."""

    image: Image = Field(examples=["dpage/pgadmin4:9.18"])
    """Its image."""
    memory_mib: Mib = 256
    """Its memory limit in MiB."""
    email: Email = Field(examples=["ops@example.com"])
    """Its account; the password is made by the program."""


class Logs(Tool):
    """The log store."""

    image: Image = Field(examples=["victoriametrics/victoria-logs:v1.52.1"])
    """Its image."""
    memory_mib: Mib = 128
    """Its memory limit in MiB."""
    days: Annotated[int, Field(strict=True, ge=1, le=3650)] = 30
    """How long a line can be found; the server's journal keeps it for three months at most."""
    disk_mib: Annotated[int, Field(strict=True, ge=64, le=1_048_576)] = 1024
    """How much of the disk it takes in MiB, after which the oldest lines go."""


class Grafana(Tool):
    """Dashboards of what Prometheus has measured."""

    enabled: Flag = False
    """Whether there is one; the local cloud has no image of it."""
    image: Image = Field("grafana/grafana:11.6.0", examples=["grafana/grafana:11.6.0"])
    """Its image."""
    memory_mib: Mib = 256
    """Its memory limit in MiB."""


class Monitoring(Part):
    """What watches the platform."""

    prometheus: Tool
    """Measures, and decides about alerts."""
    alertmanager: Tool
    """Tells of alerts by mail."""
    postgres_exporter: Tool
    """Tells of the database."""
    node_exporter: Tool
    """Tells of the server."""
    blackbox_exporter: Tool
    """Asks the site from outside, and looks at its certificate."""
    alerts_to: Email = Field(examples=["ops@example.com"])
    """Who is told."""

    def tools(self) -> Mapping[str, Tool]:
        """Return all of them by their keys."""
        return {
            "prometheus": self.prometheus,
            "alertmanager": self.alertmanager,
            "postgres_exporter": self.postgres_exporter,
            "node_exporter": self.node_exporter,
            "blackbox_exporter": self.blackbox_exporter,
        }


class Postgres(parts.Postgres):
    """The database server."""

    image: PostgresImage = Field("postgres:15", examples=["postgres:15"])
    """Its image; the major version cannot be changed by changing the tag."""


class Admin(Part):
    """Who sees mail, monitoring and pgAdmin, beside users of the platform."""

    username: Login = "operator"
    """The account; its password is made by the program."""


class Checks(Part):
    """What must hold before a release serves, beside row security on every public table."""

    isolation: Flag = False
    """Whether each `up` tries two made-up users in the database, and takes them back."""


class SecretRotation(Part):
    """Raise a number to have new secrets made by the next `up`."""

    jwt: Rotation = 1
    """What signs tokens, and the anon and the service key; everybody has to log in again."""
    database: Rotation = 1
    """The passwords of the database's users."""
    redis: Rotation = 1
    """The password of Redis."""
    mail: Rotation = 1
    """The key of the mail server's API."""
    objects: Rotation = 1
    """The secret of the key to the objects."""
    admin: Rotation = 1
    """The password of `admin.username`."""
    pgadmin: Rotation = 1
    """The password of `pgadmin.email`; what its account has kept in pgAdmin is gone."""


class CommandCenterConfig(Settings):
    """Everything that differs between environments and users of command-center."""

    domain: Hostname = Field(examples=["center.example.com"])
    """Where everything is served."""
    acme: parts.Acme
    server: parts.Server
    dns: parts.Dns | None = None
    site: parts.Site = parts.Site()
    jwt: Jwt
    auth: Auth
    rest: Service
    """PostgREST: the tables over HTTP."""
    realtime: Service
    """Realtime: changed rows over a websocket."""
    mail: Mail
    objects: Service
    """The S3 gateway and what is behind it."""
    monitoring: Monitoring
    logs: Logs
    pgadmin: PgAdmin
    grafana: Grafana = Grafana()
    admin: Admin = Admin()
    checks: Checks = Checks()
    postgres: Postgres = Postgres()
    redis: parts.Redis = parts.Redis()
    images: parts.Images = parts.Images()
    secret_rotation: SecretRotation = SecretRotation()

    rules = rules.ALL
