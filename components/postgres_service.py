"""A PostgreSQL of the distribution on a host of its own, for clients elsewhere, over TLS.

To them it is what a managed service is: `ManagedPostgres` makes databases and users in it, from
where they are used. Nobody gets in without TLS, and as the superuser only root on the host.
"""

import base64
import dataclasses

import pulumi
import pulumi_command as command
import pulumi_random as random

from . import names, private_certificate, scram, sql
from .host import Host
from .postgres_tuning import tuning
from .proxies import checks
from .remote import File
from .secrets import Secret

PORT = 5432
VERSIONS = {
    "debian-12": 15,
    "debian-13": 17,
    "ubuntu-22.04": 14,
    "ubuntu-24.04": 16,
    "ubuntu-26.04": 18,
}
"""The major version that each system has, by the system's name."""
_SYSTEM_MIB = 512
"""What the system itself needs."""
_READY_SECONDS = 60


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PostgresServiceArgs:
    """What a server is."""

    host: Host
    """The machine, which runs nothing else; its firewall decides who reaches the port."""
    address: str
    """The name by which its clients reach it; the only one that its certificate is good for."""
    username: str
    """The login that makes databases and users: CREATEDB and CREATEROLE, no superuser."""
    password: Secret
    """What it logs in with; the server never sees it."""
    max_connections: int = 100
    """Connections for all users together."""
    rotation: int = 1
    """Raise it for another certificate, of the same authority; no connection ends."""

    def __post_init__(self) -> None:
        """Refuse what could not run.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        checks.hostname("postgres service: address", self.address)
        checks.number("postgres service: max_connections", self.max_connections, 10, 1000)
        sql.check_name("postgres service: username", self.username)
        system, memory = self.host.facts.image, self.host.facts.memory_mib
        if system not in VERSIONS or memory is None or memory <= _SYSTEM_MIB:
            msg = (
                f"postgres service: host: {self.host.name} has {memory} MiB and {system}; take a "
                f"server whose size is known, with one of {', '.join(VERSIONS)}"
            )
            raise ValueError(msg)


class PostgresService(pulumi.ComponentResource):
    """A server that takes connections over TLS only, with a certificate for its name.

    Its data lies on the host's disk, and goes with the host. A change of its settings restarts it,
    which ends every connection; another certificate or password does not.
    """

    ca_certificate: pulumi.Output[str]
    """The authority that its clients check the certificate by, as PEM; not secret."""
    host: Host
    """The machine that it runs on."""
    ready: command.remote.Command
    """Has let the login in; what works in the server depends on it."""

    def __init__(
        self, name: str, args: PostgresServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:postgres_service:PostgresService", name, {}, opts)
        names.check_label("postgres service", name)
        self._name, self._args, self.host = name, args, args.host
        self._major = VERSIONS[str(args.host.facts.image)]
        self._unit = f"postgresql@{self._major}-main.service"
        self._folder = f"/etc/postgresql/{self._major}/main"
        self._socket = f"{args.host.remote.folder}/postgres/{name}/socket.conf"
        made = private_certificate.certificate(
            name, args.address, rotation=args.rotation, opts=pulumi.ResourceOptions(parent=self)
        )
        self.ca_certificate = made.authority
        self.ready = self._login(self._server(self._certificate(made)))
        self.register_outputs({"ca_certificate": self.ca_certificate})

    def _certificate(self, made: private_certificate.Certificate) -> command.remote.Command:
        chain, key = f"{self._folder}/server.crt", f"{self._folder}/server.key"
        user = group = "postgres"
        return self._args.host.remote.files(
            f"{self._name}-certificate",
            packages=["postgresql"],
            files=[
                File(path=chain, content=made.chain, owner=user, group=group),
                File(path=key, content=made.private_key, mode=0o600, owner=user, group=group),
            ],
            then=[["systemctl", "reload", self._unit]],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _server(self, certificate: command.remote.Command) -> command.remote.Command:
        args, folder = self._args, self._folder
        memory = (args.host.facts.memory_mib or 0) - _SYSTEM_MIB
        texts = {
            f"{folder}/conf.d/homeport.conf": settings(folder, memory, args.max_connections),
            **{f"{folder}/{name}": text for name, text in access().items()},
            self._socket: "[server]\nhost=/var/run/postgresql\nuser=postgres\n",
        }
        program = f"/usr/lib/postgresql/{self._major}/bin/postgres"
        return args.host.remote.files(
            f"{self._name}-server",
            packages=["postgresql"],
            files=[File(path=path, content=text) for path, text in texts.items()],
            check=[["runuser", "-u", "postgres", "--", program, "-D", folder, "-C", "ssl"]],
            then=[["systemctl", "restart", self._unit]],
            units_enabled=["postgresql.service"],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[certificate]),
        )

    def _login(self, server: command.remote.Command) -> command.remote.Command:
        """Let the login in; its password apart, because a secret hides its whole document."""
        args, remote = self._args, self._args.host.remote
        child = pulumi.ResourceOptions(parent=self)
        place = {"service_file": self._socket, "hostname": f"{args.address}, over its socket"}
        login = remote.step(
            f"{self._name}-login",
            "sql",
            {
                **place,
                "wait_seconds": _READY_SECONDS,
                "up": [*sql.server_up(), *maker_up(args.username)],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[server]),
        )
        salt = random.RandomBytes(f"{self._name}-salt", length=scram.SALT_BYTES, opts=child)
        batches = pulumi.Output.all(args.password.value, salt.base64).apply(
            lambda known: sql.user_password(
                args.username, scram.verifier(known[0], base64.b64decode(known[1]))
            )
        )
        return remote.step(
            f"{self._name}-password",
            "sql",
            {**place, "up": pulumi.Output.secret(batches)},
            secret=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[login]),
        )


def maker_up(user: str) -> list[sql.Batch]:
    """Return what makes a login as managed services give it; says nothing about its password."""
    name = sql.identifier(user)
    return [
        sql.batch(
            "postgres",
            *sql.role(user, "LOGIN", None),
            f"ALTER ROLE {name} CREATEDB CREATEROLE;",
            f"GRANT CONNECT ON DATABASE postgres TO {name};",
        )
    ]


def access() -> dict[str, str]:
    """Return the files that say who comes in: root as the superuser by its socket, others by TLS.

    A way in that is not named is refused.
    """
    ways = (
        "local all postgres peer map=homeport",
        "hostssl all all 0.0.0.0/0 scram-sha-256",
        "hostssl all all ::/0 scram-sha-256",
    )
    whom = ("homeport postgres postgres", "homeport root postgres")
    return {
        "homeport_hba.conf": "".join(f"{line}\n" for line in ways),
        "homeport_ident.conf": "".join(f"{line}\n" for line in whom),
    }


def settings(folder: str, memory_mib: int, max_connections: int) -> str:
    """Return the server's settings, over those of the distribution.

    Args:
        folder: where its configuration lies.
        memory_mib: what it may use.
        max_connections: for all users together.
    """
    wanted = {
        **tuning(memory_mib, max_connections),
        "ssl": "on",
        "ssl_min_protocol_version": "TLSv1.2",
        "ssl_cert_file": f"{folder}/server.crt",
        "ssl_key_file": f"{folder}/server.key",
        "hba_file": f"{folder}/homeport_hba.conf",
        "ident_file": f"{folder}/homeport_ident.conf",
    }
    return "".join(f"{key} = '{value}'\n" for key, value in wanted.items())
