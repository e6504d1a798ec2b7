"""Who gets to see a site: an account with a password, some networks, nobody while it is closed."""

import base64
import dataclasses
import ipaddress
from collections.abc import Sequence
from typing import Literal

import bcrypt

from .proxies import checks
from .secrets import Secret

_BCRYPT_LONGEST = 72
_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BCRYPT = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class BasicAuth:
    """The one account that a site lets in."""

    username: str
    """Its name."""
    password: Secret
    """Its password; the host gets a bcrypt hash of it."""

    def __post_init__(self) -> None:
        """Refuse names that cannot be.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        checks.username("basic_auth: username", self.username)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Maintenance:
    """What everybody gets instead of the site, with status 503."""

    text: str
    """Plain text."""
    allow_from: Sequence[str] = ()
    """Networks that get the site all the same."""

    def __post_init__(self) -> None:
        """Refuse what cannot be shown.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        checks.text("maintenance: text", self.text)
        for network in self.allow_from:
            checks.network("maintenance: allow_from", network)

    @property
    def networks(self) -> list[str]:
        """The networks of `allow_from` in their usual form."""
        return [checks.network("allow_from", network) for network in self.allow_from]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ClientAddress:
    """Where requests come from when a CDN or another proxy stands before the host.

    Access, rate limits and what apps are told go by it. Whoever does not come from one of the
    trusted networks is believed nothing, and counts with the address that it connects from.
    """

    trusted_networks: Sequence[str]
    """The CDN's own addresses, as it publishes them."""
    header: Literal["X-Forwarded-For", "CF-Connecting-IP"] = "X-Forwarded-For"
    """Names the client; of several addresses the last one, which the CDN itself has added."""

    def __post_init__(self) -> None:
        """Refuse what would believe nobody, or everybody.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        if not self.trusted_networks:
            msg = "client_address: trusted_networks: name the networks of the CDN"
            raise ValueError(msg)
        for network in self.trusted_networks:
            if checks.network("client_address: trusted_networks", network).endswith("/0"):
                msg = f"client_address: trusted_networks: {network} would believe everybody"
                raise ValueError(msg)

    @property
    def networks(self) -> list[str]:
        """The networks of `trusted_networks` in their usual form."""
        return [checks.network("trusted_networks", network) for network in self.trusted_networks]


def password_hash(password: str, salt: bytes, cost: int) -> str:
    """Return bcrypt's hash with a given salt of 16 bytes, so that it stays the same.

    Raises:
        ValueError: the password is empty or longer than the 72 bytes that bcrypt looks at.
    """
    if not 1 <= len(password.encode()) <= _BCRYPT_LONGEST:
        msg = f"basic_auth: password must have from 1 to {_BCRYPT_LONGEST} bytes"
        raise ValueError(msg)
    encoded = base64.b64encode(salt).rstrip(b"=").translate(bytes.maketrans(_STANDARD, _BCRYPT))
    prefix = f"$2b${cost:02}$".encode()
    return bcrypt.hashpw(password.encode(), prefix + encoded).decode()


def lets_host_in(networks: Sequence[str]) -> bool:
    """Return whether requests that the host makes to itself come from one of these networks."""
    loopback = ipaddress.ip_address("127.0.0.1")
    return any(loopback in ipaddress.ip_network(network) for network in networks)
