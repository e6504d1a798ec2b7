"""The backend's contract: what it reads, by whom it acts in the database, what runs before it."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import pulumi

from components import names
from components.database import Database, DatabaseUser, DatabaseUserArgs
from components.environment_contract import HOST, Presence, Variable, at_least, one_of
from components.generated_secret import GeneratedSecret, GeneratedSecretArgs
from components.health import HealthCheck
from components.job import Job
from components.managed_postgres import ManagedPostgres
from components.runtimes.unit import state_folder
from components.secrets import Secret
from components.site_headers import content_security_policy
from components.sql import Access

if TYPE_CHECKING:
    from .config import DmsConfig
    from .places import Place

SMOKE_ACCOUNT = "smoke"
"""Who the smoke test logs in as; no administrator."""
THREADS = 4
"""Of each gunicorn worker, as the backend starts them."""
MIGRATOR_CONNECTIONS = 5
SPARE_CONNECTIONS = 3
"""Of the backend's user: for jobs, and for whoever uses `dms-manage`."""

RESERVED = {
    "DJANGO_SETTINGS_MODULE": "leave it to the program",
    "DJANGO_SECRET_KEY": "raise secret_rotation.django for a new one",
    "DJANGO_ALLOWED_HOSTS": "set domain",
    "DJANGO_CSRF_TRUSTED_ORIGINS": "set domain",
    "DJANGO_HSTS_SECONDS": "set site.hsts_seconds",
    "DB_NAME": "set database.name",
    "DB_USER": "leave the users to the program",
    "DB_HOST": "set database.host",
    "DB_PORT": "set database.port",
    "PGSSLMODE": "leave it: the server's certificate is always checked",
    "PGSSLROOTCERT": "set database.ca_certificate",
    "SENTRY_DSN": "set sentry.dsn",
    "WEB_CONCURRENCY": "set app.processes",
    "STATIC_ROOT": "leave the folder to the program",
    "MEDIA_ROOT": "leave the folder to the program",
}
"""What only the program sets, and which key to set instead."""


def folder(place: "Place") -> str:
    """Return where the backend keeps static files and media."""
    return state_folder(f"{names.system()}-{place.named('backend')}")


