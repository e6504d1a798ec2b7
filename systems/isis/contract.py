"""The backend's contract: what its image reads, by whom it acts, what runs before it serves."""

import dataclasses
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import pulumi

from components.database import Database, DatabaseUser, DatabaseUserArgs
from components.environment_contract import HOST, URL, Presence, Variable, at_least, one_of
from components.generated_secret import GeneratedSecret, GeneratedSecretArgs
from components.health import HealthCheck
from components.job import Job
from components.runtimes.container import SECRETS_FOLDER
from components.secrets import Secret, plain
from components.sql import Access

if TYPE_CHECKING:
    from .config import IsisConfig

STATIC, LOGS, MEDIA = "/data/static", "/data/logs", "/data/media"
"""Where the container has its folders."""
SMOKE_ACCOUNT = "smoke"
"""Who the smoke test logs in as; no administrator."""
THREADS = 4
"""Of each gunicorn worker, as the image starts them."""

RESERVED = {
    "SECRET_KEY": "raise secret_rotation.django for a new one",
    "ALLOWED_HOSTS": "set domain",
    "CORS_ALLOWED_ORIGINS": "set spa_origins",
    "CSRF_TRUSTED_ORIGINS": "set spa_origins",
    "WEB_CONCURRENCY": "set app.processes",
    "STATIC_ROOT": "leave the folder to the program",
    "MEDIA_ROOT": "leave the folder to the program",
    "LOG_FOLDER": "leave the folder to the program",
    "AWS_S3_ENDPOINT_URL": "set media.endpoint",
    "AWS_S3_REGION_NAME": "set media.region",
    "AWS_STORAGE_BUCKET_NAME": "set media.bucket",
    "AWS_ACCESS_KEY_ID": "set media.access_key_id",
    "GOOGLE_OAUTH2_CLIENT_ID": "set google.client_id",
    "GOOGLE_OIDC_ENDPOINT": "set google.endpoint",
    "AWS_CA_BUNDLE": "set media.ca_certificate",
    "REQUESTS_CA_BUNDLE": "set google.ca_certificate",
}
"""What only the program sets, and which key to set instead."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """What the image is given, by whom it acts as in the database."""

    config: "IsisConfig"
    """The stack's settings."""
    database: Database
    """Where the documents are."""
    migrator: DatabaseUser
    """Changes the schema, in a job of each release."""
    writer: DatabaseUser
    """Changes rows: the backend itself."""
    django_key: Secret
    """Signs sessions."""
    smoke_password: Secret
    """What the smoke test logs in with."""

    def variables(self, user: DatabaseUser) -> dict[str, str]:
        """Return the plain values."""
        config, server = self.config, self.database.server
        origins = ",".join(config.spa_origins)
        made = {
            **config.app.environment,
            "DEBUG": "0",
            "ALLOWED_HOSTS": config.domain,
            "CORS_ALLOWED_ORIGINS": origins,
            "CSRF_TRUSTED_ORIGINS": origins,
            "DATABASE_HOST": server.hostname,
            "DATABASE_PORT": str(server.port),
            "DATABASE_NAME": self.database.database_name,
            "DATABASE_USER": user.username,
            "DJANGO_HSTS_SECONDS": str(config.site.hsts_seconds),
            "WEB_CONCURRENCY": str(config.app.processes),
            "STATIC_ROOT": STATIC,
            "MEDIA_ROOT": MEDIA,
            "LOG_FOLDER": LOGS,
        }
        if config.media:
            made |= {
                "AWS_S3_ENDPOINT_URL": config.media.endpoint,
                "AWS_S3_REGION_NAME": config.media.region,
                "AWS_STORAGE_BUCKET_NAME": config.media.bucket,
                "AWS_ACCESS_KEY_ID": config.media.access_key_id,
            }
        if config.google:
            made |= {
                "GOOGLE_OAUTH2_CLIENT_ID": config.google.client_id,
                "GOOGLE_OIDC_ENDPOINT": config.google.endpoint,
            }
        return made | {
            variable: f"{SECRETS_FOLDER}/{name}" for variable, name, _ in self._authorities()
        }

    def secrets(self, user: DatabaseUser) -> dict[str, Secret]:
        """Return the secrets: the program's own, those that people gave, and whom it trusts."""
        given = {
            "AWS_SECRET_ACCESS_KEY": self.config.media_secret_access_key,
            "GOOGLE_OAUTH2_CLIENT_SECRET": self.config.google_client_secret,
        }
        own = {"SECRET_KEY": self.django_key, "DATABASE_PASSWORD": user.password}
        trusted = {name: plain(text) for _, name, text in self._authorities()}
        return own | trusted | {name: secret for name, secret in given.items() if secret}

    def environment(self) -> dict[str, Variable]:
        """Return what the running backend must have, whoever set it."""
        whole: Presence = "required" if self.config.media else "forbidden"
        google: Presence = "required" if self.config.google else "forbidden"
        return {
            "DEBUG": Variable(secret=False, shape=one_of("0")),
            "SECRET_KEY": Variable(secret=True, shape=at_least(50)),
            "ALLOWED_HOSTS": Variable(shape=HOST),
            "DATABASE_HOST": Variable(shape=HOST),
            "DATABASE_PASSWORD": Variable(secret=True),
            "AWS_S3_ENDPOINT_URL": Variable(presence=whole, shape=URL),
            "AWS_SECRET_ACCESS_KEY": Variable(presence=whole, secret=True),
            "GOOGLE_OAUTH2_CLIENT_SECRET": Variable(presence=google, secret=True),
        }

    def smoke_login(self) -> dict[str, pulumi.Input[str]]:
        """Return what the smoke test logs in with; secret."""
        return {"username": SMOKE_ACCOUNT, "password": self.smoke_password.value}

    def jobs(self) -> list[Job]:
        """Return what runs in the new image before it serves: schema, static files, an account."""
        password = {"ACCOUNT_PASSWORD": self.smoke_password}
        return [
            dataclasses.replace(
                self._job("migrate", ["migrate", "--no-input"], self.migrator),
                dump=self.database.dump(),
            ),
            self._job("collectstatic", ["collectstatic", "--no-input"], self.writer),
            self._job("account", ["account", SMOKE_ACCOUNT], self.writer, password),
        ]

    def _authorities(self) -> Iterator[tuple[str, str, str]]:
        """Yield what names a certificate's file to the image, the file's name, the certificate."""
        media, google = self.config.media, self.config.google
        if media and media.ca_certificate:
            yield "AWS_CA_BUNDLE", "MEDIA_CA", media.ca_certificate
        if google and google.ca_certificate:
            yield "REQUESTS_CA_BUNDLE", "GOOGLE_CA", google.ca_certificate

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


