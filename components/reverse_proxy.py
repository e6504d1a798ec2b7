"""The proxy of a host: Caddy from the distribution's package, shared by all stacks on the host."""

import dataclasses

import pulumi
import pulumi_command as command

from .host import Host
from .proxies import caddy, checks
from .remote import File
from .tools import ASSETS

AUTHORITIES = {
    "letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
    "letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
}
"""ACME directories by name."""
UNTRUSTED = frozenset({AUTHORITIES["letsencrypt-staging"]})
"""Directories whose certificates no browser accepts, on purpose."""
CONFIGURATION = "/etc/caddy/Caddyfile"
VALIDATE = (
    # As Caddy's own account: whoever validates makes the log files.
    *("runuser", "-u", "caddy", "--", "env", "HOME=/var/lib/caddy"),
    *("caddy", "validate", "--config", CONFIGURATION, "--adapter", "caddyfile"),
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ReverseProxyArgs:
    """What a proxy needs to know."""

    host: Host
    """The machine that it runs on."""
    acme_email: str
    """Where the certificate authority writes to."""
    acme_directory: str = "letsencrypt"
    """The authority: `letsencrypt`, `letsencrypt-staging`, or the https URL of its directory."""

    def __post_init__(self) -> None:
        """Refuse what no authority would take.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        checks.email("reverse proxy: acme_email", self.acme_email)
        if self.acme_directory not in AUTHORITIES:
            checks.directory("reverse proxy: acme_directory", self.acme_directory)


class ReverseProxy(pulumi.ComponentResource):
    """Caddy with an admin socket that only it can open, and no site of its own.

    What it is told does not depend on the stack, so several stacks on a host share it; each site
    names its own certificate authority. A host whose ports 80 and 443 or whose Caddyfile belong to
    somebody else is refused before anything is changed.
    """

    host: Host
    """The machine that it runs on."""
    account: str
    """Whom it runs as: what it serves itself, this account has to be able to read."""
    issuer: caddy.Issuer
    """Who gives the certificates of this stack's sites."""
    trusted: bool
    """Whether browsers accept these certificates."""
    reload: tuple[str, ...]
    """Makes it take a changed configuration."""
    ready: command.remote.Command
    """Has made it run; sites depend on it."""

    def __init__(
        self, name: str, args: ReverseProxyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:reverse_proxy:ReverseProxy", name, {}, opts)
        remote = args.host.remote
        self.host = args.host
        self.account = "caddy"
        directory = AUTHORITIES.get(args.acme_directory, args.acme_directory)
        self.issuer = caddy.Issuer(directory=directory, email=args.acme_email)
        self.trusted = directory not in UNTRUSTED
        self.reload = ("sh", "-c", (ASSETS / "caddy" / "reload.sh").read_text())
        remote.claims.take(
            "reverse proxy", "", f"proxy {name}", cure="give all sites the same ReverseProxy"
        )
        guard = remote.step(
            f"{name}-guard",
            "proxyguard",
            {"configuration": CONFIGURATION, "command": "caddy", "ports": [80, 443]},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.ready = remote.files(
            name,
            packages=["caddy"],
            hold=["caddy"],
            directories=[{"path": caddy.FOLDER, "mode": "0750", "group": "caddy"}],
            files=[
                File(
                    path="/etc/systemd/system/caddy.service.d/homeport.conf",
                    content=(ASSETS / "caddy" / "unit.conf").read_text(),
                ),
                File(path=CONFIGURATION, content=(ASSETS / "caddy" / "Caddyfile").read_text()),
            ],
            check=[VALIDATE],
            then=[self.reload],
            units_enabled=["caddy.service"],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[guard]),
        )
        self.register_outputs({"account": self.account, "trusted": self.trusted})
