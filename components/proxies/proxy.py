"""What every proxy does: a site as plain data goes in, the text of its configuration comes out."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from ..remote import Argv
from ..site_settings import SiteSettings
from ..site_tls import Acme, OnDemand, ProvidedCertificate, Tls

Kind = Literal["caddy", "nginx"]
"""The proxies that there are."""

DEFAULT_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}
"""Sent unless the app sends its own, or the site another."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SitePlan:
    """One site of one stack: all that a renderer is told."""

    system: str
    """`<project>-<stack>`."""
    name: str
    """The site's logical name."""
    settings: SiteSettings
    """What it serves, and to whom."""
    tls: Tls
    """Where its certificate comes from."""

    @property
    def own(self) -> str:
        """What names its files on the host: `<system>-<site>`."""
        return f"{self.system}-{self.name}"

    @property
    def on_demand(self) -> OnDemand | None:
        """Who is asked about names that nobody knows yet, if the site serves such."""
        return self.tls.on_demand if isinstance(self.tls, Acme) else None

    def own_certificate(self, given: ProvidedCertificate) -> str:
        """Return what names the files of a certificate, which several sites may have."""
        return f"{self.system}-{given.name}"


class Proxy(Protocol):
    """One proxy; each is a module of this folder.

    The same settings mean the same on every proxy; what one cannot do, it refuses.
    """

    SERVICE: str
    """Its unit and its program."""
    FOLDER: str
    """Holds the files of its sites."""
    SUFFIX: str
    """Ends the names of those that it reads by itself."""
    GROUP: str
    """The account that it serves as, and its group, which reads the sites' files."""
    KEY_GROUP: str
    """Who reads private keys, besides root."""
    BCRYPT_COST: int
    """How much work one look at a password is."""
    CHECK: Sequence[Argv]
    """Fails when it would not take the configuration that lies on the host."""
    RELOAD: Argv
    """Makes it take that configuration; leaves one alone that does not run."""
    STANDIN: Mapping[str, Any]
    """What its stand-in has to know of it."""
    UPGRADED: Sequence[str]
    """The packages that are held, and upgraded when a person says so."""

    def guard(self) -> Mapping[str, Any]:
        """Return what the tool `proxyguard` has to know."""

    def installation(self, system: str, *, made: bool) -> Mapping[str, Any]:
        """Return what `Remote.files` puts on a host before the first site of a stack.

        Args:
            system: the stack.
            made: whether the stack made the host, so that nothing on it is somebody else's.
        """

    def refuse(self, plan: SitePlan) -> None:
        """Refuse what this proxy cannot do.

        Raises:
            ValueError: naming the field and the cure.
        """

    def site(self, plan: SitePlan) -> str:
        """Return the file of one site, complete."""

    def beside(self, plan: SitePlan) -> Mapping[str, str]:
        """Return further files that a site needs, by what their names end with."""

    def check(self, plan: SitePlan) -> Sequence[Argv]:
        """Return CHECK, and what else fails when this site does not fit to others on the host."""

    def before_certificate(self, plan: SitePlan) -> str | None:
        """Return what answers to an authority over HTTP before there is a certificate.

        None when the proxy asks authorities itself, or none asks over HTTP.
        """

    def credentials(self, username: str, password_hash: str) -> str:
        """Return the line that lets one account in, as this proxy reads it."""