def agree(config: "IsisConfig", database: Database) -> Contract:
    """Make the users and secrets that the image needs."""
    # Every thread may hold a connection, and two releases run side by side for a while.
    most = 2 * config.app.processes * THREADS
    rotation = config.secret_rotation
    key = GeneratedSecretArgs(length=64, rotation=rotation.django)
    return Contract(
        config=config,
        database=database,
        migrator=_user(config, database, "migrator", "migrator", 5),
        writer=_user(config, database, "backend", "read_write", most),
        django_key=GeneratedSecret("django-key", key).secret,
        smoke_password=GeneratedSecret(
            "smoke-password", GeneratedSecretArgs(rotation=rotation.smoke)
        ).secret,
    )


def _user(
    config: "IsisConfig", database: Database, role: str, access: Access, connections: int
) -> DatabaseUser:
    return DatabaseUser(
        f"isis-{role}",
        DatabaseUserArgs(
            database=database,
            name=f"isis_{role}",
            access=access,
            connection_limit=connections,
            rotation=config.secret_rotation.database,
        ),
    )


def health(config: "IsisConfig") -> HealthCheck:
    """Return the gate: Django answers to its own name only, and sends plain HTTP to HTTPS."""
    return HealthCheck(
        path="/api/healthz",
        headers={"Host": config.domain, "X-Forwarded-Proto": "https"},
        start_seconds=config.app.start_timeout_seconds,
    )
