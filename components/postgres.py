"""A PostgreSQL server in a container of the official image, open to one private network only."""

import dataclasses
import re
from collections.abc import Mapping

import pulumi
import pulumi_command as command
import pulumi_docker as docker

from . import names, release, sql
from .host import Host
from .network import PrivateNetwork
from .postgres_tuning import data_path, major_version, tuning
from .runtimes.container import HARDENING
from .runtimes.engines import FREE_DISK_MIB

PORT = 5432
SMALLEST_MEMORY_MIB = 128
_RESERVED_CONNECTIONS = 5
_STOP_SECONDS = 90
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
        if self.network.account:
            msg = (
                f"postgres: network: {self.network.full_name} belongs to the account "
                f"{self.network.account}; the server runs in Docker, make one without account="
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
    data: docker.Volume
    """Its data; what is made in the server is made anew when this is replaced."""
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
        self._max_connections = args.max_connections
        self._limits: dict[str, int] = {}
        remote = args.host.remote
        owner = f"postgres {name}"
        remote.claims.take("app name", name, owner, cure="rename one of them")
        remote.claims.memory(owner, args.memory_mib, args.host.facts.memory_mib)
        self.data = self._volume(name, args)
        container = self._container(name, args)
        self.ready = remote.step(
            f"{name}-ready",
            "sql",
            {
                "container": self.container_name,
                # Another container may hold new data: then this has to run again.
                "container_id": container.id,
                "wait_seconds": _READY_SECONDS,
                "up": sql.server_up(),
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs(
            {"hostname": self.hostname, "port": self.port, "container_name": self.container_name}
        )

    def reserve_connections(self, user: str, limit: int) -> None:
        """Set aside connections for a user, so that no user can be starved by another.

        Raises:
            ValueError: all users together may open more than the server accepts.
        """
        self._limits[user] = limit
        free = self._max_connections - _RESERVED_CONNECTIONS
        if sum(self._limits.values()) > free:
            listed = ", ".join(f"{name} {count}" for name, count in self._limits.items())
            msg = (
                f"{self.hostname}: connection limits add up to {sum(self._limits.values())} "
                f"({listed}), but only {free} of max_connections={self._max_connections} are free "
                "for users; lower a connection_limit or raise max_connections"
            )
            raise ValueError(msg)

    def _volume(self, name: str, args: PostgresServerArgs) -> docker.Volume:
        remote = args.host.remote
        volume = f"{self.container_name}-{major_version(args.image)}"
        before: list[pulumi.Resource] = []
        bind: Mapping[str, pulumi.Input[str]] | None = None
        if args.data_folder is not None:
            # The image's account may be somebody else's number on the host, so the data lies in
            # a folder that only root can enter.
            closed = pulumi.Output.concat(args.data_folder, "/", volume)
            path = pulumi.Output.concat(closed, "/data")
            bind = {"type": "none", "o": "bind", "device": path}
            before = [
                remote.step(
                    f"{name}-folder",
                    "files",
                    {
                        "name": f"{name}-folder",
                        "directories": [
                            {"path": folder, "mode": "0700"} for folder in (closed, path)
                        ],
                    },
                    opts=pulumi.ResourceOptions(parent=self),
                )
            ]
        return docker.Volume(
            f"{name}-data",
            name=volume,
            driver="local",
            driver_opts=bind,
            labels=[docker.VolumeLabelArgs(label="homeport.system", value=remote.system)],
            opts=pulumi.ResourceOptions.merge(
                remote.bound(),
                pulumi.ResourceOptions(
                    parent=self,
                    provider=args.host.docker,
                    depends_on=before,
                    # Replacing or deleting it destroys every database of the server.
                    protect=args.protect,
                    delete_before_replace=True,
                ),
            ),
        )

    def _container(self, name: str, args: PostgresServerArgs) -> docker.Container:
        remote = args.host.remote
        version = release.release_id({"image": args.image})
        image = remote.step(
            f"{name}-image-{version}",
            "image",
            {
                "app": name,
                "release": version,
                "image": args.image,
                "docker_config": None,
                "memory_mib": args.memory_mib,
                "disk_mib": FREE_DISK_MIB,
            },
            down=True,
            timeout_seconds=1800,
            opts=pulumi.ResourceOptions(parent=self),
        )
        major = major_version(args.image)
        parameters = {**tuning(args.memory_mib, args.max_connections), **args.settings}
        return docker.Container(
            f"{name}-container",
            name=self.container_name,
            image=image.stdout.apply(str.strip),
            command=[
                "postgres",
                *(f"-c{key}={value}" for key, value in sorted(parameters.items())),
            ],
            envs=[
                # Only makes the image initialise: the kernel invents a password that nobody ever
                # knows, and `ready` takes it away again. Users have passwords of their own.
                "POSTGRES_PASSWORD_FILE=/proc/sys/kernel/random/uuid",
                "POSTGRES_INITDB_ARGS=--data-checksums --auth-host=scram-sha-256",
            ],
            user="postgres",
            network_mode="bridge",
            networks_advanced=[
                docker.ContainerNetworksAdvancedArgs(
                    name=args.network.full_name, aliases=[self.hostname]
                )
            ],
            mounts=[
                docker.ContainerMountArgs(
                    type="volume", source=self.data.name, target=data_path(major)
                )
            ],
            tmpfs={
                "/run/postgresql": "rw,nosuid,nodev,mode=1777,size=1m",
                "/tmp": "rw,nosuid,nodev,size=64m",  # noqa: S108 - the container's own
            },
            shm_size=max(64, args.memory_mib // 4),
            memory=args.memory_mib,
            memory_swap=args.memory_mib,
            healthcheck=docker.ContainerHealthcheckArgs(
                # By TCP: while it initialises, the image's server listens on its socket only.
                tests=["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"],
                interval="10s",
                timeout="5s",
                retries=3,
                start_period="1m0s",
            ),
            **HARDENING,
            labels=[
                docker.ContainerLabelArgs(label="homeport.app", value=name),
                docker.ContainerLabelArgs(label="homeport.system", value=remote.system),
            ],
            stop_signal="SIGINT",
            stop_timeout=_STOP_SECONDS,
            destroy_grace_seconds=_STOP_SECONDS,
            restart="unless-stopped",
            must_run=True,
            wait=False,
            opts=pulumi.ResourceOptions.merge(
                remote.bound(),
                pulumi.ResourceOptions(
                    parent=self,
                    provider=args.host.docker,
                    depends_on=[args.network.network],
                    # Two servers on one data folder would destroy it.
                    delete_before_replace=True,
                ),
            ),
        )
