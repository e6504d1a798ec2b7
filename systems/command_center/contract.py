"""What each service is given, by whom it acts in the database, and when it is healthy."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import pulumi

from components.database import Database, DatabaseUser, DatabaseUserArgs
from components.environment_contract import (
    EMAIL,
    HOST,
    NUMBER,
    ORIGIN,
    URL,
    Variable,
    at_least,
    one_of,
)
from components.generated_secret import GeneratedSecret, GeneratedSecretArgs
from components.health import HealthCheck
from components.job import Job
from components.jwt_keys import SHORTEST_SECRET, JwtKeys, JwtKeysArgs
from components.request_roles import RequestRole, RequestRoles, RequestRolesArgs
from components.secrets import Secret
from components.sql import Access

from . import names

if TYPE_CHECKING:
    from .config import CommandCenterConfig

Name = Literal["auth", "rest", "realtime", "mail", "objects"]
NAMES: tuple[Name, ...] = ("auth", "rest", "realtime", "mail", "objects")
"""The services, as they are called in the configuration and on their networks."""
_HEALTH: Mapping[Name, str] = {
    "auth": "/health",
    "rest": "/",
    "realtime": "/api/health",
    "mail": "/health",
    "objects": "/healthz",
}
_CONNECTIONS = 20
"""Of each service: two releases run side by side for a while."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """What the services are given."""

    config: "CommandCenterConfig"
    """The stack's settings."""
    database: Database
    """Where users and rows are."""
    jwt: JwtKeys
    """What all services check tokens with, and the keys of the page and of other servers."""
    roles: RequestRoles
    """What a request may be."""
    migrator: DatabaseUser
    """Makes Auth's schema, in a job of each release."""
    users: Mapping[str, DatabaseUser]
    """By whom auth, rest, realtime, the exporter and pgAdmin act."""
    mail_key: Secret
    """Opens the mail server's API."""
    objects_key: Secret
    """Signs requests for objects."""
    admin_password: Secret
    """Of the account that sees mail, monitoring and pgAdmin."""
    pgadmin_password: Secret
    """Of pgAdmin's own account."""

    def variables(self, name: Name) -> dict[str, str]:
        """Return the plain values of a service."""
        config, site = self.config, f"https://{self.config.domain}"
        made: dict[Name, dict[str, str]] = {
            "auth": {
                "API_EXTERNAL_URL": f"{site}/auth",
                "GOTRUE_SITE_URL": site,
                "GOTRUE_JWT_EXP": str(config.auth.token_seconds),
                "GOTRUE_SMTP_HOST": "mail",
                "GOTRUE_SMTP_PORT": str(names.SMTP_PORT),
                "GOTRUE_SMTP_ADMIN_EMAIL": config.mail.sender,
            },
            "rest": {
                "PGRST_DB_ANON_ROLE": names.ANON,
                "PGRST_DB_SCHEMAS": "public",
                "PGRST_OPENAPI_SERVER_PROXY_URI": f"{site}/api",
            },
            "realtime": {},
            "mail": {"SMTP_PORT": str(names.SMTP_PORT)},
            "objects": {
                "DATA_FOLDER": "/data",
                "S3_ACCESS_KEY": names.OBJECTS_KEY,
                "METRICS_PORT": str(names.OBJECTS_FIGURES_PORT),
            },
        }
        if config.auth.redirects_to:
            made["auth"]["GOTRUE_URI_ALLOW_LIST"] = ",".join(config.auth.redirects_to)
        return {**getattr(config, name).environment, **made[name]}

    def secrets(self, name: Name) -> dict[str, Secret]:
        """Return the secrets of a service."""
        made: dict[Name, dict[str, Secret]] = {
            "auth": {"DATABASE_URL": self._url("auth"), "GOTRUE_JWT_SECRET": self.jwt.secret},
            "rest": {"PGRST_DB_URI": self._url("rest"), "PGRST_JWT_SECRET": self.jwt.secret},
            "realtime": {
                "DATABASE_URL": self._url("realtime"),
                "API_JWT_SECRET": self.jwt.secret,
            },
            "mail": {"POSTAL_API_KEY": self.mail_key},
            "objects": {"S3_SECRET_KEY": self.objects_key},
        }
        return made[name]

    def environment(self, name: Name) -> dict[str, Variable]:
        """Return what a running release of a service must have, whoever set it."""
        secret = Variable(secret=True)
        token = Variable(secret=True, shape=at_least(SHORTEST_SECRET))
        made: dict[Name, dict[str, Variable]] = {
            "auth": {
                "DATABASE_URL": secret,
                "GOTRUE_JWT_SECRET": token,
                "API_EXTERNAL_URL": Variable(shape=URL),
                "GOTRUE_SITE_URL": Variable(shape=ORIGIN),
                "GOTRUE_JWT_EXP": Variable(shape=NUMBER),
                "GOTRUE_SMTP_HOST": Variable(shape=HOST),
                "GOTRUE_SMTP_PORT": Variable(shape=NUMBER),
                "GOTRUE_SMTP_ADMIN_EMAIL": Variable(shape=EMAIL),
            },
            "rest": {
                "PGRST_DB_URI": secret,
                "PGRST_JWT_SECRET": token,
                "PGRST_DB_ANON_ROLE": Variable(shape=one_of(names.ANON)),
                "PGRST_OPENAPI_SERVER_PROXY_URI": Variable(shape=URL),
            },
            "realtime": {"DATABASE_URL": secret, "API_JWT_SECRET": token},
            "mail": {"POSTAL_API_KEY": Variable(secret=True, shape=at_least(20))},
            "objects": {"S3_SECRET_KEY": Variable(secret=True, shape=at_least(20))},
        }
        return made[name]

    def health(self, name: Name) -> HealthCheck:
        """Return the gate of a service."""
        seconds = getattr(self.config, name).start_timeout_seconds
        return HealthCheck(path=_HEALTH[name], start_seconds=seconds)

    def jobs(self, name: Name) -> list[Job]:
        """Return what runs in a new release before it serves."""
        if name != "auth":
            return []
        url = self._address(self.migrator)
        return [
            Job(
                name="migrate",
                command=["migrate"],
                secrets={"DATABASE_URL": url},
                dump=self.database.dump(),
            )
        ]

    def exporter(self) -> tuple[dict[str, str], dict[str, Secret]]:
        """Return variables and secrets of what tells Prometheus of the database."""
        server, user = self.database.server, self.users["exporter"]
        place = f"{server.hostname}:{server.port}/{names.DATABASE}?sslmode=disable"
        plain = {"DATA_SOURCE_URI": place, "DATA_SOURCE_USER": user.username}
        return plain, {"DATA_SOURCE_PASS": user.password}

    def smoke(self) -> dict[str, pulumi.Input[str]]:
        """Return what the smoke test shows; secret."""
        return {
            "anon": self.jwt.keys[names.ANON].value,
            "service": self.jwt.keys[names.SERVICE].value,
            "mail": self.mail_key.value,
            "objects": self.objects_key.value,
            "admin": self.admin_password.value,
            "pgadmin": self.pgadmin_password.value,
        }

    def _url(self, name: str) -> Secret:
        return self._address(self.users[name])

    def _address(self, user: DatabaseUser) -> Secret:
        server = self.database.server
        url = pulumi.Output.concat(
            f"postgresql://{user.username}:",
            user.password.value,
            f"@{server.hostname}:{server.port}/{names.DATABASE}",
        )
        return Secret(value=pulumi.Output.secret(url), version=user.password.version)


