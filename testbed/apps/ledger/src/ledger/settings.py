"""Settings: read once from the environment, checked all together, never printed."""

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger import schema
from ledger.failures import FailMode

T = TypeVar("T")

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
SECRETS = ("DATABASE_URL", "DATABASE_PASSWORD")
PARTS = ("DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_USER", "DATABASE_PASSWORD")
CONNECT_TIMEOUT_SECONDS = 3
FEWEST_SIGNING_CHARACTERS = 32


class SettingsError(Exception):
    """Carries everything that is wrong with the environment, one sentence per variable."""

    def __init__(self, errors: list[str]) -> None:
        self.errors = errors
        super().__init__("\n".join(errors))


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the environment says, valid as a whole."""

    host: str
    port: int
    release: str
    app_url: str | None
    log_level: str
    start_delay_seconds: float
    drain_seconds: float
    worker_poll_seconds: float
    queue_concurrency: int
    heartbeat_file: Path
    fail_mode: FailMode
    schema_head: str
    redis_host: str | None
    redis_port: int
    redis_password: str = field(repr=False)
    health_secret: str = field(repr=False)
    intake_secret: str = field(repr=False)
    auth_secret: str = field(repr=False)
    login_username: str
    login_password: str = field(repr=False)
    conninfo: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)

    @classmethod
    def load(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Reads the environment (`os.environ` unless told otherwise).

        Raises:
            SettingsError: Holds every error found, not just the first; no message has a secret.
        """
        reader = _Reader(os.environ if env is None else env)
        conninfo = reader.database()
        names = ("REDIS_PASSWORD", "HEALTH_SECRET", "INTAKE_SECRET")
        redis_password, health_secret, intake_secret = map(reader.secret, names)
        auth_secret, login_password = reader.login()
        settings = cls(
            host=reader.get("HOST", str, "0.0.0.0"),  # noqa: S104 - a container's own network
            port=reader.get("PORT", _integer(1, 65535), 8000),
            release=reader.get("RELEASE", _release, "dev"),
            app_url=reader.get("APP_URL", _url, None),
            log_level=reader.get("LOG_LEVEL", _log_level, "INFO"),
            start_delay_seconds=reader.get("START_DELAY_SECONDS", _seconds(0, 3600), 0.0),
            drain_seconds=reader.get("DRAIN_SECONDS", _seconds(0, 3600), 10.0),
            worker_poll_seconds=reader.get("WORKER_POLL_SECONDS", _seconds(0.05, 3600), 5.0),
            queue_concurrency=reader.get("QUEUE_CONCURRENCY", _integer(1, 64), 2),
            heartbeat_file=reader.get(
                "HEARTBEAT_FILE",
                Path,
                Path(tempfile.gettempdir()) / "ledger-worker.alive",
            ),
            fail_mode=reader.get("FAIL_MODE", FailMode.parse, FailMode()),
            schema_head=reader.get("SCHEMA_HEAD", _revision, schema.HEAD),
            redis_host=reader.get("REDIS_HOST", str, None),
            redis_port=reader.get("REDIS_PORT", _integer(1, 65535), 6379),
            redis_password=redis_password,
            health_secret=health_secret,
            intake_secret=intake_secret,
            auth_secret=auth_secret,
            login_username=reader.get("LOGIN_USERNAME", str, "operator"),
            login_password=login_password,
            conninfo=conninfo,
            secrets=tuple(reader.secrets),
        )
        if reader.errors:
            raise SettingsError(reader.errors)
        return settings


