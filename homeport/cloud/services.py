"""The cloud's own containers: DNS, registry, ACME, the front with the public names, the helpers."""

import concurrent.futures
import hashlib
import json
import ssl
import time
from collections.abc import Iterable, Mapping

import httpx

from homeport.cloud import authority, docker, nameserver
from homeport.cloud.contract import MachineryError
from homeport.cloud.instance import API_SOCKET, LABEL, Cloud
from homeport.cloud.names import (
    API,
    FRONT_NAMES,
    GOOGLE_STANDIN,
    MANAGED_POSTGRES,
    OBJECTS,
    PRIVATE_REGISTRY,
    REGISTRIES,
)
from homeport.cloud.parts import ACME_SERVERS, AcmeServer, Part, parts
from homeport.cloud.passwords import htpasswd
from homeport.cloud.templates import render


def up(cloud: Cloud, images: Mapping[str, str]) -> bool:
    """Have every part running as it is described now; those that do already are left alone.

    Returns whether an ACME server has another root than before.
    """
    write_files(cloud)
    ensure_network(cloud)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for done in [pool.submit(ensure, cloud, part, images[part.image]) for part in parts(cloud)]:
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
        google=GOOGLE_STANDIN,
        api_socket=API_SOCKET,
        objects=OBJECTS,
        objects_address=cloud.objects,
        registry=cloud.own_address(5),
    )
    (front / "nginx.conf").write_text(nginx)
    (front / "htpasswd").write_text(htpasswd("homeport", cloud.registry_password))
    (front / "registry.yml").write_text(render("registry.yml"))
    postgres = cloud.folder / "postgres"
    postgres.mkdir(exist_ok=True, mode=0o700)
    (postgres / "roles.sql").write_text(managed_roles(cloud.database_password))
    (postgres / "start.sh").write_text(render("postgres.sh"))
    objects = cloud.folder / "objects"
    objects.mkdir(exist_ok=True, mode=0o700)
    (objects / "secret").write_text(cloud.objects_secret)
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


def ensure(cloud: Cloud, part: Part, image: str) -> None:
    """Have one part running; it is made anew when anything that makes it up has changed."""
    container = cloud.named(part.name)
    wanted = _fingerprint(cloud, part, image)
    found = docker.inspect("container", container)
    if found and found["Config"]["Labels"].get(f"{LABEL}.config") == wanted:
        if not found["State"]["Running"]:
            docker.run("start", container)
        return
    docker.remove_container(container)
    labels = {LABEL: cloud.key, f"{LABEL}.part": part.name, f"{LABEL}.config": wanted}
    logs = ("--log-opt", "max-size=5m", "--log-opt", "max-file=2")
    docker.run(
        *("create", "--name", container, "--hostname", part.name, "--init", *logs),
        *(*docker.labels(labels), *part.arguments, image, *part.command),
    )
    if part.name == "front":
        docker.run("network", "connect", cloud.named("uplink"), container)
    docker.run("start", container)


def down(cloud: Cloud, containers: Iterable[str] = ()) -> None:
    """Remove these containers, or all that carry the instance's label, and its networks."""
    docker.remove_container(*(containers or docker.names("container", f"{LABEL}={cloud.key}")))
    if not containers:
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


def _fingerprint(cloud: Cloud, part: Part, image: str) -> str:
    contents = [(cloud.folder / file).read_text() for file in part.files]
    made_of = [image, part.arguments, part.command, contents]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:16]
