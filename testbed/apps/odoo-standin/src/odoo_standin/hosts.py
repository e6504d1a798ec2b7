"""Which database a request is for: by the name in its Host header, or by what the proxy tells."""

from collections.abc import Mapping

from odoo_standin import databases
from odoo_standin.config import Config


def host(config: Config, headers: Mapping[str, str]) -> str:
    """Return the host that a request is for.

    X-Forwarded-Host counts only with proxy_mode, and then the value of the nearest proxy: a client
    that reaches a port without the proxy could name any host in it.
    """
    forwarded = headers.get("x-forwarded-host", "") if config.proxy_mode else ""
    return forwarded.rpartition(",")[2].strip() or headers.get("host", "")


def database(config: Config, headers: Mapping[str, str], asked: str = "") -> str | None:
    """Return the one database that a request is for; None where there is none, or no single one.

    Args:
        config: the configuration, with dbfilter.
        headers: the request's, by lower-case name.
        asked: the parameter `db`, which chooses among what the host may see.
    """
    found = databases.visible(databases.owned(config), config.dbfilter, host(config, headers))
    if asked:
        return asked if asked in found else None
    return found[0] if len(found) == 1 else None
