"""Two servers on which nobody may write rules of nftables: an app of each runtime, both proxies."""

from typing import Any

import pulumi

from components import secrets
from components.app import App, AppArgs
from components.artefact import Artefact, ArtefactArgs
from components.artefact_source import LocalSource
from components.dns import DnsRecords, DnsRecordsArgs, RecordSet
from components.existing_server import ExistingServer, ExistingServerArgs
from components.health import HealthCheck
from components.host import Host
from components.proxies.proxy import Kind
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.rootless import RootlessAccount, RootlessAccountArgs
from components.runtimes.quadlet import Quadlet
from components.runtimes.systemd import Systemd
from components.runtimes.venv import Venv
from components.site import Site, SiteArgs
from components.site_routes import PathRoute

ZONE = "links.example.com"
IMAGE = "ghcr.io/homeport/ledger:1.0.0"
PROXIES: dict[str, Kind] = {"docker": "caddy", "quadlet": "nginx", "systemd": "caddy"}
"""Before which proxy the app of a runtime stands."""

config = pulumi.Config()
servers: dict[str, dict[str, str]] = config.require_object("servers")
login = secrets.given("private_key", config.require("private_key"), context="links")
hosts: dict[str, Host] = {
    kind: ExistingServer(kind, ExistingServerArgs(**known, private_key=login, nftables=False)).host
    for kind, known in servers.items()
}
records = DnsRecords(
    "dns",
    DnsRecordsArgs(
        zone=ZONE,
        create_zone=True,
        records=[
            RecordSet(name=runtime, type="A", values=[servers[kind]["address"]])
            for runtime, kind in PROXIES.items()
        ],
    ),
)
proxies = {
    kind: ReverseProxy(
        f"{kind}-proxy",
        ReverseProxyArgs(
            host=host,
            kind=kind,  # type: ignore[arg-type] # checked by the component
            acme_email="ops@example.com",
            acme_directory="letsencrypt-staging",
        ),
    )
    for kind, host in hosts.items()
}


def runs(runtime: str, host: Host) -> dict[str, Any]:
    """Return what is deployed, and what runs it."""
    if runtime == "docker":
        return {"image": IMAGE}
    if runtime == "quadlet":
        account = RootlessAccount("apps", RootlessAccountArgs(host=host))
        return {"image": IMAGE, "runtime": Quadlet(account=account)}
    files = Artefact("ledger", ArtefactArgs(host=host, source=LocalSource(path="ledger")))
    return {
        "artefact": files,
        "runtime": Systemd(venv=Venv()),
        "command": ["ledger", "serve"],
    }


for runtime, kind in PROXIES.items():
    app = App(
        runtime,
        AppArgs(
            host=hosts[kind],
            **runs(runtime, hosts[kind]),
            memory_mib=256,
            health=HealthCheck(path="/livez", start_seconds=120),
            # It needs no database for what is asked here.
            environment={
                "DATABASE_URL": "postgresql://nobody@127.0.0.1/nothing",
                "FAIL_MODE": config.get("fail_mode") or "none",
                "GENERATION": config.require("generation"),
            },
            # Nobody waits so long: connections have to end because they are told to go.
            drain_seconds=1800,
            graceful_stop=True,
        ),
    )
    Site(
        f"{runtime}-site",
        SiteArgs(
            proxy=proxies[kind],
            hostnames=[f"{runtime}.{ZONE}"],
            routes=[PathRoute(app=app, stream=True)],
            check_path="/livez",
        ),
        pulumi.ResourceOptions(depends_on=[records]),
    )
    pulumi.export(runtime, app.release)
    pulumi.export(f"{runtime}-port", app.port)
