"""Sites: hostnames on a proxy, with their certificates, routes, headers, limits and access."""

import base64
import dataclasses
import hashlib
from collections.abc import Sequence

import pulumi
import pulumi_command as command
import pulumi_random as random

from . import names
from .claims import Claims
from .proxies import certificates, checks
from .proxies.proxy import SitePlan
from .remote import File
from .reverse_proxy import UNTRUSTED, ReverseProxy
from .site_access import BasicAuth, lets_host_in, password_hash
from .site_routes import Listens, PathRoute
from .site_settings import SiteSettings
from .site_tls import Acme, ProvidedCertificate

_VERIFY_SECONDS = 180


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SiteArgs(SiteSettings):
    """What a site is, where it is, and how to see that it works."""

    proxy: ReverseProxy
    """What serves it."""
    check_path: str = "/"
    """Is asked after every change of the site."""
    check_status: int = 200
    """What it must answer; 503 in maintenance and 401 behind a password are known."""

    def __post_init__(self) -> None:
        """Refuse what could not be served or seen.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        SiteSettings.__post_init__(self)
        where = f"site {self.hostnames[0]}"
        checks.path(f"{where}: check_path", self.check_path)
        checks.number(f"{where}: check_status", self.check_status, 200, 599)


class Site(pulumi.ComponentResource):
    """A site that answered over HTTPS with a valid certificate before the deploy went on.

    A configuration that the proxy refuses is taken back, and the site goes on as it was.
    """

    url: str
    """Where it is."""
    ready: command.remote.Command
    """Has seen it answer."""

    def __init__(
        self, name: str, args: SiteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:site:Site", name, {}, opts)
        remote, server = args.proxy.host.remote, args.proxy.server
        self._plan = SitePlan(
            system=remote.system,
            name=names.check_label("site", name),
            settings=args,
            tls=args.tls or args.proxy.authority,
        )
        server.refuse(self._plan)
        self._claim(remote.claims)
        self._proxy = args.proxy
        self.url = f"https://{args.hostnames[0]}"
        text = server.site(self._plan)
        written = remote.files(
            f"site-{name}",
            files=[
                self._file(f"{self._plan.own}{suffix}", content)
                for suffix, content in {server.SUFFIX: text, **server.beside(self._plan)}.items()
            ],
            check=server.check(self._plan),
            then=[server.RELOAD],
            # A route looks here for who sends traffic to its port, and asks its release by name.
            meta={
                "ports": _ports(self._plan),
                "hostnames": list(args.hostnames),
                **_statics(args.routes),
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=self._before(args)),
        )
        self.ready = self._verified(args, text, written)
        self.register_outputs({"url": self.url})

    def _claim(self, claims: Claims) -> None:
        """Refuse what two sites of a host cannot both have."""
        for hostname in self._plan.settings.names:
            owner, cure = f"site {self._plan.name}", "leave it to one of the sites"
            claims.take("hostname", hostname, owner, cure=cure)
        on_demand = self._plan.on_demand
        if on_demand:
            owner = f"the endpoint {on_demand.ask}"
            cure = "let all sites of a host ask the same endpoint"
            claims.take("certificates on demand:", "the question", owner, cure=cure)

    def _before(self, args: SiteArgs) -> list[pulumi.Resource]:
        """Return what must be there before the site is: its files, its certificate, its apps."""
        plan, proxy = self._plan, self._proxy
        before: list[pulumi.Resource] = [proxy.ready]
        if args.basic_auth:
            before.append(self._credentials(args.basic_auth))
        if isinstance(plan.tls, ProvidedCertificate):
            before.append(self._certificate(plan.tls))
        if certificates.needed(plan, proxy.server):
            before.append(
                certificates.obtained(
                    plan,
                    proxy.server,
                    proxy.host.remote,
                    address=proxy.host.address,
                    parent=self,
                    after=[proxy.ready],
                )
            )
        served: list[object] = [*_apps(plan), *(route.static for route in args.routes)]
        return before + [each for each in served if isinstance(each, pulumi.Resource)]

    def _credentials(self, account: BasicAuth) -> command.remote.Command:
        """Write the hash apart from the site, because a secret hides its whole document."""
        name, server = self._plan.name, self._proxy.server
        salt = random.RandomBytes(
            f"{name}-salt", length=16, opts=pulumi.ResourceOptions(parent=self)
        )
        line = pulumi.Output.all(account.password.value, salt.base64).apply(
            lambda made: server.credentials(
                account.username,
                password_hash(made[0], base64.b64decode(made[1]), server.BCRYPT_COST),
            )
        )
        file = self._file(f"{self._plan.own}.auth", pulumi.Output.secret(line))
        return self._secrets("credentials", [file])

    def _certificate(self, given: ProvidedCertificate) -> command.remote.Command:
        remote, base = self._proxy.host.remote, self._plan.own_certificate(given)
        remote.claims.take(
            "certificate",
            given.name,
            f"the key of version {given.key.version}",
            cure="give different certificates different names",
        )
        group = self._proxy.server.KEY_GROUP
        key = dataclasses.replace(self._file(f"{base}.key", given.key.value), group=group)
        return self._secrets("certificate", [self._file(f"{base}.crt", given.certificate), key])

    def _secrets(self, role: str, files: list[File]) -> command.remote.Command:
        return self._proxy.host.remote.files(
            f"{self._plan.name}-{role}",
            files=files,
            then=[self._proxy.server.RELOAD],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._proxy.ready]),
        )

    def _file(self, name: str, content: pulumi.Input[str]) -> File:
        server = self._proxy.server
        return File(path=f"{server.FOLDER}/{name}", content=content, mode=0o640, group=server.GROUP)

    def _verified(
        self, args: SiteArgs, text: str, written: pulumi.Resource
    ) -> command.remote.Command:
        """See the site answer, with certificates for all names."""
        host, tls = self._proxy.host, self._plan.tls
        acme = tls.directory if isinstance(tls, Acme) else None
        return host.remote.step(
            f"{self._plan.name}-verify",
            "verifysite",
            {
                "hostname": args.hostnames[0],
                "certificates": _shown(self._plan),
                "path": args.check_path,
                "status": expected_status(args),
                # Whether the host itself trusts the issuer says nothing about other certificates.
                "trusted": acme is not None and acme not in UNTRUSTED,
                "authority": acme or "the certificate that was given",
                "service": self._proxy.server.SERVICE,
                "address": host.address,
                "seconds": _VERIFY_SECONDS,
                "configuration": hashlib.sha256(text.encode()).hexdigest()[:16],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[written]),
        )


def expected_status(args: SiteArgs) -> int:
    """Return what the host itself gets when it asks for `check_path`."""
    closed = args.maintenance
    if closed and not lets_host_in(closed.allow_from):
        return 503
    covering = [route for route in args.routes_by_length if route.covers(args.check_path)]
    if not covering:
        return 404
    route = covering[0]
    if route.allow_from and not lets_host_in(route.allow_from):
        return 403
    if args.basic_auth and not route.public:
        return 401
    return args.check_status


def _apps(plan: SitePlan) -> list[Listens]:
    """Return the apps that the site sends traffic to, each at its stable port."""
    asked = [plan.on_demand.app] if plan.on_demand else []
    return [app for app in (*(route.app for route in plan.settings.routes), *asked) if app]


def _ports(plan: SitePlan) -> list[int]:
    """Return the stable ports that the site sends traffic to."""
    own = {route.port for route in plan.settings.routes if route.app}
    asked = {plan.on_demand.app.port} if plan.on_demand and plan.on_demand.app else set()
    return sorted(own | asked)


def _shown(plan: SitePlan) -> list[str]:
    """Return the names whose certificates can be looked at; one that a wildcard covers for each.

    What is given on demand is not among them: nobody has asked yet.
    """
    known = [name for name in plan.settings.names if not (plan.on_demand and name[0] == "*")]
    return [name.replace("*", "homeport-check") for name in known]


def _statics(routes: Sequence[PathRoute]) -> dict[str, list[dict[str, str]]]:
    """Return where static apps are served, unless there are none."""
    found = [
        {"folder": route.static.folder, "path": route.path} for route in routes if route.static
    ]
    return {"statics": found} if found else {}
