"""Where a site's certificate comes from, as data."""

import dataclasses
from collections.abc import Sequence

import pulumi

from . import names
from .dns_challenge import DnsChallenge
from .proxies import checks
from .secrets import Secret
from .site_routes import Listens


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class OnDemand:
    """Names are known only when a visitor asks: an endpoint says whether they may be served.

    It is asked `?domain=<name>` before a name's first certificate, and answers 200 for yes. Give
    exactly one of `app` and `url`; all sites of a host ask the same endpoint.
    """

    app: Listens | None = None
    """An app of this host that knows the names."""
    path: str = "/"
    """Its path, which needs no login."""
    url: str | None = None
    """Or the address of something else on the host's loopback."""

    def __post_init__(self) -> None:
        """Refuse an endpoint that nobody could ask, or that is not on the host.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        if (self.app is None) == (self.url is None):
            msg = "tls: on_demand: name exactly one of app and url"
            raise ValueError(msg)
        if self.url is not None:
            checks.loopback("tls: on_demand: url", self.url)
        checks.path("tls: on_demand: path", self.path)

    @property
    def ask(self) -> str:
        """The endpoint's URL."""
        return self.url or f"http://127.0.0.1:{self.app.port if self.app else 0}{self.path}"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Acme:
    """An authority gives certificates after it has asked who a name belongs to; they are renewed.

    It asks over HTTP, unless `challenge` says where it finds the answer in the DNS.
    """

    directory: str
    """URL of the ACME directory."""
    email: str
    """Where the authority writes to."""
    challenge: DnsChallenge | None = None
    """Who can put the answer into the DNS; needed for wildcards such as `*.example.com`."""
    on_demand: OnDemand | None = None
    """Lets names with `*` get a certificate each when somebody first asks for them."""

    def __post_init__(self) -> None:
        """Refuse what no authority would take.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        checks.directory("tls: directory", self.directory)
        checks.email("tls: email", self.email)
        if self.challenge and self.on_demand:
            msg = "tls: on_demand: goes by HTTP; leave out challenge, or on_demand"
            raise ValueError(msg)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ProvidedCertificate:
    """A certificate that somebody else made and renews; several sites may have the same one."""

    name: str
    """Names its files on the host."""
    certificate: pulumi.Input[str]
    """PEM: the site's own certificate, then those between it and the root."""
    key: Secret
    """PEM: its private key, without a password; readable for the proxy alone."""

    def __post_init__(self) -> None:
        """Refuse a name that could be no file's.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        names.check_label("certificate", self.name)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class InternalAuthority:
    """The proxy signs for itself: for names that no public authority can ask about."""


Tls = Acme | ProvidedCertificate | InternalAuthority
"""Where a site's certificate comes from."""


def refuse(
    where: str, tls: Tls | None, hostnames: Sequence[str], redirects_from: Sequence[str]
) -> None:
    """Refuse names for which there can be no such certificate; None is an authority over HTTP.

    Raises:
        ValueError: naming the site, the name and the cure.
    """
    challenge = tls.challenge if isinstance(tls, Acme) else None
    on_demand = tls.on_demand if isinstance(tls, Acme) else None
    open_names = [name for name in hostnames if name.startswith("*")]
    open_redirects = [name for name in redirects_from if name.startswith("*")]
    if challenge:
        for name in (*hostnames, *redirects_from):
            challenge.covers(where, name)
    if "*" in (*open_names, *open_redirects) and not on_demand:
        msg = f"{where}: *: no certificate is for every name; add OnDemand, or write *.example.com"
        raise ValueError(msg)
    if on_demand and (open_redirects or not open_names):
        msg = (
            f"{where}: redirects_from: {open_redirects[0]}: a name that nobody knows yet cannot be "
            "a redirect; put it into hostnames, or leave out on_demand"
            if open_redirects
            else f"{where}: tls: on_demand: every name is known; add * or *.example.com to "
            "hostnames, or leave out on_demand"
        )
        raise ValueError(msg)
    over_http = tls is None or (isinstance(tls, Acme) and not challenge and not on_demand)
    for name in (*open_names, *open_redirects):
        if over_http:
            msg = (
                f"{where}: {name}: an authority gives no wildcard certificate over HTTP; set "
                "tls=proxy.certificates(challenge=HetznerDns(...)), or give a certificate"
            )
            raise ValueError(msg)
