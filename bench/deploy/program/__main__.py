"""A server with the same app on every runtime, each with a site of its own.

The stack's name is the proxy's; a runtime's name in the configuration is the version of its app.
"""

from typing import Any, cast

import pulumi

from bench.deploy import setting
from components.app import App, AppArgs
from components.artefact import Artefact, ArtefactArgs
from components.artefact_source import LocalSource
from components.dns import DnsRecords, DnsRecordsArgs, RecordSet
from components.health import HealthCheck
from components.hetzner_server import HetznerServer, HetznerServerArgs
from components.proxies.proxy import Kind
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.rootless import RootlessAccount, RootlessAccountArgs
from components.runtimes.docker import Docker
from components.runtimes.quadlet import Quadlet
from components.runtimes.systemd import Systemd
from components.runtimes.venv import Venv
from components.site import Site, SiteArgs
from components.site_routes import PathRoute
from components.static_app import StaticApp, StaticAppArgs

config = pulumi.Config()
kind = cast("Kind", pulumi.get_stack())
machine = HetznerServer(
    "server",
    HetznerServerArgs(server_type="cx23", location="fsn1", image=setting.SYSTEM, protect=False),
)
host = machine.host
proxy = ReverseProxy("proxy", ReverseProxyArgs(host=host, kind=kind, acme_email="ops@example.com"))
records = DnsRecords(
    "dns",
    DnsRecordsArgs(
        zone=setting.zone(kind),
        create_zone=True,
        records=[RecordSet(name="*", type="A", values=[machine.address])],
    ),
)


def version(runtime: str) -> setting.Version:
    """Return the version of the app on a runtime."""
    return setting.VERSIONS[config.require_int(runtime)]


def build(runtime: str) -> Artefact:
    """Bring the artefact of the runtime's version to the host."""
    source = LocalSource(path=f"{setting.BUILDS}/{runtime}/{version(runtime).name}")
    return Artefact(runtime, ArtefactArgs(host=host, source=source))


def app(name: str, **how: Any) -> list[PathRoute]:  # noqa: ANN401 - fields of AppArgs
    """Deploy an app and return what its site serves."""
    made = App(
        name,
        AppArgs(
            host=host,
            memory_mib=setting.MEMORY_MIB,
            health=HealthCheck(path=setting.HEALTH_PATH),
            environment=setting.ENVIRONMENT,
            drain_seconds=setting.DRAIN_SECONDS,
            graceful_stop=True,
            **how,
        ),
    )
    return [PathRoute(app=made), PathRoute(path="/api/events", app=made, stream=True)]


def routes(runtime: str) -> list[PathRoute]:
    """Deploy the app on one runtime and return what its site serves."""
    image = version(runtime).image
    match runtime:
        case "docker":
            return app(runtime, runtime=Docker(), image=image)
        case "quadlet":
            account = RootlessAccount("apps", RootlessAccountArgs(host=host))
            return app(runtime, runtime=Quadlet(account=account), image=image)
        case "systemd":
            unit, command = Systemd(venv=Venv()), ["ledger", "serve"]
            return app(runtime, runtime=unit, artefact=build(runtime), command=command)
        case _:
            page = StaticApp(runtime, StaticAppArgs(proxy=proxy, artefact=build(runtime)))
            return [PathRoute(static=page)]


for name in setting.RUNTIMES:
    Site(
        name,
        SiteArgs(
            proxy=proxy,
            hostnames=[setting.hostname(name, kind)],
            routes=routes(name),
            check_path="/" if name == "static" else setting.HEALTH_PATH,
        ),
        pulumi.ResourceOptions(depends_on=[records]),
    )
pulumi.export("address", machine.address)
