"""Three servers with the same sites, each behind a proxy of its own."""

from pathlib import Path

import pulumi

from components import secrets
from components.app import App, AppArgs
from components.dns import DnsRecords, DnsRecordsArgs, RecordSet
from components.dns_challenge import DnsChallenge, DynamicDns, HetznerDns
from components.firewall import Rule, web_rules
from components.health import HealthCheck
from components.hetzner_server import HetznerServer, HetznerServerArgs
from components.host import Host
from components.proxies.proxy import Kind
from components.remote import File
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.site import Site, SiteArgs
from components.site_access import BasicAuth, ClientAddress, Maintenance
from components.site_headers import content_security_policy
from components.site_routes import PathRoute, RateLimit
from components.site_tls import Acme, InternalAuthority, OnDemand, ProvidedCertificate

ZONE = "sites.example.com"
ECHO = "http://127.0.0.1:9999"
UNIT = """[Service]
ExecStart=/usr/bin/python3 /srv/echo.py
[Install]
WantedBy=multi-user.target
"""
PROXIES: dict[str, tuple[Kind, str, str]] = {
    "caddy": ("caddy", "debian-13", "nginx"),
    "nginx": ("nginx", "debian-13", "beside"),
    # On this one somebody else's site is there first.
    "beside": ("nginx", "debian-12", "caddy"),
}
"""By server: its proxy, its system, and the server that its site leads to from /partner."""

config = pulumi.Config()
CLOUD = config.require("cloud")
"""The network that the tests ask from."""
TOKEN = secrets.given("token", config.require("token"), context="sites")
UPDATE_KEY = secrets.given("update_key", config.require("update_key"), context="sites")
SHORT_LIVED = "https://short-lived.testbed/directory"
"""Its certificates end after minutes, so that they have to be renewed while the tests run."""
DYNAMIC = ("caddy", "beside")
"""The servers that have a zone `dyn-<server>`, of a name server that takes updates."""
DNS_RULES = [Rule(protocol=protocol, port=53, comment="dns") for protocol in ("tcp", "udp")]
NAMED = """key "updates" {{ algorithm hmac-sha256; secret "{}"; }};
zone "dyn-caddy.sites.example.com" {{
	type primary;
	file "/var/lib/bind/dyn-caddy";
	update-policy {{ grant updates name _acme-challenge.dyn-caddy.sites.example.com TXT; }};
}};
zone "dyn-beside.sites.example.com" {{
	type primary;
	file "/var/lib/bind/dyn-beside";
	update-policy {{ grant updates name _acme-challenge.dyn-beside.sites.example.com TXT; }};
}};
"""
ZONE_FILE = """$TTL 60
@ SOA ns.sites.example.com. ops.example.com. 1 3600 600 86400 60
@ NS ns.sites.example.com.
@ A {0}
* A {0}
"""


