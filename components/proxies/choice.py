"""Which proxy stands before the sites of a host."""

from collections.abc import Mapping
from typing import get_args

from . import caddy, nginx
from .proxy import Kind, Proxy

_PROXIES: Mapping[str, Proxy] = {"caddy": caddy, "nginx": nginx}


def chosen(kind: Kind) -> Proxy:
    """Return the proxy of this kind.

    Raises:
        ValueError: there is none; naming those that there are.
    """
    if kind not in _PROXIES:
        msg = f"reverse proxy: kind: must be one of {', '.join(get_args(Kind))} (got {kind!r})"
        raise ValueError(msg)
    return _PROXIES[kind]
