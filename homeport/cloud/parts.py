"""What a cloud consists of beside servers: each of its containers, described."""

import dataclasses

from homeport.cloud.instance import Cloud
from homeport.cloud.names import ACME_NAMES, BUCKETS, OBJECTS_KEY, SHORT_LIVED
from homeport.cloud.warden import CAPABILITIES

REGISTRY_VOLUME = "homeport-cloud-registry"
"""Where all instances' registries keep images; content-addressed, so that sharing is safe."""

PACKAGES_VOLUME = "homeport-cloud-packages"
"""Where all instances' package mirrors keep what they fetched."""

DAY_SECONDS = 24 * 3600


@dataclasses.dataclass(frozen=True, kw_only=True)
class AcmeServer:
    """One certificate authority."""

    part: str
    """Its container."""
    number: int
    """Which of the cloud's own addresses it has."""
    names: tuple[str, ...]
    """Under which it is asked."""
    seconds: int
    """How long its certificates are valid."""

    @property
    def file(self) -> str:
        """Its configuration, below the instance's folder."""
        return f"front/{self.part}.json"


ACME_SERVERS = (
    # As long as the public one's are.
    AcmeServer(part="acme", number=4, names=ACME_NAMES, seconds=90 * DAY_SECONDS),
    AcmeServer(part="acme-short", number=7, names=(SHORT_LIVED,), seconds=180),
)
"""Each has a root of its own, made whenever it starts."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """One container of the cloud's own."""

    name: str
    arguments: tuple[str, ...]
    """Arguments of `docker create` before the image."""
    command: tuple[str, ...]
    image: str = "edge"
    """Which of the cloud's own images it runs."""
    files: tuple[str, ...] = ()
    """Files below the instance's folder that it reads; when they change, it is made anew."""


def parts(cloud: Cloud) -> tuple[Part, ...]:
    """Describe the containers that every cloud has."""

    def at(number: int) -> tuple[str, ...]:
        return ("--network", cloud.named("public"), "--ip", cloud.own_address(number))

    folder = ("--volume", f"{cloud.folder}:/cloud:ro")
    return (
        Part(
            name="dns",
            arguments=(*at(2), *folder),
            command=("named", "-g", "-c", "/cloud/dns/named.conf"),
        ),
        Part(
            name="front",
            arguments=(*at(3), *folder, "--volume", f"{PACKAGES_VOLUME}:/var/cache/packages"),
            command=("nginx", "-c", "/cloud/front/nginx.conf"),
            files=("front/nginx.conf", "front/htpasswd", "authority/tls.pem"),
        ),
        *(
            Part(
                name=server.part,
                arguments=(
                    *at(server.number),
                    *folder,
                    *("--env", "PEBBLE_VA_NOSLEEP=1"),
                    *("--env", "PEBBLE_WFE_NONCEREJECT=0"),
                    *("--env", "PEBBLE_AUTHZREUSE=0"),
                ),
                command=(
                    "pebble",
                    *("-config", f"/cloud/{server.file}"),
                    *("-dnsserver", f"{cloud.dns}:53"),
                ),
                files=(server.file, "authority/tls.pem"),
            )
            for server in ACME_SERVERS
        ),
        Part(
            name="registry",
            arguments=(*at(5), *folder, "--volume", f"{REGISTRY_VOLUME}:/var/lib/registry"),
            command=("docker-registry", "serve", "/cloud/front/registry.yml"),
            files=("front/registry.yml",),
        ),
        Part(
            name="postgres",
            arguments=(*at(8), *folder, "--shm-size=64m"),
            command=("sh", "/cloud/postgres/start.sh"),
            files=("postgres/start.sh", "postgres/roles.sql", "authority/tls.pem"),
        ),
        Part(
            name="objects",
            arguments=(
                *at(9),
                *folder,
                *("--user", "0", "--entrypoint", "sh"),
                *("--env", f"S3_ACCESS_KEY={OBJECTS_KEY}"),
                *("--env", "S3_SECRET_KEY_FILE=/cloud/objects/secret"),
            ),
            # A folder below its own is a bucket; nobody but root reads the cloud's secrets.
            command=("-c", f"mkdir -p {' '.join(BUCKETS)} && exec s3-gateway"),
            image="s3",
            files=("objects/secret",),
        ),
        Part(
            name="switch",
            arguments=("--network", "none", "--cap-add=NET_ADMIN"),
            command=("sleep", "infinity"),
        ),
        Part(
            name="warden",
            arguments=(
                *("--network", "host", "--pid", "host"),
                *CAPABILITIES,
                *("--device-cgroup-rule", "b 7:* rwm", "--device-cgroup-rule", "c 10:237 rwm"),
                *("--volume", "/dev:/dev", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw"),
                *("--volume", f"{cloud.folder}:{cloud.folder}"),
            ),
            command=("sleep", "infinity"),
        ),
    )
