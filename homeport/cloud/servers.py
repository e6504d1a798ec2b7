"""Servers: containers with systemd that a system's software does not tell from a rented machine."""

import contextlib
import io
import ipaddress
import json
import os
import tarfile
import time
import uuid

from homeport.cloud import docker
from homeport.cloud.cgroups import cgroup_arguments
from homeport.cloud.contract import MachineryError, ServerSpec
from homeport.cloud.disks import Disks
from homeport.cloud.instance import LABEL, Cloud
from homeport.cloud.templates import render
from homeport.cloud.warden import CAPABILITIES

SEED = "var/lib/cloud/seed/nocloud"
"""Where cloud-init finds what the vendor's metadata service would tell."""

START_SECONDS = 120.0
STOP_SECONDS = 30


class Servers:
    """The machines of one cloud, by the API's ids."""

    def __init__(self, cloud: Cloud, images: dict[str, str]) -> None:
        self._cloud = cloud
        self._images = images
        self._disks = Disks(cloud)

    def container(self, server_id: int) -> str:
        """Return the name of a server's container."""
        return self._cloud.named(f"server-{server_id}")

    def create(self, spec: ServerSpec) -> None:
        """Make a machine that is switched off; one that is there already is left alone."""
        container = self.container(spec.id)
        if docker.inspect("container", container):
            return
        if spec.image not in self._images:
            known = ", ".join(sorted(self._images))
            msg = f"there is no image {spec.image!r} here; there are {known}"
            raise MachineryError(msg)
        disk = self._disks.create(container)
        docker.run("create", *self._arguments(spec, disk), self._images[spec.image])
        self.put(spec.id, _seed(self._cloud, spec) | self._trust())

    def _arguments(self, spec: ServerSpec, disk: str) -> list[str]:
        container = self.container(spec.id)
        labels = {LABEL: self._cloud.key, f"{LABEL}.server": str(spec.id)}
        network = (
            ["--network", self._cloud.named("public"), "--ip", str(spec.ipv4)]
            if spec.ipv4
            else ["--network", "none"]
        )
        gateway = self._cloud.own_address(1) if spec.ipv4 else ""
        return [
            *("--name", container, "--hostname", spec.name, *docker.labels(labels)),
            *network,
            *CAPABILITIES,
            *("--cap-drop=SYS_TIME", "--cap-drop=SYS_MODULE"),  # the machine's own, not a server's
            *("--cpus", _processors(spec.cores), "--memory", f"{spec.memory_mib}m"),
            *("--memory-swap", f"{spec.memory_mib}m", "--pids-limit", "-1"),
            *("--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec"),  # noqa: S108
            *("--device", "/dev/fuse", "--device", "/dev/net/tun"),
            *("--device-cgroup-rule", "b 7:* rwm"),
            *("--volume", f"{disk}:/var/lib/docker"),
            *cgroup_arguments(spec.image, container),
            *("--env", "container=docker", "--env", f"container_uuid={uuid.uuid4()}"),
            *(
                "--env",
                f"TESTBED_RESOLVER={self._cloud.dns}",
                "--env",
                f"TESTBED_GATEWAY={gateway}",
            ),
            *("--log-opt", "max-size=1m"),
        ]

    def start(self, server_id: int) -> None:
        """Switch a machine on and wait until its systemd answers."""
        container = self.container(server_id)
        self.put(server_id, self._trust())
        docker.run("start", container)
        self._wait(container)

    def trust(self, server_id: int) -> None:
        """Let a running machine trust the cloud's authorities as they are now."""
        self.put(server_id, self._trust())
        self.execute(server_id, "sh", "/var/lib/testbed/trust.sh")

    def stop(self, server_id: int) -> None:
        """Ask the system to stop, and cut the power when it has not after half a minute."""
        docker.run("stop", "--time", str(STOP_SECONDS), self.container(server_id))

    def kill(self, server_id: int) -> None:
        """Cut the power; a machine that is off is no error."""
        if self.running(server_id):
            with contextlib.suppress(MachineryError):  # it may have stopped by itself meanwhile
                docker.run("kill", self.container(server_id))
            docker.run("wait", self.container(server_id))

    def delete(self, server_id: int) -> None:
        """Destroy a machine and its disk."""
        docker.remove_container(self.container(server_id))
        self._disks.remove(self.container(server_id))

    def resize(self, server_id: int, cores: int, memory_mib: int) -> None:
        """Change processors and memory."""
        memory = f"{memory_mib}m"
        limits = ("--cpus", _processors(cores), "--memory", memory, "--memory-swap", memory)
        docker.run("update", *limits, self.container(server_id))

    def change_address(self, server_id: int, ipv4: ipaddress.IPv4Address | None) -> None:
        """Move a stopped machine to another address of the public network, or off it."""
        container, public = self.container(server_id), self._cloud.named("public")
        found = docker.inspect("container", container)
        if found is None:
            msg = f"there is no machine {server_id}"
            raise MachineryError(msg)
        for network in found["NetworkSettings"]["Networks"]:
            docker.run("network", "disconnect", "--force", network, container)
        if ipv4 is None:
            docker.run("network", "connect", "none", container)
        else:
            docker.run("network", "connect", "--ip", str(ipv4), public, container)

    def running(self, server_id: int) -> bool:
        """Whether the machine is on."""
        found = docker.inspect("container", self.container(server_id))
        return bool(found and found["State"]["Running"])

    def addresses(self) -> dict[int, str]:
        """Return the public addresses of all machines, those that are off included."""
        containers = docker.run(
            *("container", "ls", "--all", "--quiet"),
            *("--filter", f"label={LABEL}={self._cloud.key}", "--filter", f"label={LABEL}.server"),
        ).split()
        public = self._cloud.named("public")
        addresses = {}
        # One that goes between the two questions is not there.
        for found in filter(None, (docker.inspect("container", each) for each in containers)):
            network = found["NetworkSettings"]["Networks"].get(public) or {}
            if address := (network.get("IPAMConfig") or {}).get("IPv4Address"):
                addresses[int(found["Config"]["Labels"][f"{LABEL}.server"])] = str(address)
        return addresses

    def execute(self, server_id: int, *argv: str) -> str:
        """Run something inside a machine, as its keyboard and screen would."""
        return docker.run("exec", self.container(server_id), *argv)

    def put(self, server_id: int, files: dict[str, str]) -> None:
        """Write files to a machine's disk, whether it is on or off."""
        docker.run("cp", "-", f"{self.container(server_id)}:/", stdin=_archive(files))

    def _trust(self) -> dict[str, str]:
        folder = "var/lib/testbed/trust"
        end = "-----END CERTIFICATE-----\n"
        roots = self._cloud.ca_file.read_text().split(end)[:-1]
        return {
            f"{folder}/services.crt": self._cloud.infrastructure_ca_file.read_text(),
            # One to a file, or only some programs would find them.
            **{f"{folder}/acme-{n}.crt": root + end for n, root in enumerate(roots)},
            f"{folder}.sh": render("trust.sh"),
        }

    def _wait(self, container: str) -> None:
        end = time.monotonic() + START_SECONDS
        while True:
            found = docker.inspect("container", container)
            if found and not found["State"]["Running"]:
                said = docker.run("logs", "--tail", "5", container)
                msg = f"{container} stopped while booting: {said}"
                raise MachineryError(msg)
            if docker.succeeds("exec", container, "systemctl", "show-environment"):
                return
            if time.monotonic() > end:
                msg = f"systemd in {container} does not answer after {START_SECONDS} s"
                raise MachineryError(msg)
            time.sleep(0.2)


def _seed(cloud: Cloud, spec: ServerSpec) -> dict[str, str]:
    meta = {
        "instance-id": f"{cloud.key}-{spec.id}-{uuid.uuid4()}",
        "local-hostname": spec.name,
        "public-keys": list(spec.ssh_keys),
    }
    return {f"{SEED}/meta-data": json.dumps(meta), f"{SEED}/user-data": spec.user_data}


def _archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            data = text.encode()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(data), int(time.time())
            entry.mode = 0o600 if name.startswith(SEED) else 0o644
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def container_named(cloud: Cloud, name: str) -> str:
    """Return the container that plays the server of that name.

    Raises:
        MachineryError: When no server of the cloud has it.
    """
    for container in docker.names("container", f"{LABEL}={cloud.key}"):
        found = docker.inspect("container", container)
        if (
            found
            and f"{LABEL}.server" in found["Config"]["Labels"]
            and found["Config"]["Hostname"] == name
        ):
            return container
    msg = f"there is no server {name!r} in cloud {cloud.name}; see `homeport cloud status`"
    raise MachineryError(msg)


def _processors(cores: int) -> str:
    """Return what Docker takes: a server cannot have more processors than this machine."""
    return str(min(cores, os.cpu_count() or cores))
