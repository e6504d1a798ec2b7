"""One server with an app behind a site: small, so that it is deployed again within seconds."""

import pulumi

from components.app import App, AppArgs
from components.dns import DnsRecords, DnsRecordsArgs, RecordSet
from components.health import HealthCheck
from components.hetzner_server import HetznerServer, HetznerServerArgs
from components.job import Job
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.site import Site, SiteArgs
from components.site_routes import PathRoute

ZONE = "chaos.example.com"

config = pulumi.Config()
machine = HetznerServer(
    "server",
    HetznerServerArgs(server_type="cx23", location="fsn1", image="debian-12", protect=False),
)
records = DnsRecords(
    "dns",
    DnsRecordsArgs(
        zone=ZONE,
        create_zone=True,
        records=[RecordSet(name="@", type="A", values=[machine.address])],
    ),
)
proxy = ReverseProxy(
    "proxy",
    ReverseProxyArgs(
        host=machine.host, acme_email="ops@example.com", acme_directory="letsencrypt-staging"
    ),
)
web = App(
    "web",
    AppArgs(
        host=machine.host,
        image=config.require("image"),
        memory_mib=128,
        # What is asked for here needs no database, and this app has none.
        health=HealthCheck(path="/livez"),
        environment={
            "DATABASE_URL": "postgresql://nobody@127.0.0.1/nothing",
            "GENERATION": config.require("generation"),
        },
        jobs=[Job(name="build", command=["static", "/tmp/built"])],
        drain_seconds=10,
    ),
)
Site(
    "site",
    SiteArgs(
        proxy=proxy,
        hostnames=[ZONE],
        routes=[PathRoute(path="/", app=web)],
        check_path="/livez",
    ),
    pulumi.ResourceOptions(depends_on=[records]),
)

pulumi.export("address", machine.address)
pulumi.export("ssh", machine.ssh_command)
pulumi.export("release", web.release)
pulumi.export("container", web.instance_name)
