"""One server with a site of two static apps, which the tests then change."""

from typing import cast

import pulumi

from components.artefact import Artefact, ArtefactArgs
from components.artefact_source import LocalSource
from components.dns import DnsRecords, DnsRecordsArgs, RecordSet
from components.hetzner_server import HetznerServer, HetznerServerArgs
from components.proxies.proxy import Kind
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.site import Site, SiteArgs
from components.site_routes import PathRoute
from components.static_app import StaticApp, StaticAppArgs

ZONE = "statics.example.com"

config = pulumi.Config()
machine = HetznerServer(
    "server",
    HetznerServerArgs(
        server_type="cx23", location="fsn1", image=config.require("system"), protect=False
    ),
)
host = machine.host
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
        host=host,
        kind=cast("Kind", config.require("proxy")),
        acme_email="ops@example.com",
        acme_directory=config.require("acme"),
    ),
)


def deploy() -> None:
    """Deploy the page, and beside it what has no fallback, and serve both."""
    page = StaticApp(
        "page",
        StaticAppArgs(
            proxy=proxy,
            artefact=Artefact(
                "page", ArtefactArgs(host=host, source=LocalSource(path=config.require("page")))
            ),
            single_page=True,
            environment={"title": config.get("title") or "</script>"},
            environment_variable="settings",
        ),
    )
    docs = StaticApp(
        "docs",
        StaticAppArgs(
            proxy=proxy,
            artefact=Artefact("docs", ArtefactArgs(host=host, source=LocalSource(path="docs.zip"))),
            folder="public",
            hashed_folders=["/bundle"],
        ),
    )
    routes = [PathRoute(static=page), PathRoute(path="/docs", static=docs, strip_prefix=True)]
    Site(
        "site",
        SiteArgs(proxy=proxy, hostnames=[ZONE], routes=routes),
        pulumi.ResourceOptions(depends_on=[records]),
    )
    pulumi.export("release", page.release)
    pulumi.export("folder", page.folder)


if config.get_bool("served") is not False:
    deploy()
pulumi.export("address", machine.address)
pulumi.export("ssh", machine.ssh_command)
