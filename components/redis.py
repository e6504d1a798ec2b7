"""A Redis server in a container of the official image, open to one private network only."""

import dataclasses
from typing import Literal

import pulumi
import pulumi_command as command
import pulumi_docker as docker

from . import names, release, secrets
from .host import Host
from .image import image_step
from .leftovers import HALF_MADE
from .network import PrivateNetwork
from .registry import RegistryLogin, serves
from .runtimes.container import HARDENING, SECRETS_FOLDER, logs, tmpfs
from .secrets import Secret
from .volume import Volume, VolumeArgs

PORT = 6379
SMALLEST_MEMORY_MIB = 32
OWNER = "999:999"
"""The account `redis` of the official image."""
Eviction = Literal["noeviction", "allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-ttl"]
_READY_SECONDS = 60
_STOP_SECONDS = 30
_SETTINGS = '\nsave ""\n'
"""Stands in the file too: the provider takes no empty word on a command line."""
_CONFIGURATION, _PASSWORD = "REDIS_CONF", "REDIS_PASSWORD"
_HEALTH = f'REDISCLI_AUTH="$(cat {SECRETS_FOLDER}/{_PASSWORD})" redis-cli ping | grep -q PONG'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RedisServerArgs:
    """What a server is."""

    host: Host
    """The machine that it runs on, in Docker."""
    image: str
    """The official image or one with its contract: `redis:7.2-bookworm@sha256:...`."""
    network: PrivateNetwork
    """Where its clients are."""
    memory_mib: int = 128
    """Limit of the container, three quarters of it for data; it gets no swap."""
    eviction: Eviction = "noeviction"
    """What goes when the data has no room: nothing, as for a queue, or what a cache can miss."""
    persistent: bool = True
    """Whether data outlives the container: written to disk every second."""
    protect: bool = True
    """Whether that data must not be deleted or replaced."""
    rotation: int = 1
    """Raise it for a new password."""
    registry: RegistryLogin | None = None
    """Opens the registry that the image comes from."""

    def __post_init__(self) -> None:
        """Refuse what could not run.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        release.check_image(self.image)
        if self.network.account:
            msg = (
                f"redis: network: {self.network.full_name} belongs to the account "
                f"{self.network.account}; the server runs in Docker, make one without account="
            )
            raise ValueError(msg)
        if self.memory_mib < SMALLEST_MEMORY_MIB:
            least = SMALLEST_MEMORY_MIB
            msg = f"redis: memory_mib must be at least {least} (got {self.memory_mib})"
            raise ValueError(msg)
        if self.rotation < 1:
            msg = f"redis: rotation must be at least 1 (got {self.rotation})"
            raise ValueError(msg)
        if self.registry and not serves(self.registry.registry, self.image):
            msg = f"redis: registry: {self.image} is not pulled from {self.registry.registry}"
            raise ValueError(msg)


class RedisServer(pulumi.ComponentResource):
    """A server that asks for a password, which no command line, environment or state in plain has.

    There is one container: a change of image, settings or password ends it before the next begins,
    within seconds, and a persistent one loses nothing that was written a second before.
    """

    hostname: str
    """Its name on the private network."""
    port: int
    """Where it listens there."""
    password: Secret
    """What its clients log in with."""
    container_name: str
    """Its name on the host."""
    ready: command.remote.Command
    """Succeeds once it answers; what needs it depends on this."""

    def __init__(
        self, name: str, args: RedisServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:redis:RedisServer", name, {}, opts)
        self.hostname, self.port = names.check_label("redis", name), PORT
        remote, owner = args.host.remote, f"redis {name}"
        self.container_name = f"{remote.system}-{name}"
        remote.claims.take("app name", name, owner, cure="rename one of them")
        remote.claims.memory(owner, args.memory_mib, args.host.facts.memory_mib)
        child = pulumi.ResourceOptions(parent=self)
        self.password = secrets.generated(f"{name}-password", rotation=args.rotation, opts=child)
        folder = f"{remote.folder}/redis/{name}/{self.password.version}"
        given = self._secrets(name, args, folder)
        data = None
        if args.persistent:
            about = VolumeArgs(host=args.host, owner=OWNER, protect=args.protect)
            data = Volume(f"{name}-data", about, child)
        image = image_step(
            self,
            remote,
            app=name,
            release=release.release_id({"image": args.image}),
            image=args.image,
            memory_mib=args.memory_mib,
            login=args.registry,
        )
        container = docker.Container(
            f"{name}-container",
            name=self.container_name,
            image=image.stdout.apply(str.strip),
            command=command_line(args),
            user=OWNER,
            network_mode="bridge",
            networks_advanced=[
                docker.ContainerNetworksAdvancedArgs(name=args.network.full_name, aliases=[name])
            ],
            mounts=_mounts(folder, data),
            tmpfs=tmpfs({"/tmp": 16}),  # noqa: S108 - the container's own
            memory=args.memory_mib,
            memory_swap=args.memory_mib,
            healthcheck=docker.ContainerHealthcheckArgs(
                tests=["CMD-SHELL", _HEALTH],
                interval="10s",
                timeout="5s",
                retries=3,
                start_period="1m0s",
            ),
            labels=[
                docker.ContainerLabelArgs(label="homeport.app", value=name),
                docker.ContainerLabelArgs(label="homeport.system", value=remote.system),
            ],
            stop_timeout=_STOP_SECONDS,
            destroy_grace_seconds=_STOP_SECONDS,
            restart="unless-stopped",
            must_run=True,
            wait=False,
            **HARDENING,
            **logs(args.host),
            opts=pulumi.ResourceOptions.merge(
                remote.bound(),
                pulumi.ResourceOptions(
                    parent=self,
                    provider=args.host.docker,
                    depends_on=[given, args.network.network, *([data] if data else [])],
                    # Two servers on one data folder would destroy it, and two names would be one.
                    delete_before_replace=True,
                    hooks=remote.leftovers,
                    # The provider would leave other mounts to the container that is there.
                    replace_on_changes=[*HALF_MADE, "mounts"],
                ),
            ),
        )
        self.ready = remote.step(
            f"{name}-ready",
            "settle",
            {
                "instance": {"kind": "docker", "name": self.container_name},
                # Another container has to be well anew.
                "container_id": container.id,
                "settle_seconds": 1,
                "start_seconds": _READY_SECONDS,
            },
            timeout_seconds=_READY_SECONDS + 60,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs(
            {"hostname": name, "port": PORT, "container_name": self.container_name}
        )

    def _secrets(self, name: str, args: RedisServerArgs, folder: str) -> command.remote.Command:
        uid, gid = (int(number) for number in OWNER.split(":"))
        configuration = pulumi.Output.concat("requirepass ", self.password.value, _SETTINGS)
        files = {_CONFIGURATION: configuration, _PASSWORD: self.password.value}
        return args.host.remote.step(
            f"{name}-secrets-{self.password.version}",
            "secretfiles",
            {
                "folders": [
                    {"path": folder, "uid": uid, "gid": gid, "files": files, "unless_receipt": None}
                ]
            },
            down=True,
            opts=pulumi.ResourceOptions(parent=self),
        )


def command_line(args: RedisServerArgs) -> list[str]:
    """Return the server's command line; its password stands in the file that it begins with."""
    settings = {
        "dir": "/data" if args.persistent else "/tmp",  # noqa: S108 - the container's own
        "maxmemory": f"{args.memory_mib * 3 // 4}mb",
        "maxmemory-policy": args.eviction,
        "appendonly": "yes" if args.persistent else "no",
    }
    words = [word for key, value in settings.items() for word in (f"--{key}", value)]
    return ["redis-server", f"{SECRETS_FOLDER}/{_CONFIGURATION}", *words]


def _mounts(folder: str, data: Volume | None) -> list[docker.ContainerMountArgs]:
    mounts = [
        docker.ContainerMountArgs(type="bind", source=folder, target=SECRETS_FOLDER, read_only=True)
    ]
    if data:
        source = data.full_name
        mounts.append(docker.ContainerMountArgs(type="volume", source=source, target="/data"))
    return mounts
