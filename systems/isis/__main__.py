"""Isis: a Django backend and its database in rootless containers, behind a proxy with TLS.

What differs between staging and production stands in Pulumi.<stack>.yaml, what there is stands
here. The page lives elsewhere: its origins may call the backend.
"""

import pulumi

from components import program
from components.app import App, AppArgs
from components.database import Database, DatabaseArgs
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.postgres import PostgresServer, PostgresServerArgs
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.rootless import RootlessAccount, RootlessAccountArgs
from components.runtimes.quadlet import Quadlet
from components.site import Site, SiteArgs
from components.site_routes import PathRoute
from components.volume import Volume, VolumeArgs
from systems import web_server
from systems.isis import contract
from systems.isis.config import IsisConfig

PORT = 3003
"""Where the proxy finds the backend on the loopback, whichever release serves."""
program.begin()
config = IsisConfig.load()

machine = web_server.create(config.server, packages=["caddy"], reverse_name=config.domain)
host = machine.host

# Everything runs as this account, without root; on `swe2` the backend meets the database.
account = RootlessAccount("isis", RootlessAccountArgs(host=host, name="isis"))
swe2 = PrivateNetwork("swe2", PrivateNetworkArgs(host=host, account=account, internal=True))
postgres = PostgresServer(
    "swe2-postgres",
    PostgresServerArgs(
        host=host,
        account=account,
        image=config.postgres.image,
        network=swe2,
        memory_mib=config.postgres.memory_mib,
        protect=config.postgres.protect,
    ),
)
database = Database(
    "isis-database",
    DatabaseArgs(server=postgres, name="isis", protect=config.postgres.protect),
)
image = contract.agree(config, database)

# The backend: its folders on the host belong to its user, as the account's numbers have it.
static, logs = (
    Volume(
        name,
        VolumeArgs(
            host=host, account=account, folder=f"/srv/isis/{name}", mode=mode, protect=False
        ),
    )
    for name, mode in (("static", "0755"), ("logs", "0750"))
)
media = Volume("media", VolumeArgs(host=host, account=account, protect=config.postgres.protect))
login = config.registry.login(host, config.registry_password, account)
backend = App(
    "backend",
    AppArgs(
        host=host,
        runtime=Quadlet(account=account),
        image=config.app.image,
        registry=login,
        port=PORT,
        health=contract.health(config),
        memory_mib=config.app.memory_mib,
        environment=image.variables(image.writer),
        secrets=image.secrets(image.writer),
        contract=image.environment(),
        networks=[swe2],
        volumes={contract.STATIC: static, contract.LOGS: logs, contract.MEDIA: media},
        jobs=image.jobs(),
        drain_seconds=config.app.drain_seconds,
        revision=config.app.revision,
        stop_seconds=30,
        after=[image.migrator, image.writer],
    ),
)

# The way in.
names = []
names = web_server.lead(
    config.dns,
    [([config.domain, *config.site.redirects_from], machine.address)],
    protect=config.server.protect,
)
proxy = ReverseProxy(
    "proxy",
    ReverseProxyArgs(host=host, acme_email=config.acme.email, acme_directory=config.acme.directory),
)
site = Site(
    "api",
    SiteArgs(
        proxy=proxy,
        hostnames=[config.domain],
        routes=[
            PathRoute(app=backend),
            PathRoute(path="/static", folder="/srv/isis/static", strip_prefix=True),
        ],
        redirects_from=config.site.redirects_from,
        hsts_seconds=config.site.hsts_seconds,
    ),
    pulumi.ResourceOptions(depends_on=names),
)

pulumi.export("url", site.url)
pulumi.export("address", machine.address)
pulumi.export("ssh", machine.ssh_command)
pulumi.export("release", backend.release)
pulumi.export("release_settings", {"backend": "app.image"})
# What smoke.py needs to try the system as a user would.
pulumi.export("spa_origin", config.spa_origins[0])
pulumi.export("smoke_login", image.smoke_login())
pulumi.export("google", config.google.endpoint if config.google else "")
