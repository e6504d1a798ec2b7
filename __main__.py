"""The starter system: one server with a reverse proxy, TLS, a database, an app and its worker.

What differs between staging and production stands in Pulumi.<stack>.yaml, what there is stands
here.
"""

import pulumi

from components import program
from components.app import App, AppArgs
from components.config import StackConfig
from components.database import Database, DatabaseArgs, DatabaseUser, DatabaseUserArgs
from components.dns import DnsRecords, DnsRecordsArgs, address_records
from components.existing_server import ExistingServer
from components.firewall import HostFirewall, HostFirewallArgs, web_rules
from components.guard import Guard, GuardArgs
from components.health import HealthCheck
from components.hetzner_server import HetznerServer, HetznerServerArgs
from components.job import Job
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.postgres import PostgresServer, PostgresServerArgs
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.site import Site, SiteArgs
from components.site_access import BasicAuth
from components.site_routes import PathRoute
from components.sql import Access
from components.worker import Worker, WorkerArgs

USERS: dict[str, tuple[Access, int]] = {
    "migrator": ("migrator", 5),
    # Two releases of app and worker run side by side during a deploy.
    "app": ("read_write", 70),
    "report": ("read_only", 10),
}
"""The database's users: what each may do, and how many connections it may open."""

program.begin()
config = StackConfig.load()

# First of all: where a guard is declared, nothing runs that nobody has approved.
if config.guard:
    Guard("guard", GuardArgs(**config.guard.model_dump()))

# The server: made in the cloud, or one that is there already. Nothing below knows which.
machine: HetznerServer | ExistingServer
data_folder: pulumi.Input[str] | None
if config.server:
    rules = web_rules(ssh_networks=config.server.ssh_networks)
    machine = HetznerServer(
        "server",
        HetznerServerArgs(
            server_type=config.server.type,
            location=config.server.location,
            image=config.server.image,
            rules=rules,
            packages=["caddy"],
            admin_keys=config.server.admin_keys,
            protect=config.server.protect,
            volume_gib=config.server.volume_gib,
            dns_ptr=config.domain,
            swap_mib=config.server.swap_mib,
        ),
    )
    data_folder = machine.volume_path
else:
    existing = config.existing_server
    assert existing  # noqa: S101 - the configuration names exactly one of the two
    rules = web_rules(existing.port, existing.ssh_networks)
    machine = ExistingServer(
        "server",
        existing.arguments(config.existing_server_password, config.existing_server_private_key),
    )
    data_folder = config.postgres.data_folder
host = machine.host
if host.nftables:
    HostFirewall("firewall", HostFirewallArgs(host=host, rules=rules))

# The database: on a network without a way out, one user for each thing that somebody does there.
data = PrivateNetwork("data", PrivateNetworkArgs(host=host, internal=True))
postgres = PostgresServer(
    "postgres",
    PostgresServerArgs(
        host=host,
        image=config.postgres.image,
        network=data,
        memory_mib=config.postgres.memory_mib,
        data_folder=data_folder,
        protect=config.postgres.protect,
    ),
)
database = Database(
    "ledger", DatabaseArgs(server=postgres, name="ledger", protect=config.postgres.protect)
)
users = {
    access: DatabaseUser(
        f"ledger-{name}",
        DatabaseUserArgs(
            database=database,
            name=f"ledger_{name}",
            access=access,
            connection_limit=connections,
            rotation=config.secret_rotation.database,
        ),
    )
    for name, (access, connections) in USERS.items()
}

# The app and its worker: one image, each with the password of its own user and no other.
image = config.app.image_on(host)
registry = None
if config.registry and config.registry_password:
    registry = config.registry.login(host, config.registry_password)


def connection(user: DatabaseUser) -> dict[str, str]:
    """Return where the database is, as the image reads it; the password is a secret beside it."""
    return {
        "DATABASE_HOST": postgres.hostname,
        "DATABASE_PORT": str(postgres.port),
        "DATABASE_NAME": database.database_name,
        "DATABASE_USER": user.username,
    }


writer, migrator = users["read_write"], users["migrator"]
environment = {**config.app.environment, **connection(writer)}
password = {"DATABASE_PASSWORD": writer.password}
access = list(users.values())
web = App(
    "web",
    AppArgs(
        host=host,
        image=image,
        health=HealthCheck(
            path=config.app.health_path, start_seconds=config.app.start_timeout_seconds
        ),
        memory_mib=config.app.memory_mib,
        environment={**environment, "APP_URL": f"https://{config.domain}"},
        secrets=password,
        networks=[data],
        jobs=[
            Job(
                name="migrate",
                command=["migrate"],
                environment=connection(migrator),
                secrets={"DATABASE_PASSWORD": migrator.password},
            )
        ],
        registry=registry,
        port=config.app.port,
        drain_seconds=config.app.drain_seconds,
        revision=config.app.revision,
        after=access,
    ),
)
Worker(
    "worker",
    WorkerArgs(
        host=host,
        image=image,
        memory_mib=config.app.worker_memory_mib,
        revision=config.app.revision,
        environment=environment,
        secrets=password,
        networks=[data],
        command=["worker"],
        registry=registry,
        # The schema that it works on is the one that the app's migration made.
        after=[web],
    ),
)

# The way in: names, certificate, proxy.
names = []
if config.dns and config.dns.manage:
    records = DnsRecords(
        "dns",
        DnsRecordsArgs(
            zone=config.dns.zone,
            create_zone=config.dns.create_zone,
            protect=bool(config.server and config.server.protect),
            records=address_records(
                config.dns.zone, [config.domain, *config.site.redirects_from], machine.address
            ),
        ),
    )
    names = [records]
login = None
if config.site.basic_auth_user and config.basic_auth_password:
    login = BasicAuth(username=config.site.basic_auth_user, password=config.basic_auth_password)
proxy = ReverseProxy(
    "proxy",
    ReverseProxyArgs(host=host, acme_email=config.acme.email, acme_directory=config.acme.directory),
)
site = Site(
    "site",
    SiteArgs(
        proxy=proxy,
        hostnames=[config.domain],
        routes=[PathRoute(path="/", app=web)],
        redirects_from=config.site.redirects_from,
        hsts_seconds=config.site.hsts_seconds,
        basic_auth=login,
    ),
    # A certificate is asked for as soon as the site is there.
    pulumi.ResourceOptions(depends_on=names),
)

pulumi.export("url", site.url)
pulumi.export("address", machine.address)
pulumi.export("ssh", machine.ssh_command)
pulumi.export("release", web.release)
# What `homeport releases` reads and `homeport rollback` sets.
pulumi.export("release_settings", {"web": "app.image"})
