"""Crm: an app, its worker, PostgreSQL and Redis beside other people's things on one server.

What differs between staging and production stands in Pulumi.<stack>.yaml, what there is stands
here. Nothing is created in a cloud, and nothing runs that nobody has approved.
"""

import pulumi

from components import program
from components.app import App, AppArgs
from components.database import Database, DatabaseArgs
from components.existing_server import ExistingServer
from components.guard import Guard, GuardArgs
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.postgres import PostgresServer, PostgresServerArgs
from components.redis import RedisServer, RedisServerArgs
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.site import Site, SiteArgs
from components.site_access import ClientAddress
from components.site_routes import PathRoute
from components.worker import Worker, WorkerArgs
from systems.crm import contract, signing, website
from systems.crm.config import CrmConfig

program.begin()
config = CrmConfig.load()
Guard("guard", GuardArgs(**config.guard.model_dump()))

# Somebody else's server. There is no host firewall: it would decide about their ports, too.
machine = ExistingServer(
    "server",
    config.existing_server.arguments(
        config.existing_server_password, config.existing_server_private_key
    ),
)
host = machine.host

# The data: on a network without a way out, on no port of the server.
data = PrivateNetwork("data", PrivateNetworkArgs(host=host, internal=True))
postgres = PostgresServer(
    "postgres",
    PostgresServerArgs(
        host=host,
        image=config.postgres.image,
        network=data,
        memory_mib=config.postgres.memory_mib,
        protect=config.postgres.protect,
    ),
)
database = Database(
    "crm-database", DatabaseArgs(server=postgres, name="crm", protect=config.postgres.protect)
)
redis = RedisServer(
    "redis",
    RedisServerArgs(
        host=host,
        image=config.redis.image,
        network=data,
        memory_mib=config.redis.memory_mib,
        protect=config.postgres.protect,
        rotation=config.secret_rotation.redis,
    ),
)
agreed = contract.agree(config, database, redis)

# App and worker: one image from a private registry, on the server with a pull token alone.
registry = config.registry.login(host, config.registry_password)
app = App(
    "app",
    AppArgs(
        host=host,
        image=config.app.image,
        registry=registry,
        port=config.app.port,
        container_port=3000,
        health=contract.health(config),
        memory_mib=config.app.memory_mib,
        environment=agreed.variables(),
        secrets=agreed.secrets(),
        contract=agreed.environment(),
        networks=[data],
        jobs=agreed.jobs(),
        drain_seconds=config.app.drain_seconds,
        revision=config.app.revision,
        after=[agreed.migrator, agreed.writer, redis.ready],
    ),
)
Worker(
    "worker",
    WorkerArgs(
        host=host,
        image=config.app.image,
        registry=registry,
        memory_mib=config.app.worker_memory_mib,
        revision=config.app.revision,
        environment=agreed.variables(),
        secrets=agreed.secrets(),
        contract=agreed.environment(),
        networks=[data],
        command=["worker"],
        # The schema that it works on is the one that the app's migration made.
        after=[app],
    ),
)

# The way in, beside the sites of others: HTTP first, then a certificate, then HTTPS.
acme = config.acme
proxy = ReverseProxy(
    "proxy",
    ReverseProxyArgs(host=host, kind="nginx", acme_email=acme.email, acme_directory=acme.directory),
)
cdn = config.site.cdn_networks
site = Site(
    "site",
    SiteArgs(
        proxy=proxy,
        hostnames=[config.domain],
        routes=[PathRoute(app=app, stream=True, timeout_seconds=config.site.read_timeout_seconds)],
        redirects_from=config.site.redirects_from,
        hsts_seconds=config.site.hsts_seconds,
        max_body_mib=config.site.max_body_mib,
        client_address=ClientAddress(trusted_networks=cdn, header="CF-Connecting-IP")
        if cdn
        else None,
    ),
)

# The website's own server, and the way of the signing app to a newer version, where asked for.
beside = website.run(config, site)
signing_version = signing.upgrade(config, host, registry)

pulumi.export("url", site.url)
pulumi.export("address", machine.address)
pulumi.export("ssh", machine.ssh_command)
pulumi.export("release", app.release)
pulumi.export("website", beside)
pulumi.export("signing_version", signing_version)
pulumi.export("release_settings", {"app": "app.image"})
# What smoke.py needs to try the system as a user would.
pulumi.export("health_login", agreed.health_login())
pulumi.export("smoke_login", agreed.smoke_login())
