"""A PostgreSQL server in a container of the official image, open to one private network only.

Docker or the Podman of a rootless account runs it; to databases and users it is the same server.
"""

import dataclasses
import re
from collections.abc import Mapping

import pulumi
import pulumi_command as command

from . import names, release, sql
from .host import Host
from .network import PrivateNetwork
from .postgres_engines import in_docker, in_podman
from .postgres_place import Connections
from .postgres_tuning import major_version
from .rootless import RootlessAccount

PORT = 5432
SMALLEST_MEMORY_MIB = 128
_RESERVED_CONNECTIONS = 5
_READY_SECONDS = 180
_SETTING = re.compile(r"[a-z][a-z0-9_.]*")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PostgresServerArgs:
    """What a server is."""

    host: Host
    """The machine that it runs on."""
    image: str
    """The official image or one with its contract, its tag beginning with the major version:
    `postgres:17.6-bookworm@sha256:...`."""
    network: PrivateNetwork
    """Where its clients are."""
    account: RootlessAccount | None = None
    """Whose Podman runs it; None is Docker."""
    memory_mib: int = 512
    """Limit, from which its buffers are sized; it gets no swap."""
    data_folder: pulumi.Input[str] | None = None
    """Folder of the host below which the data lies, such as a mounted cloud volume; None leaves it
    to Docker, on the system disk."""
    protect: bool = True
    """Whether the data must not be deleted or replaced."""
    max_connections: int = 100
    """Connections for all users together; a preview checks the users' limits against it."""
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Server parameters that replace or add to the derived ones."""

    def __post_init__(self) -> None:
        """Refuse what could not run.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        release.check_image(self.image)
        major_version(self.image)
        account = self.account.account if self.account else ""
        if self.network.account != account:
            whose = f"the account {self.network.account}" if self.network.account else "Docker"
            runs = f"in Podman of {account}" if account else "in Docker"
            wanted = f"with account= of {account}" if account else "without account="
            msg = (
                f"postgres: network: {self.network.full_name} belongs to {whose}; the server runs "
                f"{runs}, make one {wanted}"
            )
            raise ValueError(msg)
        if self.account and self.data_folder is not None:
            msg = (
                "postgres: data_folder: is for Docker; the volumes of an account lie in its home, "
                "leave it out"
            )
            raise ValueError(msg)
        if self.memory_mib < SMALLEST_MEMORY_MIB:
            least = SMALLEST_MEMORY_MIB
            msg = f"postgres: memory_mib must be at least {least} (got {self.memory_mib})"
            raise ValueError(msg)
        if not 10 <= self.max_connections <= 1000:
            msg = f"postgres: max_connections must be from 10 to 1000 (got {self.max_connections})"
            raise ValueError(msg)
        folder = self.data_folder
        if isinstance(folder, str) and not re.fullmatch(r"(/[A-Za-z0-9_.-]+)+", folder):
            msg = f"postgres: data_folder must be an absolute path without blanks (got {folder!r})"
            raise ValueError(msg)
        for key, value in self.settings.items():
            if not _SETTING.fullmatch(key) or not value.isprintable():
                msg = f"postgres: settings: {key!r}: {value!r} is no server parameter"
                raise ValueError(msg)


class PostgresServer(pulumi.ComponentResource):
    """A server whose superuser has no password, and so is reached from inside the container only.

    Its data lies in a volume named after the major version: another major would need another
    volume, which `protect` refuses at plan time. A change of image or settings restarts it, with a
    fast shutdown and without losing anything that was committed.
    """

    hostname: str
    """Its name on the private network."""
    port: int
    """Where it listens there."""
    container_name: str
    """Its name on the host."""
    host: Host
    """The machine that it runs on."""
    place: Mapping[str, str]
    """How the host's tools find it."""
    data: pulumi.CustomResource
    """Its data; what is made in the server is made anew when this is replaced."""
    machine = None
    """None: it goes with its host."""
    connections: Connections
    """How many each user may open."""
    superuser = True
    """True: what is made in it is made by its superuser."""
    ready: command.remote.Command
    """Succeeds once the server accepts connections; what works in the server depends on it."""

    def __init__(
        self, name: str, args: PostgresServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:postgres:PostgresServer", name, {}, opts)
        self.hostname = names.check_label("postgres", name)
        self.port = PORT
        self.host = args.host
        self.container_name = f"{args.host.remote.system}-{name}"
        self.connections = Connections(
            self.hostname, args.max_connections, reserved=_RESERVED_CONNECTIONS
        )
        remote = args.host.remote
        owner = f"postgres {name}"
        remote.claims.take("app name", name, owner, cure="rename one of them")
        remote.claims.memory(owner, args.memory_mib, args.host.facts.memory_mib)
        self.place = {"container": self.container_name}
        if args.account:
            self.place = {**self.place, "account": args.account.account}
            self.data, version = in_podman(self, name, args, args.account)
        else:
            self.data, version = in_docker(self, name, args)
        self.ready = remote.step(
            f"{name}-ready",
            "sql",
            {
                **self.place,
                # Another container may hold new data: then this has to run again.
                "container_id": version,
                "wait_seconds": _READY_SECONDS,
                "up": sql.server_up(),
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs(
            {"hostname": self.hostname, "port": self.port, "container_name": self.container_name}
        )
