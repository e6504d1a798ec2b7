"""Command-center: accounts, an API over the database, websockets, objects and mail on one server.

What differs between staging and production stands in Pulumi.<stack>.yaml, what there is stands
here. Only the proxy is published; the database itself decides who sees which rows.
"""

import pulumi

from components import program
from components.artefact import Artefact, ArtefactArgs
from components.artefact_source import LocalSource
from components.database import Database, DatabaseArgs
from components.database_migrations import DatabaseMigrations, DatabaseMigrationsArgs
from components.postgres import PostgresServer, PostgresServerArgs
from components.redis import RedisServer, RedisServerArgs
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.site import Site, SiteArgs
from components.site_access import BasicAuth
from components.site_routes import PathRoute
from components.static_app import StaticApp, StaticAppArgs
from systems import web_server
from systems.command_center import contract, gates, grafana, logs, monitoring, names, pgadmin
from systems.command_center import networks as net
from systems.command_center import services as parts
from systems.command_center.config import CommandCenterConfig

program.begin()
config = CommandCenterConfig.load()
machine = web_server.create(config.server, packages=["caddy"], reverse_name=config.domain)
host = machine.host.with_journal()

networks = net.declare(host)
protect = config.postgres.protect
postgres = PostgresServer(
    "postgres",
    PostgresServerArgs(
        host=host,
        image=config.postgres.image,
        network=networks.data,
        memory_mib=config.postgres.memory_mib,
        protect=protect,
    ),
)
RedisServer(
    "redis",
    RedisServerArgs(
        host=host,
        image=config.redis.image,
        network=networks.cache,
        memory_mib=config.redis.memory_mib,
        protect=protect,
        rotation=config.secret_rotation.redis,
    ),
)

# The schema, and what must hold in it before anything new serves.
database = Database(
    "database",
    DatabaseArgs(server=postgres, name=names.DATABASE, schemas=("public", "auth"), protect=protect),
)
agreed = contract.agree(config, database)
migrations = DatabaseMigrations(
    "schema",
    DatabaseMigrationsArgs(database=database, folder="migrations", after=[agreed.roles.ready]),
)
checked = gates.declare(config, database, migrations)
services = parts.declare(host, agreed, networks, checked)
operated = [
    *monitoring.declare(config, host, agreed, networks),
    *logs.declare(config, host, networks),
    *pgadmin.declare(config, host, agreed, networks),
    *grafana.declare(config, host, agreed, networks),
]

# The way in.
dns = web_server.lead(
    config.dns,
    [([config.domain, *config.site.redirects_from], machine.address)],
    protect=config.server.protect,
)
proxy = ReverseProxy(
    "proxy",
    ReverseProxyArgs(host=host, acme_email=config.acme.email, acme_directory=config.acme.directory),
)
page = StaticApp(
    "page",
    StaticAppArgs(
        proxy=proxy,
        artefact=Artefact("page", ArtefactArgs(host=host, source=LocalSource(path="page"))),
        single_page=True,
        environment={"VITE_SUPABASE_URL": f"https://{config.domain}"},
        published={"VITE_SUPABASE_ANON_KEY": agreed.jwt.keys[names.ANON]},
    ),
)
site = Site(
    "site",
    SiteArgs(
        proxy=proxy,
        hostnames=[config.domain],
        routes=[
            PathRoute(static=page, public=True),
            PathRoute(path="/api", app=services.rest, strip_prefix=True, public=True),
            PathRoute(path="/auth", app=services.auth, strip_prefix=True, public=True),
            PathRoute(
                path="/realtime",
                app=services.realtime,
                strip_prefix=True,
                public=True,
                stream=True,
                timeout_seconds=3600,
            ),
            PathRoute(path="/s3", app=services.objects, strip_prefix=True, public=True),
            PathRoute(path="/mail", app=services.mail, strip_prefix=True),
            *operated,
        ],
        redirects_from=config.site.redirects_from,
        hsts_seconds=config.site.hsts_seconds,
        basic_auth=BasicAuth(username=config.admin.username, password=agreed.admin_password),
    ),
    pulumi.ResourceOptions(depends_on=dns),
)

pulumi.export("url", site.url)
pulumi.export("address", machine.address)
pulumi.export("ssh", machine.ssh_command)
pulumi.export("release", services.rest.release)
pulumi.export("release_settings", {name: f"{name}.image" for name in contract.NAMES})
# What smoke.py needs to try the platform as a user would.
pulumi.export("admin", config.admin.username)
pulumi.export("smoke", agreed.smoke())
