"""The cloud's own containers: DNS, registry, ACME, the front with the public names, the helpers."""

import concurrent.futures
import dataclasses
import hashlib
import json
import ssl
import time
from collections.abc import Iterable

import httpx

from homeport.cloud import authority, docker, nameserver
from homeport.cloud.contract import MachineryError
from homeport.cloud.instance import API_SOCKET, LABEL, Cloud
from homeport.cloud.names import (
    ACME_NAMES,
    API,
    FRONT_NAMES,
    MANAGED_POSTGRES,
    PRIVATE_REGISTRY,
    REGISTRIES,
    SHORT_LIVED,
)
from homeport.cloud.passwords import htpasswd
from homeport.cloud.templates import render
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
class Service:
    """One container of the cloud's own."""

    name: str
    arguments: tuple[str, ...]
    """Arguments of `docker create` before the image."""
    command: tuple[str, ...]
    files: tuple[str, ...] = ()
    """Files below the instance's folder that it reads; when they change, it is made anew."""


def up(cloud: Cloud, image: str) -> bool:
    """Have every service running as it is described now; those that do already are left alone.

    Returns whether an ACME server has another root than before.
    """
    write_files(cloud)
    ensure_network(cloud)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for done in [pool.submit(ensure, cloud, service, image) for service in services(cloud)]:
            done.result()
    return fetch_acme_roots(cloud)


def write_files(cloud: Cloud) -> None:
    """Write the services' configuration below the instance's folder."""
    authority.ensure(cloud.folder / "authority", (*FRONT_NAMES, MANAGED_POSTGRES))
    nameserver.Nameserver(cloud).prepare()
    front = cloud.folder / "front"
    front.mkdir(parents=True, exist_ok=True)
    public = [name for name in REGISTRIES if name != PRIVATE_REGISTRY]
    nginx = render(
        "nginx.conf.j2",
        registries=REGISTRIES,
        public_registries=public,
        private_registry=PRIVATE_REGISTRY,
        authorities=[
            {"names": server.names, "address": cloud.own_address(server.number)}
            for server in ACME_SERVERS
        ],
        api=API,
        api_socket=API_SOCKET,
        registry=cloud.own_address(5),
    )
    (front / "nginx.conf").write_text(nginx)
    (front / "htpasswd").write_text(htpasswd("homeport", cloud.registry_password))
    (front / "registry.yml").write_text(render("registry.yml"))
    postgres = cloud.folder / "postgres"
    postgres.mkdir(exist_ok=True, mode=0o700)
    (postgres / "roles.sql").write_text(managed_roles(cloud.database_password))
    (postgres / "start.sh").write_text(render("postgres.sh"))
    for server in ACME_SERVERS:
        text = render("pebble.json.j2", lifetime=server.seconds)
        (cloud.folder / server.file).write_text(text)


def managed_roles(password: str) -> str:
    """Return what a managed service does to a new server, one statement a line."""
    lines = (
        f"CREATE ROLE homeport LOGIN CREATEDB CREATEROLE PASSWORD '{password}'",
        "REVOKE ALL ON DATABASE postgres FROM PUBLIC",
        "REVOKE ALL ON DATABASE template1 FROM PUBLIC",
        "GRANT CONNECT ON DATABASE postgres TO homeport",
    )
    return "".join(f"{line}\n" for line in lines)