class Files(pulumi.ComponentResource):
    """The files that the sites serve, and the echo."""

    def __init__(self, name: str, host: Host) -> None:
        super().__init__("homeport:test:Files", name, {})
        self.files = host.remote.files(
            f"{name}-files",
            files=[
                File(path="/srv/www/index.html", content="<h1>it works</h1>\n" * 100),
                File(path="/srv/www/up.txt", content="up\n"),
                File(path="/srv/www/my file.txt", content="a blank\n"),
                File(path="/srv/echo.py", content=Path("echo.py").read_text()),
                File(path="/etc/systemd/system/echo.service", content=UNIT),
            ],
            units_enabled=["echo.service"],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


class NameServer(pulumi.ComponentResource):
    """BIND on one of the servers, which lets whoever has the key change what authorities ask."""

    def __init__(self, host: Host, machines: dict[str, HetznerServer]) -> None:
        super().__init__("homeport:test:NameServer", "names", {})
        key = pulumi.Output.format(NAMED, UPDATE_KEY.value)
        self.files = host.remote.files(
            "names-files",
            packages=["bind9"],
            files=[
                File(path="/etc/bind/named.conf.local", content=key, mode=0o640, group="bind"),
                *(
                    File(
                        path=f"/var/lib/bind/dyn-{name}",
                        content=machines[name].address.apply(ZONE_FILE.format),
                        owner="bind",
                    )
                    for name in DYNAMIC
                ),
            ],
            then=[("systemctl", "restart", "named")],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


def certificates(name: str, proxy: ReverseProxy, opts: pulumi.ResourceOptions) -> None:
    """Make the sites whose certificates come in other ways than that of the main one."""
    email = "ops@example.com"

    def site(role: str, hostnames: list[str], tls: Acme) -> None:
        page = PathRoute(folder="/srv/www")
        args = SiteArgs(
            proxy=proxy, hostnames=hostnames, tls=tls, routes=[page], check_path="/up.txt"
        )
        Site(f"{name}-{role}", args, opts)

    def wild(role: str, own: str, challenge: DnsChallenge) -> None:
        tls = Acme(directory=SHORT_LIVED, email=email, challenge=challenge)
        site(role, [own, f"*.{own}"], tls)

    site("short", [f"short.{name}.{ZONE}"], Acme(directory=SHORT_LIVED, email=email))
    wild("wild", f"wild.{name}.{ZONE}", HetznerDns(zone=ZONE, token=TOKEN))
    if name in DYNAMIC:
        zone, server = f"dyn-{name}.{ZONE}", f"ns.{ZONE}"
        wild("dyn", zone, DynamicDns(zone=zone, server=server, key_name="updates", key=UPDATE_KEY))
    if PROXIES[name][0] == "caddy":
        asked = proxy.certificates(on_demand=OnDemand(url=f"{ECHO}/allowed"))
        own = f"tenants.{name}.{ZONE}"
        site("tenants", [own, f"*.{own}", "*"], asked)


def routes(name: str, web: App) -> list[PathRoute]:
    """Return what every main site serves."""
    kind, _, other = PROXIES[name]
    inside = PathRoute(path="/inside", folder="/srv/www", allow_from=["192.0.2.0/24"])
    made = [
        PathRoute(app=web),
        inside,
        PathRoute(path="/echo", upstream=ECHO),
        PathRoute(path="/bare", upstream=ECHO, strip_prefix=True),
        PathRoute(path="/stream", upstream=ECHO, stream=True),
        PathRoute(path="/quick", upstream=ECHO, timeout_seconds=1),
        PathRoute(path="/nowhere", upstream="http://127.0.0.1:9998", connect_seconds=1),
        PathRoute(path="/files", folder="/srv/www", strip_prefix=True),
        PathRoute(path="/page", folder="/srv/www", single_page=True, strip_prefix=True),
        PathRoute(path="/partner", upstream=f"https://{other}.{ZONE}", strip_prefix=True),
        PathRoute(path="/distrusted", upstream=f"https://own-{other}.{ZONE}", strip_prefix=True),
    ]
    if kind == "nginx":
        limit = RateLimit(requests=1, per="minute", burst=2)
        made.append(
            PathRoute(path="/limited", folder="/srv/www", strip_prefix=True, rate_limit=limit)
        )
    return made


def sites(name: str, host: Host, web: App, after: list[pulumi.Resource]) -> None:
    """Make the sites of one server."""
    opts = pulumi.ResourceOptions(depends_on=after)
    proxy = ReverseProxy(
        f"{name}-proxy",
        ReverseProxyArgs(
            host=host,
            kind=PROXIES[name][0],
            acme_email="ops@example.com",
            acme_directory=config.require("acme"),
        ),
    )
    Site(
        f"{name}-main",
        SiteArgs(
            proxy=proxy,
            hostnames=[f"{name}.{ZONE}", f"also-{name}.{ZONE}"],
            redirects_from=[f"www-{name}.{ZONE}"],
            routes=routes(name, web),
            hsts_seconds=300,
            max_body_mib=config.get_int("max_body_mib") or 1,
            headers={"Content-Security-Policy": content_security_policy(default=["self"])},
            check_path="/livez",
        ),
        opts,
    )
    password = secrets.given("password", config.require("password"), context="sites")
    own = ProvidedCertificate(
        name="own",
        certificate=config.require("certificate"),
        key=secrets.given("private_key", config.require("private_key"), context="sites"),
    )
    Site(
        f"{name}-own",
        SiteArgs(
            proxy=proxy,
            hostnames=[f"own-{name}.{ZONE}"],
            tls=own,
            routes=[
                PathRoute(folder="/srv/www"),
                PathRoute(path="/up.txt", folder="/srv/www", public=True),
                PathRoute(path="/echo", upstream=ECHO, public=True),
            ],
            basic_auth=BasicAuth(username="ops", password=password),
            compress=False,
            client_address=ClientAddress(trusted_networks=["203.0.113.0/24"]),
        ),
        opts,
    )
    Site(
        f"{name}-closed",
        SiteArgs(
            proxy=proxy,
            hostnames=[f"closed-{name}.{ZONE}"],
            tls=own,
            routes=[
                PathRoute(upstream=ECHO),
                PathRoute(path="/inside", upstream=ECHO, allow_from=["192.0.2.0/24"]),
            ],
            client_address=ClientAddress(trusted_networks=[CLOUD]),
            maintenance=Maintenance(
                text='Closed: "$5" \\ only.', allow_from=["192.0.2.0/24", "198.51.100.0/24"]
            ),
        ),
        opts,
    )
    certificates(name, proxy, opts)
    if PROXIES[name][0] == "caddy":
        Site(
            f"{name}-internal",
            SiteArgs(
                proxy=proxy,
                hostnames=[f"internal-{name}.{ZONE}"],
                tls=InternalAuthority(),
                routes=[PathRoute(folder="/srv/www")],
            ),
            opts,
        )


machines = {
    name: HetznerServer(
        name,
        HetznerServerArgs(
            server_type="cx23",
            location="fsn1",
            image=image,
            protect=False,
            # Packages stay, so what they bring is there from the beginning.
            packages=["nginx", "certbot"] if name == "beside" else [],
            rules=[*web_rules(), *(DNS_RULES if name == "beside" else ())],
        ),
    )
    for name, (_, image, _) in PROXIES.items()
}
records = DnsRecords(
    "dns",
    DnsRecordsArgs(
        zone=ZONE,
        create_zone=True,
        records=[
            RecordSet(name=f"{role}{name}", type="A", values=[machine.address])
            for name, machine in machines.items()
            for role in ("", "also-", "www-", "own-", "closed-", "internal-", "*.")
        ]
        + [
            # Somebody else's: a challenge leaves it alone.
            RecordSet(name=f"_acme-challenge.wild.{name}", type="TXT", values=["theirs"])
            for name in machines
        ]
        + [RecordSet(name="ns", type="A", values=[machines["beside"].address])]
        + [RecordSet(name=f"dyn-{n}", type="NS", values=[f"ns.{ZONE}."]) for n in DYNAMIC],
    ),
)
names = NameServer(machines["beside"].host, machines)
nothing = secrets.given("nothing", "nothing", context="sites")
for name, machine in machines.items():
    web = App(
        f"{name}-web",
        AppArgs(
            host=machine.host,
            image="ghcr.io/homeport/ledger:1.0.0",
            memory_mib=256,
            # It needs no database for what is asked here.
            environment={
                "DATABASE_HOST": "127.0.0.1",
                "DATABASE_NAME": "none",
                "DATABASE_USER": "nobody",
            },
            secrets={"DATABASE_PASSWORD": nothing},
            health=HealthCheck(path="/livez", successes=1),
        ),
    )
    files = Files(name, machine.host)
    if config.get_bool("open"):
        sites(name, machine.host, web, [records, files, names])
    pulumi.export(name, machine.address)
