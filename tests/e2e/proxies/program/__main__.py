"""Two servers with the same app and site, each behind a proxy of its own."""

import pulumi

from components import secrets
from components.app import App, AppArgs
from components.dns import DnsRecords, DnsRecordsArgs, RecordSet
from components.firewall import HostFirewall, HostFirewallArgs, web_rules
from components.health import HealthCheck
from components.hetzner_server import HetznerServer, HetznerServerArgs
from components.proxies.proxy import Kind
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.site import Site, SiteArgs
from components.site_routes import PathRoute

ZONE = "proxies.example.com"
PROXIES: dict[str, tuple[Kind, str]] = {
    "caddy": ("caddy", "debian-13"),
    "nginx": ("nginx", "debian-12"),
}

config = pulumi.Config()
nothing = secrets.given("nothing", "nothing", context="proxies")
machines = {
    name: HetznerServer(
        name,
        HetznerServerArgs(server_type="cx23", location="fsn1", image=image, protect=False),
    )
    for name, (_, image) in PROXIES.items()
}
records = DnsRecords(
    "dns",
    DnsRecordsArgs(
        zone=ZONE,
        create_zone=True,
        records=[
            RecordSet(name=name, type="A", values=[machine.address])
            for name, machine in machines.items()
        ],
    ),
)
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
    HostFirewall(f"{name}-firewall", HostFirewallArgs(host=machine.host, rules=web_rules()))
    proxy = ReverseProxy(
        f"{name}-proxy",
        ReverseProxyArgs(
            host=machine.host,
            kind=PROXIES[name][0],
            acme_email="ops@example.com",
            acme_directory=config.require("acme"),
            upgraded_by=config.get("upgraded_by") or "",
        ),
    )
    Site(
        f"{name}-main",
        SiteArgs(
            proxy=proxy,
            hostnames=[f"{name}.{ZONE}"],
            routes=[PathRoute(app=web, timeout_seconds=600)],
            max_body_mib=config.get_int("max_body_mib") or 1,
            check_path="/livez",
        ),
        pulumi.ResourceOptions(depends_on=[records]),
    )
    pulumi.export(name, machine.address)
    pulumi.export(f"{name}-ssh", machine.host.ssh_command)