def connections(processes: int) -> int:
    """Return how many connections two releases side by side, commands and a migration may hold."""
    return 2 * processes * THREADS + SPARE_CONNECTIONS + MIGRATOR_CONNECTIONS


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """What the backend is given, by whom it acts as in the database."""

    place: "Place"
    """Where the backend runs."""
    server: ManagedPostgres
    """Where the database is."""
    migrator: DatabaseUser
    """Changes the schema, in a job of each release."""
    writer: DatabaseUser
    """Changes rows: the backend itself."""
    django_keys: tuple[Secret, ...]
    """Signs sessions; the one before is still believed."""
    smoke_password: Secret
    """What the smoke test logs in with."""

    def variables(self, user: DatabaseUser) -> dict[str, str]:
        """Return the plain values."""
        config = self.place.config
        made = {
            **config.app.environment,
            "DEBUG": "0",
            "DJANGO_SETTINGS_MODULE": "archive.settings",
            "DJANGO_ALLOWED_HOSTS": config.domain,
            "DJANGO_CSRF_TRUSTED_ORIGINS": f"https://{config.domain}",
            "DJANGO_HSTS_SECONDS": str(config.site.hsts_seconds),
            "DB_HOST": self.server.hostname,
            "DB_PORT": str(self.server.port),
            "DB_NAME": config.database.name,
            "DB_USER": user.username,
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": self.server.authorities,
            "WEB_CONCURRENCY": str(config.app.processes),
            "STATIC_ROOT": f"{folder(self.place)}/static",
            "MEDIA_ROOT": f"{folder(self.place)}/media",
        }
        return made | ({"SENTRY_DSN": config.sentry.dsn} if config.sentry.dsn else {})

    def secrets(self, user: DatabaseUser) -> dict[str, Secret]:
        """Return the secrets, all of them the program's own."""
        key, *before = self.django_keys
        fallbacks = {"DJANGO_SECRET_KEY_FALLBACKS": before[0]} if before else {}
        return {"DJANGO_SECRET_KEY": key, "DB_PASSWORD": user.password, **fallbacks}

    def environment(self) -> dict[str, Variable]:
        """Return what the running backend must have, whoever set it."""
        sentry: Presence = "required" if self.place.config.sentry.required else "optional"
        return {
            "DEBUG": Variable(secret=False, shape=one_of("0")),
            "DJANGO_SECRET_KEY": Variable(secret=True, shape=at_least(50)),
            "DJANGO_ALLOWED_HOSTS": Variable(shape=HOST),
            "DB_HOST": Variable(shape=HOST),
            "DB_NAME": Variable(),
            "DB_USER": Variable(),
            "DB_PASSWORD": Variable(secret=True),
            "PGSSLMODE": Variable(shape=one_of("verify-full")),
            "SENTRY_DSN": Variable(presence=sentry),
        }

    def smoke_login(self) -> dict[str, pulumi.Input[str]]:
        """Return what the smoke test logs in with; secret."""
        return {"username": SMOKE_ACCOUNT, "password": self.smoke_password.value}

    def jobs(self) -> list[Job]:
        """Return what runs in the new release before it serves.

        Django's own look at what is unsafe, the schema, static files, an account.
        """
        password = {"ACCOUNT_PASSWORD": self.smoke_password}
        check = ["check", "--deploy", "--fail-level", "WARNING"]
        return [
            self._job("check", check, self.writer),
            self._job("migrate", ["migrate", "--no-input"], self.migrator),
            self._job("collectstatic", ["collectstatic", "--no-input"], self.writer),
            self._job("account", ["account", SMOKE_ACCOUNT], self.writer, password),
        ]

    def _job(
        self,
        name: str,
        command: list[str],
        user: DatabaseUser,
        more: Mapping[str, Secret] = MappingProxyType({}),
    ) -> Job:
        return Job(
            name=name,
            command=["archive", *command],
            environment=self.variables(user),
            secrets={**self.secrets(user), **more},
        )


def agree(place: "Place", server: ManagedPostgres, database: Database) -> Contract:
    """Make the users and secrets that the backend needs."""
    rotation = place.config.secret_rotation
    most = connections(place.config.app.processes) - MIGRATOR_CONNECTIONS
    return Contract(
        place=place,
        server=server,
        migrator=_user(place, database, "migrator", "migrator", MIGRATOR_CONNECTIONS),
        writer=_user(place, database, "writer", "read_write", most),
        django_keys=tuple(
            _generated(place.named(f"django-key-{number}"), number, length=64)
            for number in (rotation.django, rotation.django - 1)
            if number
        ),
        smoke_password=_generated(place.named("smoke-password"), rotation.smoke),
    )


def _user(
    place: "Place", database: Database, role: str, access: Access, connections: int
) -> DatabaseUser:
    # Another rotation is another user: while releases change, each has its own (docs/adr/0025).
    number = place.config.secret_rotation.database
    return DatabaseUser(
        place.named(f"dms-{role}-{number}"),
        DatabaseUserArgs(
            database=database,
            name=f"{place.config.database.name}_{role}_{number}",
            access=access,
            connection_limit=connections,
            rotation=number,
        ),
    )


def _generated(name: str, rotation: int, length: int = 40) -> Secret:
    return GeneratedSecret(name, GeneratedSecretArgs(length=length, rotation=rotation)).secret


def admin_password(place: "Place") -> Secret:
    """Make the password that is asked for before /admin."""
    return _generated(place.named("admin-password"), place.config.secret_rotation.admin)


def headers(config: "DmsConfig") -> dict[str, str]:
    """Return what every answer carries, Django's and the page's."""
    policy = content_security_policy(**config.site.content_security_policy)
    return {"Content-Security-Policy": policy, "Referrer-Policy": "same-origin"}


def health(config: "DmsConfig") -> HealthCheck:
    """Return the gate: Django answers to its own name only, and sends plain HTTP to HTTPS."""
    return HealthCheck(
        path="/api/healthz",
        headers={"Host": config.domain, "X-Forwarded-Proto": "https"},
        start_seconds=config.app.start_timeout_seconds,
    )
