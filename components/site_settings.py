"""A site as plain data: what its proxy is told, whichever proxy that is."""

import dataclasses
from collections.abc import Mapping, Sequence

from .proxies import checks
from .site_access import BasicAuth, ClientAddress, Maintenance
from .site_routes import PathRoute
from .site_tls import Tls, refuse


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SiteSettings:
    """One set of hostnames and what they serve."""

    hostnames: Sequence[str]
    """What it answers to; the first is where redirects lead. `*.example.com` is every name one
    level below example.com, `*` every name that no site has; both need `tls`."""
    routes: Sequence[PathRoute]
    """What it serves, by path."""
    redirects_from: Sequence[str] = ()
    """Names that redirect to the first hostname, with path and query."""
    tls: Tls | None = None
    """Where its certificate comes from; None is the proxy's own authority."""
    hsts_seconds: int = 0
    """How long browsers refuse plain HTTP after a visit; 0 sends nothing."""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Sent with every answer whatever the app sends, such as Content-Security-Policy."""
    compress: bool = True
    """Whether answers are compressed for clients that can read it."""
    max_body_mib: int = 10
    """Limit of what a request carries; more is answered with 413."""
    client_address: ClientAddress | None = None
    """Who says where requests come from, behind a CDN; None believes nobody."""
    basic_auth: BasicAuth | None = None
    """Who may ask, except on public routes; None is everybody."""
    maintenance: Maintenance | None = None
    """When set, the site is closed."""

    def __post_init__(self) -> None:
        """Refuse what could not be served.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        if not self.hostnames or not self.routes:
            msg = "site: needs at least one hostname and one route"
            raise ValueError(msg)
        everything = [*self.hostnames, *self.redirects_from]
        for hostname in everything:
            checks.pattern("site: hostnames and redirects_from", hostname)
        checks.hostname("site: the first of hostnames", self.hostnames[0])
        where = f"site {self.hostnames[0]}"
        refuse(where, self.tls, self.hostnames, self.redirects_from)
        _no_twins(f"{where}: hostname", everything)
        _no_twins(f"{where}: route", [route.path.lower() for route in self.routes])
        for header, value in self.headers.items():
            checks.header(f"{where}: headers", header)
            checks.text(f"{where}: headers: {header}", value)
        checks.number(f"{where}: hsts_seconds", self.hsts_seconds, 0, 63_072_000)
        checks.number(f"{where}: max_body_mib", self.max_body_mib, 1, 10_240)

    @property
    def names(self) -> list[str]:
        """Everything that it answers to."""
        return [*self.hostnames, *self.redirects_from]

    @property
    def certificate_names(self) -> list[str]:
        """Its names, without those that a wildcard among them covers: authorities refuse both."""
        covered = {name.removeprefix("*") for name in self.names if name.startswith("*.")}
        return [
            name
            for name in self.names
            if f".{name.partition('.')[2]}" not in covered or "*" in name
        ]

    @property
    def routes_by_length(self) -> list[PathRoute]:
        """The routes, the longest path first: the first that matches is taken."""
        return sorted(self.routes, key=lambda route: (-len(route.path), route.path))


def _no_twins(where: str, values: Sequence[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            msg = f"{where}: {value!r} is there twice"
            raise ValueError(msg)
