"""Sites: hostnames on a proxy, with their certificates, routes, headers, limits and access."""

import base64
import dataclasses
import hashlib
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_command as command
import pulumi_random as random

from . import names
from .proxies import caddy, checks
from .remote import File
from .reverse_proxy import VALIDATE, ReverseProxy
from .site_access import BasicAuth, Maintenance, lets_host_in, password_hash
from .site_routes import PathRoute

_VERIFY_SECONDS = 180


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SiteArgs:
    """What a site is."""

    proxy: ReverseProxy
    """What serves it."""
    hostnames: Sequence[str]
    """What it answers to; the first is where redirects lead."""
    routes: Sequence[PathRoute]
    """What it serves, by path."""
    redirects_from: Sequence[str] = ()
    """Names that redirect to the first hostname, with path and query."""
    hsts_seconds: int = 0
    """How long browsers refuse plain HTTP after a visit; 0 sends nothing."""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Sent with every answer whatever the app sends, such as Content-Security-Policy."""
    max_body_mib: int = 10
    """Limit of what a request carries; more is answered with 413."""
    basic_auth: BasicAuth | None = None
    """Who may ask, except on public routes; None is everybody."""
    maintenance: Maintenance | None = None
    """When set, the site is closed."""
    check_path: str = "/"
    """Is asked after every change of the site."""
    check_status: int = 200
    """What it must answer; 503 in maintenance and 401 behind a password are known."""

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
            checks.hostname("site: hostnames and redirects_from", hostname)
        where = f"site {self.hostnames[0]}"
        _no_twins(f"{where}: hostname", everything)
        _no_twins(f"{where}: route", [route.path for route in self.routes])
        for header, value in self.headers.items():
            checks.header(f"{where}: headers", header)
            checks.quote(f"{where}: headers: {header}", value)
        checks.path(f"{where}: check_path", self.check_path)
        limits = {
            "hsts_seconds": (self.hsts_seconds, 0, 63_072_000),
            "max_body_mib": (self.max_body_mib, 1, 10_240),
            "check_status": (self.check_status, 200, 599),
        }
        for field, (number, least, most) in limits.items():
            if not least <= number <= most:
                msg = f"{where}: {field} must be from {least} to {most} (got {number})"
                raise ValueError(msg)


class Site(pulumi.ComponentResource):
    """A site that answered over HTTPS with a valid certificate before the deploy went on.

    A configuration that Caddy refuses is taken back, and the site goes on as it was.
    """

    url: str
    """Where it is."""
    ready: command.remote.Command
    """Has seen it answer."""

    def __init__(
        self, name: str, args: SiteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:site:Site", name, {}, opts)
        proxy, remote = args.proxy, args.proxy.host.remote
        for hostname in (*args.hostnames, *args.redirects_from):
            remote.claims.take(
                "hostname", hostname, f"site {name}", cure="leave it to one of the sites"
            )
        own = f"{remote.system}-{names.check_label('site', name)}"
        self.url = f"https://{args.hostnames[0]}"
        before: list[pulumi.Resource] = [proxy.ready]
        credentials = f"{caddy.FOLDER}/{own}.auth" if args.basic_auth else None
        if args.basic_auth and credentials:
            before.append(self._credentials(name, args.proxy, args.basic_auth, credentials))
        text = caddy.site(site_text(own, args, credentials))
        before += [app for route in args.routes for app in _resources(route)]
        written = remote.files(
            f"site-{name}",
            files=[
                File(path=f"{caddy.FOLDER}/{own}.caddy", content=text, mode=0o640, group="caddy")
            ],
            check=[VALIDATE],
            then=[proxy.reload],
            # A route looks here for who sends traffic to its port, and asks its release by name.
            meta={
                "ports": sorted({route.app.port for route in args.routes if route.app}),
                "hostnames": list(args.hostnames),
                **_statics(args.routes),
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )
        self.ready = remote.step(
            f"{name}-verify",
            "verifysite",
            {
                "hostname": args.hostnames[0],
                "certificates": [*args.hostnames, *args.redirects_from],
                "path": args.check_path,
                "status": expected_status(args),
                "trusted": proxy.trusted,
                "directory": proxy.issuer.directory,
                "address": proxy.host.address,
                "seconds": _VERIFY_SECONDS,
                "configuration": hashlib.sha256(text.encode()).hexdigest()[:16],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[written]),
        )
        self.register_outputs({"url": self.url})

    def _credentials(
        self, name: str, proxy: ReverseProxy, account: BasicAuth, path: str
    ) -> command.remote.Command:
        """Write the hash apart from the site, because a secret hides its whole document."""
        salt = random.RandomBytes(
            f"{name}-salt", length=16, opts=pulumi.ResourceOptions(parent=self)
        )
        line = pulumi.Output.all(account.password.value, salt.base64).apply(
            lambda made: caddy.credentials(
                account.username, password_hash(made[0], base64.b64decode(made[1]))
            )
        )
        return proxy.host.remote.files(
            f"{name}-credentials",
            files=[File(path=path, content=pulumi.Output.secret(line), mode=0o640, group="caddy")],
            then=[proxy.reload],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[proxy.ready]),
        )


def site_text(own: str, args: SiteArgs, credentials: str | None) -> caddy.SiteText:
    """Return a site as plain data."""
    closed = args.maintenance
    return caddy.SiteText(
        name=own,
        issuer=args.proxy.issuer,
        hostnames=args.hostnames,
        redirects_from=args.redirects_from,
        routes=[route.text() for route in args.routes],
        headers=args.headers,
        hsts_seconds=args.hsts_seconds,
        max_body_mib=args.max_body_mib,
        credentials_file=credentials,
        maintenance=closed.text if closed else None,
        maintenance_allow_from=closed.allow_from if closed else (),
    )


def expected_status(args: SiteArgs) -> int:
    """Return what the host itself gets when it asks for `check_path`."""
    closed = args.maintenance
    if closed and not lets_host_in(closed.allow_from):
        return 503
    covering = [route for route in args.routes if route.covers(args.check_path)]
    if not covering:
        return 404
    longest = max(covering, key=lambda route: len(route.path))
    if longest.allow_from and not lets_host_in(longest.allow_from):
        return 403
    if args.basic_auth and not longest.public:
        return 401
    return args.check_status


def _resources(route: PathRoute) -> list[pulumi.Resource]:
    targets: tuple[object, object] = (route.app, route.static)
    return [target for target in targets if isinstance(target, pulumi.Resource)]


def _statics(routes: Sequence[PathRoute]) -> dict[str, list[dict[str, str]]]:
    """Return where static apps are served, unless there are none."""
    found = [
        {"folder": route.static.folder, "path": route.path} for route in routes if route.static
    ]
    return {"statics": found} if found else {}


def _no_twins(where: str, values: Sequence[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            msg = f"{where}: {value!r} is there twice"
            raise ValueError(msg)
