"""odoo.conf of one instance: a pure function of typed settings."""

import dataclasses
import hashlib
from typing import Literal

LogLevel = Literal["critical", "error", "warn", "info", "debug"]
HTTP_PORT, GEVENT_PORT = 8069, 8072
"""Inside the container; Odoo's own."""
DATA, ADDONS = "/var/lib/odoo", "/mnt/extra-addons"
"""Where the image has its files and its custom addons."""
TENANTS = "^%d_db$"
"""A tenant's database is named after the first label of its host. With `^` and `$`, since Odoo only
looks at a name's beginning: `%d_db` would let `shop` into `shop_db_old`."""
_MIB = 2**20


def workers(cores: int) -> int:
    """Return how many HTTP workers a machine is for, as Odoo's documentation has it."""
    return 2 * cores + 1


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class OdooConf:
    """What an instance is told, its secrets apart."""

    db_host: str
    """Where its database server is."""
    db_port: int
    """And at which port."""
    db_user: str
    """Who owns its databases."""
    db_maxconn: int
    """So many connections of one process."""
    dbfilter: str
    """Which databases a host may see: an expression in which %d is the host's first label."""
    workers: int
    """HTTP processes, at least 1: with none there would be no port for events."""
    limit_memory_soft_mib: int
    """A worker that is larger when its request is answered is followed by another one."""
    limit_memory_hard_mib: int
    """What no worker gets more than."""
    log_level: LogLevel
    """What is logged."""
    limit_time_cpu: int = 600
    """Seconds of processor time for one request."""
    limit_time_real: int = 1200
    """Seconds for one request."""

    def __post_init__(self) -> None:
        """Refuse what Odoo would not start with, or would start with to no good.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        if self.workers < 1:
            msg = f"odoo.conf: workers: must be at least 1 (got {self.workers})"
            raise ValueError(msg)
        if self.limit_memory_soft_mib > self.limit_memory_hard_mib:
            msg = (
                "odoo.conf: limit_memory_soft_mib: must be at most limit_memory_hard_mib, which "
                f"ends a worker at once (got {self.limit_memory_soft_mib})"
            )
            raise ValueError(msg)


def render(conf: OdooConf, *, db_password: str, admin_passwd: str | None) -> str:
    """Return the file.

    Args:
        conf: the settings.
        db_password: what the instance logs in to its database server with.
        admin_passwd: what opens the web database manager; None turns the manager off.

    Raises:
        ValueError: a value would end its line, and so could be read as another option.
    """
    options = {
        **_plain(conf),
        "list_db": admin_passwd is not None,
        "db_password": db_password,
        **({} if admin_passwd is None else {"admin_passwd": admin_passwd}),
    }
    for name, value in options.items():
        if not str(value).isprintable():
            msg = f"odoo.conf: {name}: holds a line break or a control character"
            raise ValueError(msg)
    return "[options]\n" + "".join(f"{name} = {value}\n" for name, value in options.items())


def version(conf: OdooConf, *secrets: str) -> str:
    """Return what changes when the file does; not secret.

    Args:
        conf: the settings.
        secrets: the versions of the secrets in it; none for one that is not there.
    """
    text = "\0".join([render(conf, db_password="", admin_passwd=None), *secrets])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(conf: OdooConf) -> dict[str, object]:
    return {
        "db_host": conf.db_host,
        "db_port": conf.db_port,
        "db_user": conf.db_user,
        "db_maxconn": conf.db_maxconn,
        "dbfilter": conf.dbfilter,
        # Behind a proxy that says itself which host was asked for, whatever a client claims.
        "proxy_mode": True,
        "http_port": HTTP_PORT,
        "gevent_port": GEVENT_PORT,
        "workers": conf.workers,
        "max_cron_threads": 1,
        "limit_memory_soft": conf.limit_memory_soft_mib * _MIB,
        "limit_memory_hard": conf.limit_memory_hard_mib * _MIB,
        "limit_time_cpu": conf.limit_time_cpu,
        "limit_time_real": conf.limit_time_real,
        "log_level": conf.log_level,
        "addons_path": ADDONS,
        "data_dir": DATA,
        "without_demo": True,
    }