class _Reader:
    """Collects values and complaints; an empty variable counts as one that is not set."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.errors: list[str] = []
        self.secrets: list[str] = []

    def get(self, name: str, parse: Callable[[str], T], default: T) -> T:
        text = self._env.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            self.errors.append(f"{name}: {error} (got {text!r})")
            return default

    def secret(self, name: str) -> str:
        value, file = self._env.get(name, ""), self._env.get(f"{name}_FILE", "").strip()
        if value and file:
            self.errors.append(f"{name}: {name}_FILE is set as well; set only one of the two")
        elif file:
            value = self._from_file(f"{name}_FILE", Path(file))
        if value:
            self.secrets.append(value)
        return value

    def _from_file(self, name: str, path: Path) -> str:
        try:
            value = path.read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            self.errors.append(f"{name}: cannot read {path}: {error.strerror}")
            return ""
        except UnicodeDecodeError:
            self.errors.append(f"{name}: {path} is not UTF-8 text")
            return ""
        if not value:
            self.errors.append(f"{name}: {path} is empty; it has to hold the secret")
        return value

    def login(self) -> tuple[str, str]:
        """Reads what signs sessions and what opens one; neither is of use without the other."""
        auth, password = self.secret("AUTH_SECRET"), self.secret("LOGIN_PASSWORD")
        if password and len(auth) < FEWEST_SIGNING_CHARACTERS:
            self.errors.append(
                f"AUTH_SECRET: LOGIN_PASSWORD needs it, with at least "
                f"{FEWEST_SIGNING_CHARACTERS} characters, to sign sessions"
            )
        return auth, password

    def database(self) -> str:
        before = len(self.errors)
        url = self.secret("DATABASE_URL")
        given = [name for name in PARTS if self._env.get(name)]
        if self._env.get("DATABASE_PASSWORD_FILE"):
            given.append("DATABASE_PASSWORD_FILE")
        if (url or len(self.errors) > before) and given:
            self.errors.append(
                f"DATABASE_URL: {given[0]} is set as well; "
                "set DATABASE_URL alone, or the separate DATABASE_ variables"
            )
        if url:
            return self._from_url(url)
        if given:
            return self._from_parts()
        if len(self.errors) == before:
            self.errors.append(
                "DATABASE_URL: no database is given; set DATABASE_URL, or DATABASE_HOST, "
                "DATABASE_NAME, DATABASE_USER and DATABASE_PASSWORD (secrets also as *_FILE)"
            )
        return ""

    def _from_url(self, url: str) -> str:
        # libpq quotes what it could not parse, so its message may hold the password: not shown.
        try:
            parts = conninfo_to_dict(url)
        except psycopg.Error:
            parts = {}
        if not url.startswith(("postgresql://", "postgres://")) or not parts.get("dbname"):
            self.errors.append(
                "DATABASE_URL: not a database URL; "
                "expected postgresql://USER:PASSWORD@HOST:PORT/NAME (reserved characters as %XX)"
            )
            return ""
        password = parts.get("password")
        if password:
            self.secrets.append(str(password))
        parts.setdefault("connect_timeout", CONNECT_TIMEOUT_SECONDS)
        return make_conninfo("", **parts)

    def _from_parts(self) -> str:
        before = len(self.errors)
        host = self.get("DATABASE_HOST", str, "")
        port = self.get("DATABASE_PORT", _integer(1, 65535), 5432)
        name = self.get("DATABASE_NAME", str, "")
        user = self.get("DATABASE_USER", str, "")
        password = self.secret("DATABASE_PASSWORD")
        required = {"DATABASE_HOST": host, "DATABASE_NAME": name, "DATABASE_USER": user}
        # A socket's folder instead of a host name: the server knows the user from the kernel.
        if not host.startswith("/") and len(self.errors) == before:
            required["DATABASE_PASSWORD"] = password
        for key, value in required.items():
            if not value:
                self.errors.append(f"{key}: missing; the other DATABASE_ variables need it")
        return make_conninfo(
            "",
            host=host,
            port=port,
            dbname=name,
            user=user,
            password=password or None,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
        )


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        # int() alone would take "1_000" and Arabic digits.
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            msg = f"expected a whole number from {low} to {high}"
            raise ValueError(msg)
        return int(text)

    return parse


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) or not low <= float(text) <= high:
            msg = f"expected seconds from {low:g} to {high:g}"
            raise ValueError(msg)
        return float(text)

    return parse


def _release(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+:@/-]{0,127}", text):
        msg = "expected up to 128 of letters, digits and . _ + : @ / -"
        raise ValueError(msg)
    return text


def _revision(text: str) -> str:
    if text not in schema.REVISIONS:
        msg = f"expected one of {', '.join(schema.REVISIONS)}"
        raise ValueError(msg)
    return text


def _log_level(text: str) -> str:
    if text.upper() not in LOG_LEVELS:
        msg = f"expected one of {', '.join(LOG_LEVELS)}"
        raise ValueError(msg)
    return text.upper()


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s?#]*)?", text):
        msg = "expected an address such as https://ledger.example.com"
        raise ValueError(msg)
    return text.rstrip("/")
