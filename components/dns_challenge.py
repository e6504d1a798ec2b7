"""Who can put an authority's question into the DNS, so that it gives certificates for wildcards."""

import dataclasses
from typing import Literal

import pulumi

from .proxies import checks
from .secrets import Secret


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Zone:
    """What every way has: the zone that the names lie in."""

    zone: str
    """The domain whose records are changed, such as `example.com`."""

    def covers(self, where: str, name: str) -> None:
        """Refuse a name that does not lie in the zone.

        Raises:
            ValueError: naming the site, the name, the zone and the cure.
        """
        plain = name.removeprefix("*.")
        if plain != self.zone and not plain.endswith(f".{self.zone}"):
            msg = (
                f"{where}: {name} does not lie in the zone {self.zone} of tls: challenge; name its "
                "own zone, and give names of another zone a site of their own"
            )
            raise ValueError(msg)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class HetznerDns(_Zone):
    """By the API of Hetzner's DNS.

    The token lies on the host, in a file for root alone, and can change everything in its project.
    Let the zone be in a project that holds nothing else.
    """

    token: Secret
    """A token of the zone's project, which may read and write."""

    def __post_init__(self) -> None:
        """Refuse a zone that is none.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        checks.hostname("tls: challenge: zone", self.zone)

    @property
    def packages(self) -> list[str]:
        """What the host needs for it."""
        return []

    @property
    def settings(self) -> dict[str, pulumi.Input[str]]:
        """What the tool `dnschallenge` is told."""
        return {"kind": "hetzner", "zone": self.zone, "token": self.token.value}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DynamicDns(_Zone):
    """By dynamic updates (RFC 2136), which BIND, Knot and PowerDNS take.

    Give the key no more than the TXT records below `_acme-challenge`, where the server can say so.
    """

    server: str
    """Name or address of the primary server, which takes updates on port 53."""
    key_name: str
    """The key's name there."""
    key: Secret
    """The key (TSIG), in base64."""
    algorithm: Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"] = "hmac-sha256"
    """What the key signs with."""

    def __post_init__(self) -> None:
        """Refuse what no server could be asked with.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        checks.hostname("tls: challenge: zone", self.zone)
        checks.server("tls: challenge: server", self.server)
        checks.username("tls: challenge: key_name", self.key_name)

    @property
    def packages(self) -> list[str]:
        """What the host needs for it."""
        return ["bind9-dnsutils"]

    @property
    def settings(self) -> dict[str, pulumi.Input[str]]:
        """What the tool `dnschallenge` is told."""
        return {
            "kind": "rfc2136",
            "zone": self.zone,
            "server": self.server,
            "key_name": self.key_name,
            "algorithm": self.algorithm,
            "key": self.key.value,
        }


DnsChallenge = HetznerDns | DynamicDns
"""Who can put the answer into the DNS."""
