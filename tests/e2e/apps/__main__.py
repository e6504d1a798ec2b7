"""One server with a database, an app, its worker and a site, which the tests then change."""

import pulumi

from components.app import App, AppArgs
from components.database import Database, DatabaseArgs, DatabaseUser, DatabaseUserArgs
from components.dns import DnsRecords, DnsRecordsArgs, RecordSet
from components.environment_contract import Variable
from components.health import HealthCheck
from components.hetzner_server import HetznerServer, HetznerServerArgs
from components.job import Job, SchemaCheck
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.postgres import PostgresServer, PostgresServerArgs
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.site import Site, SiteArgs
from components.site_routes import PathRoute
from components.worker import Worker, WorkerArgs

ZONE = "apps.example.com"

config = pulumi.Config()
graceful = config.get_bool("graceful_stop") or False
machine = HetznerServer(
    "server",
    HetznerServerArgs(
        server_type="cx23", location="fsn1", image=config.require("system"), protect=False
    ),
)
host = machine.host
data = PrivateNetwork("data", PrivateNetworkArgs(host=host, internal=True))
postgres = PostgresServer(
    "postgres",
    PostgresServerArgs(host=host, image="postgres:17", network=data, memory_mib=512, protect=False),
)
ledger = Database("ledger", DatabaseArgs(server=postgres, name="ledger", protect=False))
migrator = DatabaseUser(
    "migrator", DatabaseUserArgs(database=ledger, name="ledger_migrator", access="migrator")
)
writer = DatabaseUser(
    "writer",
    DatabaseUserArgs(
        database=ledger,
        name="ledger_app",
        access="read_write",
        rotation=config.get_int("rotation") or 1,
    ),
)


def environment(user: DatabaseUser) -> dict[str, str]:
    return {
        "DATABASE_HOST": postgres.hostname,
        "DATABASE_PORT": str(postgres.port),
        "DATABASE_NAME": ledger.database_name,
        "DATABASE_USER": user.username,
        "FAIL_MODE": config.get("fail_mode") or "none",
        "LOG_LEVEL": config.get("log_level") or "INFO",
        "SCHEMA_HEAD": config.get("schema_head") or "0003",
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
        image=config.require("image"),
        memory_mib=256,
        cpus=1,
        health=HealthCheck(path="/healthz", start_seconds=config.get_int("start_seconds") or 60),
        environment=environment(writer),
        secrets={"DATABASE_PASSWORD": writer.password},
        contract=contract,
        networks=[data],
        jobs=[
            Job(
                name="migrate",
                command=["migrate"],
                environment=environment(migrator),
                secrets={"DATABASE_PASSWORD": migrator.password},
                dump=ledger.dump(),
            ),
            SchemaCheck(
                name="schema",
                command=["check"],
                environment=environment(writer),
                secrets={"DATABASE_PASSWORD": writer.password},
            ),
        ],
        # Nobody waits so long: where they are told to go, connections have to end by themselves.
        drain_seconds=1800 if graceful else 20,
        graceful_stop=graceful,
        after=[migrator, writer],
    ),
)
worker = Worker(
    "worker",
    WorkerArgs(
        host=host,
        image=config.require("image"),
        memory_mib=256,
        command=["worker"],
        environment={**environment(writer), "FAIL_MODE": config.get("worker_fail_mode") or "none"},
        secrets={"DATABASE_PASSWORD": writer.password},
        networks=[data],
        after=[web],
    ),
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
        host=host, acme_email="ops@example.com", acme_directory=config.require("acme")
    ),
)
Site(
    "site",
    SiteArgs(
        proxy=proxy, hostnames=[ZONE], routes=[PathRoute(path="/", app=web)], hsts_seconds=300
    ),
    pulumi.ResourceOptions(depends_on=[records]),
)

pulumi.export("address", machine.address)
pulumi.export("ssh", machine.ssh_command)
pulumi.export("release", web.release)
pulumi.export("release_settings", {"web": "image"})
pulumi.export("container", web.instance_name)
pulumi.export("port", web.port)
pulumi.export("worker", worker.instance_name)
