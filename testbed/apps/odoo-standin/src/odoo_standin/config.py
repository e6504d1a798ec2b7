"""odoo.conf: Odoo's own options, read once and checked all together; secrets are never printed."""

import configparser
import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

LOG_LEVELS = ("critical", "error", "warn", "info", "debug")
_MIB = 2**20


class ConfigError(Exception):
    """Carries everything that is wrong with the file, one line per option."""

    def __init__(self, path: Path, errors: list[str]) -> None:
        self.errors = errors
        super().__init__("\n".join(f"{path}: {error}" for error in errors))


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """What odoo.conf says, with Odoo's defaults; sizes in bytes, times in seconds."""

    db_host: str = ""
    db_port: int = 5432
    db_user: str = "odoo"
    db_password: str = dataclasses.field(default="", repr=False)
    db_sslmode: str = "prefer"
    db_template: str = "template0"
    db_maxconn: int = 64
    dbfilter: str = ""
    list_db: bool = True
    proxy_mode: bool = False
    http_interface: str = ""
    http_port: int = 8069
    gevent_port: int = 8072
    workers: int = 0
    max_cron_threads: int = 2
    limit_memory_soft: int = 2048 * _MIB
    limit_memory_hard: int = 2560 * _MIB
    limit_request: int = 65_536
    limit_time_cpu: int = 60
    limit_time_real: int = 120
    limit_time_real_cron: int = -1
    admin_passwd: str = dataclasses.field(default="", repr=False)
    addons_path: tuple[Path, ...] = ()
    data_dir: Path = Path("/var/lib/odoo")
    log_level: str = "info"
    without_demo: bool = False

    def conninfo(self, database: str) -> dict[str, Any]:
        """Return how a database is reached, as psycopg takes it."""
        return {
            "host": self.db_host or None,
            "port": self.db_port,
            "user": self.db_user,
            "password": self.db_password or None,
            "sslmode": self.db_sslmode,
            "dbname": database,
            "connect_timeout": 5,
        }


def read(path: Path) -> Config:
    """Read a file of one section, `[options]`.

    Stricter than Odoo, which takes unknown options in silence: a misspelt one is found here.

    Raises:
        ConfigError: holds every error found, not just the first; no message has a secret.
    """
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path, [f"cannot be read: {error}"]) from None
    except configparser.Error as error:
        # Its message may quote a line with a password.
        raise ConfigError(path, [f"is no INI file: {type(error).__name__}"]) from None
    errors = [f"[{name}]: unknown section" for name in parser.sections() if name != "options"]
    if not parser.has_section("options"):
        errors.append("[options]: missing")
        raise ConfigError(path, errors)
    values: dict[str, Any] = {}
    for name, text in parser.items("options"):
        parse = OPTIONS.get(name)
        if parse is None:
            errors.append(f"{name}: unknown option")
            continue
        try:
            values[name] = parse(text.strip())
        except ValueError as error:
            shown = "" if name in SECRETS else f" (got {text!r})"
            errors.append(f"{name}: {error}{shown}")
    found = Config(**values)
    errors += _disagreements(found)
    if errors:
        raise ConfigError(path, errors)
    return found


def _disagreements(config: Config) -> list[str]:
    """Return what is wrong between options."""
    found = []
    if config.limit_memory_soft > config.limit_memory_hard:
        found.append("limit_memory_soft: is above limit_memory_hard, which ends a worker at once")
    if config.http_port == config.gevent_port:
        found.append(f"gevent_port: is http_port too (got {config.gevent_port})")
    return found


def _number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,12}", text) or not low <= int(text) <= high:
            msg = f"expected a whole number from {low} to {high}"
            raise ValueError(msg)
        return int(text)

    return parse


def _boolean(text: str) -> bool:
    known = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}
    if text.lower() not in known:
        msg = "expected True or False"
        raise ValueError(msg)
    return known[text.lower()]


def _choice(*known: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in known:
            msg = f"expected one of {', '.join(known)}"
            raise ValueError(msg)
        return text

    return parse


def _pattern(text: str) -> str:
    try:
        re.compile(text.replace("%h", "h").replace("%d", "d"))
    except re.error as error:
        msg = f"expected a regular expression with %d or %h: {error}"
        raise ValueError(msg) from None
    return text


def _folders(text: str) -> tuple[Path, ...]:
    folders = tuple(Path(part.strip()) for part in text.split(",") if part.strip())
    for folder in folders:
        if not folder.is_dir():
            msg = f"{folder} is no folder"
            raise ValueError(msg)
    return folders


def _folder(text: str) -> Path:
    if not text.startswith("/"):
        msg = "expected an absolute path"
        raise ValueError(msg)
    return Path(text)


def _secret(text: str) -> str:
    # Odoo writes False where there is none.
    return "" if text == "False" else text


SECRETS = ("db_password", "admin_passwd")
_PORT = _number(1, 65_535)
_COUNT = _number(0, 10_000_000)
_BYTES = _number(16 * _MIB, 2**43)
OPTIONS: dict[str, Callable[[str], Any]] = {
    "db_host": _secret,
    "db_port": _PORT,
    "db_user": str,
    "db_password": _secret,
    "db_sslmode": _choice("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "db_template": str,
    "db_maxconn": _number(1, 10_000),
    "dbfilter": _pattern,
    "list_db": _boolean,
    "proxy_mode": _boolean,
    "http_interface": str,
    "http_port": _PORT,
    "gevent_port": _PORT,
    "workers": _number(0, 128),
    "max_cron_threads": _number(0, 64),
    "limit_memory_soft": _BYTES,
    "limit_memory_hard": _BYTES,
    "limit_request": _COUNT,
    "limit_time_cpu": _COUNT,
    "limit_time_real": _COUNT,
    "limit_time_real_cron": _number(-1, 10_000_000),
    "admin_passwd": _secret,
    "addons_path": _folders,
    "data_dir": _folder,
    "log_level": _choice(*LOG_LEVELS),
    "without_demo": _boolean,
}