def services(cloud: Cloud) -> tuple[Service, ...]:
    """Describe the containers that every cloud has."""

    def at(number: int) -> tuple[str, ...]:
        return ("--network", cloud.named("public"), "--ip", cloud.own_address(number))

    folder = ("--volume", f"{cloud.folder}:/cloud:ro")
    return (
        Service(
            name="dns",
            arguments=(*at(2), *folder),
            command=("named", "-g", "-c", "/cloud/dns/named.conf"),
        ),
        Service(
            name="front",
            arguments=(*at(3), *folder, "--volume", f"{PACKAGES_VOLUME}:/var/cache/packages"),
            command=("nginx", "-c", "/cloud/front/nginx.conf"),
            files=("front/nginx.conf", "front/htpasswd", "authority/tls.pem"),
        ),
        *(
            Service(
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
        Service(
            name="registry",
            arguments=(*at(5), *folder, "--volume", f"{REGISTRY_VOLUME}:/var/lib/registry"),
            command=("docker-registry", "serve", "/cloud/front/registry.yml"),
            files=("front/registry.yml",),
        ),
        Service(
            name="postgres",
            arguments=(*at(8), *folder, "--shm-size=64m"),
            command=("sh", "/cloud/postgres/start.sh"),
            files=("postgres/start.sh", "postgres/roles.sql", "authority/tls.pem"),
        ),
        Service(
            name="switch",
            arguments=("--network", "none", "--cap-add=NET_ADMIN"),
            command=("sleep", "infinity"),
        ),
        Service(
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


def ensure_network(cloud: Cloud) -> None:
    """Make the public network, which leads nowhere, and the front's way out."""
    public = cloud.named("public")
    if docker.inspect("network", public) is None:
        labels = docker.labels({LABEL: cloud.key})
        bridge = f"com.docker.network.bridge.name={cloud.short}"
        subnet = str(cloud.public_network)
        docker.run(
            *(
                "network",
                "create",
                "--internal",
                "--subnet",
                subnet,
                "--opt",
                bridge,
                *labels,
                public,
            )
        )
    uplink = cloud.named("uplink")
    if docker.inspect("network", uplink) is None:
        docker.run("network", "create", *docker.labels({LABEL: cloud.key}), uplink)


def ensure(cloud: Cloud, service: Service, image: str) -> None:
    """Have one service running; it is made anew when anything that makes it up has changed."""
    container = cloud.named(service.name)
    wanted = _fingerprint(cloud, service, image)
    found = docker.inspect("container", container)
    if found and found["Config"]["Labels"].get(f"{LABEL}.config") == wanted:
        if not found["State"]["Running"]:
            docker.run("start", container)
        return
    docker.remove_container(container)
    labels = {LABEL: cloud.key, f"{LABEL}.part": service.name, f"{LABEL}.config": wanted}
    logs = ("--log-opt", "max-size=5m", "--log-opt", "max-file=2")
    docker.run(
        *("create", "--name", container, "--hostname", service.name, "--init", *logs),
        *(*docker.labels(labels), *service.arguments, image, *service.command),
    )
    if service.name == "front":
        docker.run("network", "connect", cloud.named("uplink"), container)
    docker.run("start", container)


def down(cloud: Cloud, parts: Iterable[str] = ()) -> None:
    """Remove these containers, or all that carry the instance's label, and its networks."""
    docker.remove_container(*(parts or docker.names("container", f"{LABEL}={cloud.key}")))
    if not parts:
        docker.remove_volume(*docker.names("volume", f"{LABEL}={cloud.key}"))
        docker.remove_network(*docker.names("network", f"{LABEL}={cloud.key}"))


def fetch_acme_roots(cloud: Cloud) -> bool:
    """Write the roots that this run's ACME servers sign with; return whether one is new.

    Raises:
        MachineryError: When an ACME server does not answer within 15 seconds.
    """
    roots = "".join(_acme_root(cloud, server) for server in ACME_SERVERS)
    changed = not cloud.ca_file.exists() or cloud.ca_file.read_text() != roots
    if changed:
        cloud.ca_file.write_text(roots)
    return changed


def _acme_root(cloud: Cloud, server: AcmeServer) -> str:
    context = ssl.create_default_context(cafile=str(cloud.infrastructure_ca_file))
    context.check_hostname = False  # asked by address, below its own authority
    url = f"https://{cloud.own_address(server.number)}:15000/roots/0"
    end = time.monotonic() + 15
    while True:
        try:
            answer = httpx.get(url, verify=context, timeout=2, trust_env=False)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            if time.monotonic() > end:
                text = f"{server.part} does not answer; see `homeport cloud logs {server.part}`"
                msg = f"{text} ({error})"
                raise MachineryError(msg) from error
            time.sleep(0.1)
        else:
            return answer.text


def _fingerprint(cloud: Cloud, service: Service, image: str) -> str:
    contents = [(cloud.folder / file).read_text() for file in service.files]
    parts = [image, service.arguments, service.command, contents]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