def agree(config: "CommandCenterConfig", database: Database) -> Contract:
    """Make the roles, users and secrets that the services need."""
    rotation = config.secret_rotation
    roles = RequestRoles(
        "request-roles",
        RequestRolesArgs(
            database=database,
            roles=[
                RequestRole(name=names.ANON),
                RequestRole(name=names.AUTHENTICATED),
                RequestRole(name=names.SERVICE, everything=True),
            ],
        ),
    )
    jwt = JwtKeysArgs(
        roles=(names.ANON, names.SERVICE),
        issuer=f"https://{config.domain}/auth",
        expires=config.jwt.day,
        rotation=rotation.jwt,
    )

    def user(name: str, access: Access, connections: int = _CONNECTIONS) -> DatabaseUser:
        # Another rotation is another user: while releases change, each has its own (docs/adr/0025).
        number = rotation.database
        return DatabaseUser(
            f"{name.replace('_', '-')}-{number}",
            DatabaseUserArgs(
                database=database,
                name=f"{name}_{number}",
                access=access,
                roles=roles if access == "request" else None,
                connection_limit=connections,
                rotation=number,
            ),
        )

    def generated(name: str, number: int) -> Secret:
        return GeneratedSecret(name, GeneratedSecretArgs(rotation=number)).secret

    return Contract(
        config=config,
        database=database,
        jwt=JwtKeys("jwt", jwt),
        roles=roles,
        migrator=user("auth_migrator", "migrator", 5),
        users={
            "auth": user("auth_users", "read_write"),
            "rest": user("authenticator", "request"),
            "realtime": user("realtime_listener", "request"),
            "exporter": user("postgres_exporter", "read_only", 3),
            "pgadmin": user("pgadmin_reader", "read_only", 10),
        },
        mail_key=generated("mail-key", rotation.mail),
        objects_key=generated("objects-key", rotation.objects),
        admin_password=generated("admin-password", rotation.admin),
        pgadmin_password=generated("pgadmin-password", rotation.pgadmin),
    )
