"""One server with a database of its own, an app and its worker as units, and a site."""

import base64

import pulumi
import pulumi_random as random

from components import scram, secrets, sql
from components.app import App, AppArgs
from components.artefact import Artefact, ArtefactArgs
from components.artefact_source import LocalSource
from components.cron_job import CronJob, CronJobArgs
from components.dns import DnsRecords, DnsRecordsArgs, RecordSet
from components.environment_contract import Variable
from components.health import HealthCheck
from components.hetzner_server import HetznerServer, HetznerServerArgs
from components.host import Host
from components.job import Job, SchemaCheck
from components.remote import File
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.runtimes.systemd import Systemd
from components.runtimes.venv import Venv
from components.schedule import Schedule
from components.site import Site, SiteArgs
from components.site_routes import PathRoute
from components.worker import Worker, WorkerArgs

ZONE = "units.example.com"
USERS: dict[str, sql.Access] = {"ledger_migrator": "migrator", "ledger_app": "read_write"}

config = pulumi.Config()


class HostDatabase(pulumi.ComponentResource):
    """PostgreSQL of the distribution, for tests alone: what a unit reaches on the loopback."""

    def __init__(self, host: Host) -> None:
        super().__init__("homeport:test:HostDatabase", "database", {})
        child = pulumi.ResourceOptions(parent=self)
        self.passwords = {user: secrets.generated(f"{user}-password", opts=child) for user in USERS}
        salts = {
            user: random.RandomBytes(f"{user}-salt", length=scram.SALT_BYTES, opts=child)
            for user in USERS
        }
        verifiers = pulumi.Output.all(
            **{
                user: pulumi.Output.all(password.value, salts[user].base64)
                for user, password in self.passwords.items()
            }
        ).apply(
            lambda made: {
                user: scram.verifier(pair[0], base64.b64decode(pair[1]))
                for user, pair in made.items()
            }
        )
        psql = ("runuser", "-u", "postgres", "--", "psql", "-q", "-v", "ON_ERROR_STOP=1")
        self.ready = host.remote.files(
            "database",
            packages=["postgresql"],
            files=[
                File(
                    path="/etc/ledger.sql",
                    content=verifiers.apply(script),
                    mode=0o600,
                    owner="postgres",
                    then=[(*psql, "-f", "/etc/ledger.sql")],
                )
            ],
            opts=child,
        )
        self.register_outputs({})


def script(verifiers: dict[str, str]) -> str:
    """Return what makes the database and its users."""
    batches = [*sql.database_up("ledger", ["public"], [])]
    for user, access in USERS.items():
        settings = {"role": sql.owner_role("ledger")} if access == "migrator" else {}
        batches += sql.user_up("ledger", user, access, 20, settings)
        batches += sql.user_password(user, verifiers[user])
    parts = [f"\\connect {batch['database']}\n{batch['sql']}\n" for batch in batches]
    return "".join(parts)


def environment(user: str, fail_mode: str) -> dict[str, str]:
    return {
        "DATABASE_HOST": "127.0.0.1",
        "DATABASE_PORT": "5432",
        "DATABASE_NAME": "ledger",
        "DATABASE_USER": user,
        "FAIL_MODE": config.get(fail_mode) or "none",
        "LOG_LEVEL": config.get("log_level") or "INFO",
    }


machine = HetznerServer(
    "server",
    HetznerServerArgs(server_type="cx23", location="fsn1", image="debian-12", protect=False),
)
host = machine.host
pulumi.export("address", machine.address)
pulumi.export("ssh", machine.ssh_command)
proxy = ReverseProxy(
    "proxy",
    ReverseProxyArgs(host=host, acme_email="ops@example.com", acme_directory="letsencrypt-staging"),
)
records = DnsRecords(
    "dns",
    DnsRecordsArgs(
        zone=ZONE,
        create_zone=True,
        records=[RecordSet(name="@", type="A", values=[machine.address])],
    ),
)
if config.get_bool("apps") is not False:
    database = HostDatabase(host)
    files = Artefact(
        "ledger", ArtefactArgs(host=host, source=LocalSource(path=config.require("artefact")))
    )
    migrator, writer = (
        {"DATABASE_PASSWORD": database.passwords[user]}
        for user in ("ledger_migrator", "ledger_app")
    )
    forbidden = config.get("forbidden")
    contract = {
        "DATABASE_PASSWORD": Variable(secret=True),
        **({forbidden: Variable(presence="forbidden")} if forbidden else {}),
    }
    web = App(
        "web",
        AppArgs(
            host=host,
            artefact=files,
            runtime=Systemd(venv=Venv()),
            memory_mib=256,
            cpus=1,
            command=["ledger", "serve"],
            health=HealthCheck(
                path="/healthz", start_seconds=config.get_int("start_seconds") or 60
            ),
            environment=environment("ledger_app", "fail_mode"),
            secrets=writer,
            contract=contract,
            jobs=[
                Job(
                    name="migrate",
                    command=["ledger", "migrate"],
                    environment=environment("ledger_migrator", "fail_mode"),
                    secrets=migrator,
                ),
                SchemaCheck(
                    name="schema",
                    command=["ledger", "check"],
                    environment=environment("ledger_app", "fail_mode"),
                    secrets=writer,
                ),
            ],
            # Nobody waits so long: connections have to end because they are told to go.
            drain_seconds=1800,
            graceful_stop=True,
            after=[database.ready],
        ),
    )
    worker = Worker(
        "worker",
        WorkerArgs(
            host=host,
            artefact=files,
            runtime=Systemd(venv=Venv()),
            memory_mib=256,
            command=["ledger", "worker"],
            health_command=["python", "-m", "ledger.healthcheck", "worker"],
            environment=environment("ledger_app", "worker_fail_mode"),
            secrets=writer,
            after=[web],
        ),
    )
    often = Schedule(calendar="*:*:0/10")
    CronJob(
        "check",
        CronJobArgs(
            host=host,
            artefact=files,
            runtime=Systemd(venv=Venv()),
            memory_mib=128,
            command=["ledger", "check"],
            schedule=often,
            environment=environment("ledger_app", "worker_fail_mode"),
            secrets=writer,
            after=[web],
        ),
    )
    CronJob(
        "greet",
        CronJobArgs(
            host=host,
            image="busybox:1.37",
            memory_mib=16,
            command=["echo", "50% of", "$HOME"],
            schedule=often,
        ),
    )
    Site(
        "site",
        SiteArgs(
            proxy=proxy, hostnames=[ZONE], routes=[PathRoute(path="/", app=web)], hsts_seconds=300
        ),
        pulumi.ResourceOptions(depends_on=[records]),
    )
    pulumi.export("release", web.release)
    pulumi.export("release_settings", {"web": "artefact"})
    pulumi.export("unit", web.instance_name)
    pulumi.export("port", web.port)
    pulumi.export("worker", worker.instance_name)
    pulumi.export("artefact", files.folder)
