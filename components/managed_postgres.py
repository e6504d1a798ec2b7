"""A PostgreSQL server on another machine, reached over TLS with its certificate checked.

To databases and users it is like one of our own, except that no superuser makes them: a role with
CREATEDB and CREATEROLE does, as managed services give it. Whoever runs it keeps its backups.
"""

import dataclasses
from collections.abc import Mapping

import pulumi
import pulumi_command as command

from . import names, sql
from .host import Host
from .machine import Machine
from .postgres_place import Connections
from .proxies import checks
from .remote import File
from .secrets import Secret

SYSTEM_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
"""The authorities that a host trusts by itself."""
_READY_SECONDS = 60


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ManagedPostgresArgs:
    """Where a server is, and who may make databases in it."""

    host: Host
    """The machine from which databases and users are made; it gets PostgreSQL's own client."""
    address: str
    """The server's name, which its certificate has to carry."""
    port: int = 5432
    """Where it listens."""
    username: str
    """A role with CREATEDB and CREATEROLE; no superuser is needed."""
    password: Secret
    """Its password; root's alone on the host."""
    ca_certificate: pulumi.Input[str] | None = None
    """The authority that signs the server's certificate, as PEM; None are those of the host."""
    server: Host | None = None
    """The machine that it runs on, where this program has made that: what is made in it then goes
    with that machine, and is made anew on the next."""
    max_connections: int = 100
    """Connections for all users together; a preview checks the users' limits against it."""

    def __post_init__(self) -> None:
        """Refuse what could not be reached.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        checks.hostname("managed postgres: address", self.address)
        checks.number("managed postgres: port", self.port, 1, 65_535)
        checks.number("managed postgres: max_connections", self.max_connections, 10, 100_000)
        sql.check_name("managed postgres: username", self.username)
        given = self.ca_certificate
        if isinstance(given, str) and "BEGIN CERTIFICATE" not in given:
            msg = "managed postgres: ca_certificate: must be a certificate as PEM"
            raise ValueError(msg)


class ManagedPostgres(pulumi.ComponentResource):
    """A server elsewhere that has answered a query from the host, over TLS, as who it claims to be.

    Deleting it forgets the way to it; the server stays. So does, where it was, all that was made in
    a server when the address becomes another's.
    """

    hostname: str
    """Its name."""
    port: int
    """Where it listens."""
    authorities: str
    """The file on the host with the authorities that its certificate is checked by."""
    host: Host
    """The machine from which it is worked in."""
    place: Mapping[str, str]
    """How the host's tools find it."""
    superuser = False
    """False: what is made in it is made by an ordinary role."""
    connections: Connections
    """How many each user may open."""
    data = None
    """Its data outlives the host."""
    ready: command.remote.Command
    """Has asked it `SELECT now()`."""

    def __init__(
        self, name: str, args: ManagedPostgresArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:managed_postgres:ManagedPostgres", name, {}, opts)
        names.check_label("managed postgres", name)
        remote = args.host.remote
        folder = f"{remote.folder}/postgres/{name}"
        # Named after the server: what is removed from one is never looked for in the next.
        file = f"{folder}/{args.address}-{args.port}.conf"
        self.hostname, self.port, self.host = args.address, args.port, args.host
        self.connections = Connections(args.address, args.max_connections)
        given = args.ca_certificate
        # Beside those of the host: units see nothing of our own folder.
        own_file = f"/etc/ssl/{remote.system}-{name}.crt"
        self.authorities = SYSTEM_AUTHORITIES if given is None else own_file
        self._server = args.server
        self.place = {"service_file": file, "hostname": args.address}
        service = args.password.value.apply(
            lambda password: service_file(args, self.authorities, password)
        )
        way = remote.files(
            f"{name}-access",
            packages=["postgresql-client"],
            files=[
                File(path=file, content=pulumi.Output.secret(service), mode=0o600),
                *([] if given is None else [File(path=self.authorities, content=given)]),
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.ready = remote.step(
            f"{name}-ready",
            "sql",
            {
                **self.place,
                # Somebody else, or with another password: then this has to be seen again.
                "access": f"{args.username}, password {args.password.version}",
                "wait_seconds": _READY_SECONDS,
                "up": sql.checked(),
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[way]),
        )
        self.register_outputs(
            {"hostname": self.hostname, "port": self.port, "authorities": self.authorities}
        )

    @property
    def machine(self) -> Machine | None:
        """What it goes with; None where somebody else runs it."""
        return self._server.remote.machine if self._server else None


def service_file(args: ManagedPostgresArgs, authorities: str, password: str) -> str:
    """Return the file that tells PostgreSQL's client programs the way.

    Raises:
        ValueError: no line can hold the password.
    """
    if not password.isprintable() or password != password.strip():
        msg = "managed postgres: password: must be one line without blanks at its ends"
        raise ValueError(msg)
    lines = {
        "host": args.address,
        "port": str(args.port),
        "user": args.username,
        "password": password,
        "sslmode": "verify-full",
        "sslrootcert": authorities,
        "connect_timeout": "5",
    }
    return "\n".join(["[server]", *(f"{key}={value}" for key, value in lines.items()), ""])
