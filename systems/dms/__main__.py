"""Dms: a Django backend without containers and its page on one server, their database elsewhere.

What differs between staging and production stands in Pulumi.<stack>.yaml, what there is stands
here.
"""

import pulumi

from components.app import App, AppArgs
from components.artefact import Artefact, ArtefactArgs
from components.database import Database, DatabaseArgs
from components.dns import DnsRecords, DnsRecordsArgs, address_records
from components.firewall import HostFirewall, HostFirewallArgs, web_rules
from components.hetzner_server import HetznerServer, HetznerServerArgs
from components.host_command import HostCommand, HostCommandArgs
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.runtimes.systemd import Systemd
from components.runtimes.venv import Venv
from components.site import Site, SiteArgs
from components.site_access import BasicAuth
from components.site_routes import PathRoute
from components.static_app import StaticApp, StaticAppArgs
from systems.dms import contract, database_server
from systems.dms.config import DmsConfig

config = DmsConfig.load()

rules = web_rules(ssh_networks=config.server.ssh_networks)
machine = HetznerServer(
    "server",
    HetznerServerArgs(
        server_type=config.server.type,
        location=config.server.location,
        image=config.server.image,
        rules=rules,
        packages=["nginx"],
        admin_keys=config.server.admin_keys,
        protect=config.server.protect,
        dns_ptr=config.domain,
        swap_mib=config.server.swap_mib,
    ),
)
host = machine.host
HostFirewall("firewall", HostFirewallArgs(host=host, rules=rules))

# Names, and the database that they lead to: a service's, or on a server of its own.
own = database_server.run(config, client=machine.address)
dns = []
if config.dns and config.dns.manage:
    zone, hostnames = config.dns.zone, [config.domain, *config.site.redirects_from]
    records = address_records(zone, hostnames, machine.address)
    if own:
        records += address_records(zone, [config.database.host], own.address)
    args = DnsRecordsArgs(
        zone=zone,
        create_zone=config.dns.create_zone,
        protect=config.server.protect,
        records=records,
    )
    dns = [DnsRecords("dns", args)]
postgres = database_server.way(config, host, own, dns)
database = Database(
    "dms-database",
    DatabaseArgs(server=postgres, name=config.database.name, protect=config.server.protect),
)
agreed = contract.agree(config, postgres, database)

backend = App(
    "backend",
    AppArgs(
        host=host,
        artefact=Artefact("backend", ArtefactArgs(host=host, source=config.app.source.source())),
        runtime=Systemd(venv=Venv(), user="dms", state_mode="0711"),
        command=["gunicorn", "--config", "python:archive.serving", "archive.wsgi"],
        health=contract.health(config),
        memory_mib=config.app.memory_mib,
        environment=agreed.variables(agreed.writer),
        secrets=agreed.secrets(agreed.writer),
        contract=agreed.environment(),
        jobs=agreed.jobs(),
        drain_seconds=config.app.drain_seconds,
        stop_seconds=30,
        after=[agreed.migrator, agreed.writer],
    ),
)
manage = HostCommandArgs(host=host, app=backend, name="dms-manage", command=["archive"])
HostCommand("manage", manage)

# The way in.
proxy = ReverseProxy(
    "proxy",
    ReverseProxyArgs(
        host=host,
        kind="nginx",
        acme_email=config.acme.email,
        acme_directory=config.acme.directory,
    ),
)
page = StaticApp(
    "page",
    StaticAppArgs(
        proxy=proxy,
        artefact=Artefact("page", ArtefactArgs(host=host, source=config.page.source())),
        single_page=True,
        hashed_folders=["/assets"],
    ),
)
user, password = config.admin.basic_auth_user, contract.admin_password(config)
site = Site(
    "site",
    SiteArgs(
        proxy=proxy,
        hostnames=[config.domain],
        routes=[
            PathRoute(static=page, public=True),
            PathRoute(path="/api", app=backend, public=True),
            PathRoute(path="/accounts", app=backend, public=True),
            PathRoute(path="/admin", app=backend, allow_from=config.admin.allow_from),
            PathRoute(
                path="/static", folder=f"{contract.folder()}/static", strip_prefix=True, public=True
            ),
        ],
        redirects_from=config.site.redirects_from,
        hsts_seconds=config.site.hsts_seconds,
        headers=contract.headers(config),
        basic_auth=BasicAuth(username=user, password=password) if user else None,
    ),
    pulumi.ResourceOptions(depends_on=dns),
)

pulumi.export("url", site.url)
pulumi.export("address", machine.address)
pulumi.export("ssh", machine.ssh_command)
if own:
    pulumi.export("database_ssh", own.service.host.ssh_command)
pulumi.export("release", backend.release)
pulumi.export("release_settings", {"backend": "app.source", "page": "page"})
# What smoke.py needs to try the system as a user would.
pulumi.export("hsts_seconds", config.site.hsts_seconds)
pulumi.export("smoke_login", agreed.smoke_login())
pulumi.export("admin_login", {"username": user, "password": password.value} if user else None)
