"""The proxy of a host, from the distribution's packages, shared by all stacks on the host."""

import dataclasses

import pulumi
import pulumi_command as command

from .dns_challenge import DnsChallenge
from .host import Host
from .proxies import checks, standin
from .proxies.choice import chosen
from .proxies.proxy import Kind, Proxy
from .site_tls import Acme, OnDemand

AUTHORITIES = {
    "letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
    "letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
}
"""ACME directories by name."""
UNTRUSTED = frozenset({AUTHORITIES["letsencrypt-staging"]})
"""Directories whose certificates no browser accepts, on purpose."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ReverseProxyArgs:
    """What a proxy needs to know."""

    host: Host
    """The machine that it runs on."""
    kind: Kind = "caddy"
    """Which one: `caddy`, or `nginx`, which may serve sites of others on the host besides."""
    acme_email: str
    """Where the certificate authority writes to."""
    acme_directory: str = "letsencrypt"
    """The authority: `letsencrypt`, `letsencrypt-staging`, or the https URL of its directory."""
    upgraded_by: str = ""
    """A word whose change upgrades the proxy's packages, which are held, and starts it anew."""

    def __post_init__(self) -> None:
        """Refuse what no authority would take, and a proxy that is none.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        chosen(self.kind)
        checks.email("reverse proxy: acme_email", self.acme_email)
        if self.acme_directory not in AUTHORITIES:
            checks.directory("reverse proxy: acme_directory", self.acme_directory)


class ReverseProxy(pulumi.ComponentResource):
    """A proxy without a site of its own.

    What it is told of sites does not depend on the stack, so several stacks on a host share it;
    each site names its own certificate authority. A host whose ports 80 and 443 belong to somebody
    else is refused before anything is changed; so is one whose Caddy serves somebody else's sites.
    """

    host: Host
    """The machine that it runs on."""
    account: str
    """Whom it runs as: what it serves itself, this account has to be able to read."""
    server: Proxy
    """What it is."""
    authority: Acme
    """Who gives the certificates of this stack's sites."""
    ready: command.remote.Command
    """Has made it run; sites depend on it."""

    def __init__(
        self, name: str, args: ReverseProxyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:reverse_proxy:ReverseProxy", name, {}, opts)
        remote = args.host.remote
        self.host = args.host
        self.server = chosen(args.kind)
        self.account = self.server.GROUP
        directory = AUTHORITIES.get(args.acme_directory, args.acme_directory)
        self.authority = Acme(directory=directory, email=args.acme_email)
        remote.claims.take(
            "reverse proxy", "", f"proxy {name}", cure="give all sites the same ReverseProxy"
        )
        guard = remote.step(
            f"{name}-guard",
            "proxyguard",
            self.server.guard(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.ready = remote.files(
            name,
            **self.server.installation(remote.system, made=remote.machine is not None),
            check=self.server.CHECK,
            then=[self.server.RELOAD],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[guard]),
        )
        if args.upgraded_by:
            self._upgrade(name, args.upgraded_by)
        self.register_outputs({"account": self.account})

    def certificates(
        self, *, challenge: DnsChallenge | None = None, on_demand: OnDemand | None = None
    ) -> Acme:
        """Return this proxy's authority for a site that gets its certificates in another way."""
        return dataclasses.replace(self.authority, challenge=challenge, on_demand=on_demand)

    def _upgrade(self, name: str, word: str) -> None:
        """Upgrade the packages; what was installed just now is new already."""
        self.host.remote.step(
            f"{name}-upgrade",
            "proxyupgrade",
            {"upgraded_by": word, "packages": self.server.UPGRADED, "about": standin.ABOUT},
            timeout_seconds=2400,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.ready]),
        )
