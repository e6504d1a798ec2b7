"""One server with apps and a database in a rootless account, which the tests then change."""

import pulumi

from components import secrets
from components.app import App, AppArgs
from components.artefact import Artefact, ArtefactArgs
from components.artefact_source import LocalSource
from components.cron_job import CronJob, CronJobArgs
from components.dns import DnsRecords, DnsRecordsArgs, RecordSet
from components.environment_contract import Variable
from components.health import HealthCheck
from components.hetzner_server import HetznerServer, HetznerServerArgs
from components.image_build import ImageBuild
from components.job import Job, SchemaCheck
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.registry import RegistryLogin, RegistryLoginArgs
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.rootless import RootlessAccount, RootlessAccountArgs
from components.runtimes.quadlet import Quadlet
from components.schedule import Schedule
from components.site import Site, SiteArgs
from components.site_routes import PathRoute
from components.volume import Volume, VolumeArgs
from components.worker import Worker, WorkerArgs

ZONE = "quadlet.example.com"
AWKWARD = 'a "b" \\ $HOME ${PATH} %h %% \' ü\tc\nd'

config = pulumi.Config()
machine = HetznerServer(
    "server",
    HetznerServerArgs(server_type="cx23", location="fsn1", image="debian-13", protect=False),
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
    ReverseProxyArgs(host=host, acme_email="ops@example.com", acme_directory="letsencrypt-staging"),
)


def image(name: str) -> str | ImageBuild:
    """Return the image of the app: as it is in the registry, or built here with a note in it."""
    pulled, note = config.require("image"), config.get("note")
    if not note:
        return pulled
    context = Artefact(name, ArtefactArgs(host=host, source=LocalSource(path="image")))
    return ImageBuild(
        context=context,
        base=pulled,
        file=config.get("file") or "Dockerfile",
        arguments={"NOTE": note},
    )


def deploy() -> None:
    """Make everything that the account runs."""
    apps = RootlessAccount("apps", RootlessAccountArgs(host=host))
    quadlet = Quadlet(account=apps)
    data = PrivateNetwork("data", PrivateNetworkArgs(host=host, account=apps, internal=True))
    rows = Volume("rows", VolumeArgs(host=host, account=apps, owner="999:999", protect=False))
    uploads = Volume("uploads", VolumeArgs(host=host, account=apps, protect=False))
    password = secrets.generated("database-password")
    login = RegistryLogin(
        "registry",
        RegistryLoginArgs(
            host=host,
            registry="registry.example.com",
            username="homeport",
            password=secrets.given("password", config.require("password"), context="quadlet-test"),
            account=apps,
        ),
    )
    database = Worker(
        "database",
        WorkerArgs(
            host=host,
            runtime=quadlet,
            image="postgres:17",
            memory_mib=256,
            user="999:999",
            secrets={"POSTGRES_PASSWORD": password},
            environment={"PGDATA": "/var/lib/postgresql/data/17"},
            volumes={"/var/lib/postgresql/data": rows},
            tmpfs_mib={"/tmp": 64, "/run/postgresql": 1},
            networks=[data],
            health_command=["pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"],
        ),
    )
    environment = {
        "DATABASE_HOST": "database",
        "DATABASE_NAME": "postgres",
        "DATABASE_USER": "postgres",
        "FAIL_MODE": config.get("fail_mode") or "none",
    }
    forbidden = config.get("forbidden")
    contract = {
        "DATABASE_PASSWORD": Variable(secret=True),
        **({forbidden: Variable(presence="forbidden")} if forbidden else {}),
    }
    web = App(
        "web",
        AppArgs(
            host=host,
            runtime=quadlet,
            image=image("context"),
            memory_mib=256,
            cpus=1,
            health=HealthCheck(
                path="/healthz", start_seconds=config.get_int("start_seconds") or 60
            ),
            environment={**environment, "AWKWARD": AWKWARD},
            secrets={"DATABASE_PASSWORD": password},
            contract=contract,
            networks=[data],
            volumes={"/data": uploads},
            jobs=[
                Job(
                    name="migrate",
                    command=["migrate"],
                    environment=environment,
                    secrets={"DATABASE_PASSWORD": password},
                ),
                SchemaCheck(
                    name="schema",
                    command=["check"],
                    environment=environment,
                    secrets={"DATABASE_PASSWORD": password},
                ),
            ],
            # Nobody waits so long: connections have to end because they are told to go.
            drain_seconds=1800,
            graceful_stop=True,
            after=[database],
        ),
    )
    greeter = App(
        "greeter",
        AppArgs(
            host=host,
            runtime=quadlet,
            image="registry.example.com/homeport/hello:1.0.0",
            registry=login,
            memory_mib=64,
            container_port=8080,
            health=HealthCheck(path="/healthz"),
        ),
    )
    tidy = CronJob(
        "tidy",
        CronJobArgs(
            host=host,
            runtime=quadlet,
            image="busybox:1.37",
            memory_mib=16,
            command=["echo", "50% of", "$HOME"],
            schedule=Schedule(calendar="*:*:0/15"),
        ),
    )
    Site(
        "site",
        SiteArgs(
            proxy=proxy,
            hostnames=[ZONE],
            routes=[PathRoute(path="/", app=web)],
            hsts_seconds=300,
        ),
        pulumi.ResourceOptions(depends_on=[records]),
    )
    pulumi.export("release", web.release)
    pulumi.export("release_settings", {"web": "image"})
    pulumi.export("instance", web.instance_name)
    pulumi.export("database", database.instance_name)
    pulumi.export("greeter", greeter.instance_name)
    pulumi.export("port", web.port)
    pulumi.export("tidy", tidy.instance_name)


if config.get_bool("deployed", True):
    deploy()
pulumi.export("address", machine.address)
pulumi.export("ssh", machine.ssh_command)
