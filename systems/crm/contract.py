"""The app's contract: what its image reads, by whom it acts, what runs before it serves."""

import dataclasses
from typing import TYPE_CHECKING

import pulumi

from components.database import Database, DatabaseUser, DatabaseUserArgs
from components.environment_contract import (
    EMAIL,
    HOST,
    NUMBER,
    ORIGIN,
    URL,
    Presence,
    Variable,
    at_least,
)
from components.generated_secret import GeneratedSecret, GeneratedSecretArgs
from components.health import HealthCheck
from components.job import Job
from components.redis import RedisServer
from components.secrets import Secret
from components.sql import Access

if TYPE_CHECKING:
    from .config import CrmConfig

LOGIN = "operator"
"""The account that can log in."""
CONNECTIONS = 60
"""Of the app's user: two releases of app and worker run side by side during a deploy."""
MIGRATOR_CONNECTIONS = 5

RESERVED = {
    "APP_URL": "set domain",
    "REDIS_HOST": "leave it to the program",
    "REDIS_PORT": "leave it to the program",
    "STORAGE_ENDPOINT": "set storage.endpoint",
    "STORAGE_REGION": "set storage.region",
    "STORAGE_BUCKET": "set storage.bucket",
    "STORAGE_ACCESS_KEY_ID": "set storage.access_key_id",
    "SIGNING_HOST": "set signing.host",
    "SIGNING_VERSION": "set signing.version",
    "SMTP_HOST": "set smtp.host",
    "SMTP_PORT": "set smtp.port",
    "SMTP_USERNAME": "set smtp.username",
    "SMTP_FROM": "set smtp.sender",
    "IMAP_HOST": "set imap.host",
    "IMAP_PORT": "set imap.port",
    "IMAP_USERNAME": "set imap.username",
    "EMAIL_REDIRECT_TO": "set smtp.redirect_to",
    "WEBSITE_HOST": "set website.host",
    "LOGIN_USERNAME": "leave it to the program",
}
"""What only the program sets, and which key to set instead."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """What app, worker and jobs are given, and by whom they act in the database."""

    config: "CrmConfig"
    """The stack's settings."""
    database: Database
    """Where the records are."""
    redis: RedisServer
    """What the authenticated health check looks at besides."""
    migrator: DatabaseUser
    """Changes the schema, in a job of each release."""
    writer: DatabaseUser
    """Changes rows: the app, its worker, the seed."""
    auth: Secret
    """Signs sessions."""
    health: Secret
    """What the authenticated health check is shown."""
    login: Secret
    """The password of the account that can log in."""

    def variables(self) -> dict[str, str]:
        """Return the plain values of app and worker."""
        config = self.config
        storage, signing, smtp, imap = config.storage, config.signing, config.smtp, config.imap
        made = {
            **config.app.environment,
            **self._connection(self.writer),
            "APP_URL": f"https://{config.domain}",
            "REDIS_HOST": self.redis.hostname,
            "REDIS_PORT": str(self.redis.port),
            "STORAGE_ENDPOINT": storage.endpoint,
            "STORAGE_REGION": storage.region,
            "STORAGE_BUCKET": storage.bucket,
            "STORAGE_ACCESS_KEY_ID": storage.access_key_id,
            "SIGNING_HOST": signing.host,
            "SIGNING_VERSION": signing.version,
            "SMTP_HOST": smtp.host,
            "SMTP_PORT": str(smtp.port),
            "SMTP_USERNAME": smtp.username,
            "SMTP_FROM": smtp.sender,
            "IMAP_HOST": imap.host,
            "IMAP_PORT": str(imap.port),
            "IMAP_USERNAME": imap.username,
            "WEBSITE_HOST": config.website.host,
            "LOGIN_USERNAME": LOGIN,
        }
        return made | ({"EMAIL_REDIRECT_TO": smtp.redirect_to} if smtp.redirect_to else {})

    def secrets(self) -> dict[str, Secret]:
        """Return the secrets of app and worker: the program's own, and those that people gave."""
        config = self.config
        return {
            "DATABASE_PASSWORD": self.writer.password,
            "REDIS_PASSWORD": self.redis.password,
            "AUTH_SECRET": self.auth,
            "HEALTH_SECRET": self.health,
            "LOGIN_PASSWORD": self.login,
            "INTAKE_SECRET": config.intake_secret,
            "STORAGE_SECRET_KEY": config.storage_secret_key,
            "SIGNING_API_KEY": config.signing_api_key,
            "SMTP_PASSWORD": config.smtp_password,
            "IMAP_PASSWORD": config.imap_password,
        }

    def environment(self) -> dict[str, Variable]:
        """Return what a running release must have and must not, whoever set it."""
        redirect: Presence = "forbidden" if self.config.smtp.deliver else "required"
        secrets = {name: Variable(secret=True) for name in self.secrets()}
        return {
            **secrets,
            "AUTH_SECRET": Variable(secret=True, shape=at_least(32)),
            "HEALTH_SECRET": Variable(secret=True, shape=at_least(32)),
            "LOGIN_PASSWORD": Variable(secret=True, shape=at_least(20)),
            "INTAKE_SECRET": Variable(secret=True, shape=at_least(16)),
            "APP_URL": Variable(shape=ORIGIN),
            "DATABASE_HOST": Variable(shape=HOST),
            "REDIS_HOST": Variable(shape=HOST),
            "REDIS_PORT": Variable(shape=NUMBER),
            "STORAGE_ENDPOINT": Variable(shape=URL),
            "STORAGE_BUCKET": Variable(),
            "STORAGE_ACCESS_KEY_ID": Variable(),
            "SIGNING_HOST": Variable(shape=HOST),
            "SIGNING_VERSION": Variable(),
            "SMTP_HOST": Variable(shape=HOST),
            "SMTP_FROM": Variable(shape=EMAIL),
            "IMAP_HOST": Variable(shape=HOST),
            "EMAIL_REDIRECT_TO": Variable(presence=redirect, shape=EMAIL),
        }

    def jobs(self) -> list[Job]:
        """Return what runs in a new release before it serves: the schema, a first content."""
        return [
            Job(
                name="migrate",
                command=["migrate"],
                environment=self._connection(self.migrator),
                secrets={"DATABASE_PASSWORD": self.migrator.password},
                dump=self.database.dump(),
            ),
            Job(
                name="seed",
                command=["seed"],
                environment=self._connection(self.writer),
                secrets={"DATABASE_PASSWORD": self.writer.password},
            ),
        ]

    def health_login(self) -> dict[str, pulumi.Input[str]]:
        """Return what the smoke test shows to the authenticated health check; secret."""
        return {"X-Health-Secret": self.health.value}

    def smoke_login(self) -> dict[str, pulumi.Input[str]]:
        """Return the login with which the smoke test opens a session; secret."""
        return {"username": LOGIN, "password": self.login.value}

    def _connection(self, user: DatabaseUser) -> dict[str, str]:
        server = self.database.server
        return {
            "DATABASE_HOST": server.hostname,
            "DATABASE_PORT": str(server.port),
            "DATABASE_NAME": self.database.database_name,
            "DATABASE_USER": user.username,
        }


def agree(config: "CrmConfig", database: Database, redis: RedisServer) -> Contract:
    """Make the users and secrets that the image needs."""
    rotation = config.secret_rotation
    return Contract(
        config=config,
        database=database,
        redis=redis,
        migrator=_user(config, database, "migrator", "migrator", MIGRATOR_CONNECTIONS),
        writer=_user(config, database, "app", "read_write", CONNECTIONS),
        auth=_generated("auth-secret", rotation.auth),
        health=_generated("health-secret", rotation.health),
        login=_generated("login-password", rotation.login),
    )


def _user(
    config: "CrmConfig", database: Database, role: str, access: Access, connections: int
) -> DatabaseUser:
    return DatabaseUser(
        f"crm-{role}",
        DatabaseUserArgs(
            database=database,
            name=f"crm_{role}",
            access=access,
            connection_limit=connections,
            rotation=config.secret_rotation.database,
        ),
    )


def _generated(name: str, rotation: int) -> Secret:
    return GeneratedSecret(name, GeneratedSecretArgs(rotation=rotation)).secret


def health(config: "CrmConfig") -> HealthCheck:
    """Return the gate."""
    return HealthCheck(path="/healthz", start_seconds=config.app.start_timeout_seconds)
