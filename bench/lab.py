"""What benchmarks share: a local cloud of their own, stacks on it, servers for the peers."""

import contextlib
import dataclasses
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from hcloud import Client
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.server_types import ServerType

from homeport import engine, paths, stacks
from homeport.cloud import instance, lifecycle
from homeport.cloud.servers import container_named

USER_DATA = """#cloud-config
package_update: true
packages: [docker.io, caddy, python3-docker]
"""


@contextlib.contextmanager
def cloud(name: str) -> Iterator[instance.Cloud]:
    """Start a local cloud of this name, and remove it at the end."""
    running = lifecycle.up(name)
    try:
        yield running
    finally:
        lifecycle.down(running)


def timed(command: Sequence[str], **options: object) -> float:
    """Run a command that must succeed, and return its wall-clock seconds."""
    start = time.monotonic()
    subprocess.run(command, check=True, capture_output=True, **options)  # type: ignore[call-overload] # passed on
    return time.monotonic() - start


def starter(running: instance.Cloud) -> stacks.Target:
    """Return the starter's staging stack on this cloud."""
    return stacks.Target(project=paths.ROOT, stack="staging", cloud=running)


def up(aim: stacks.Target) -> float:
    """Run `pulumi up` of a stack, which must succeed, and return its wall-clock seconds."""
    options = ["--stack", aim.stack, *stacks.config_file(aim), "--yes", "--skip-preview"]
    start = time.monotonic()
    answer = engine.run(["up", *options], cwd=aim.project, extra=aim.environment, quiet=True)
    seconds = time.monotonic() - start
    if answer.returncode != 0:
        raise RuntimeError(answer.stdout[-4000:] + answer.stderr[-2000:])
    return seconds


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Peer:
    """A server for the peers, with Docker and Caddy, and how to reach it."""

    address: str
    """Its public address."""
    container: str
    """What plays it on this machine."""
    folder: Path
    """Holds the key, the SSH settings and whatever the peers need."""

    @property
    def ssh(self) -> list[str]:
        """Return the command that runs something there."""
        return ["ssh", "-F", str(self.folder / "ssh_config"), f"root@{self.address}"]


def peer(running: instance.Cloud, folder: Path) -> Peer:
    """Make a server on the cloud by the vendor's own client; wait until its packages are there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    client = Client(token=running.token, api_endpoint=running.endpoint, poll_interval=0.2)
    public = client.ssh_keys.create("peers", key.with_suffix(".pub").read_text())
    made = client.servers.create(
        "peers",
        ServerType(name="cx23"),
        Image(name="debian-12"),
        location=Location(name="fsn1"),
        ssh_keys=[public],
        user_data=USER_DATA,
    )
    made.action.wait_until_finished()
    public_net = made.server.public_net
    assert public_net
    assert public_net.ipv4
    address = str(public_net.ipv4.ip)
    (folder / "ssh_config").write_text(
        "Host *\n  BatchMode yes\n  StrictHostKeyChecking accept-new\n"
        f"  IdentityFile {key}\n  UserKnownHostsFile {folder / 'known_hosts'}\n"
    )
    there = Peer(address=address, container=container_named(running, "peers"), folder=folder)
    for _ in range(120):
        answer = subprocess.run(
            [*there.ssh, "cloud-init status --wait && docker version"],
            capture_output=True,
            check=False,
        )
        if answer.returncode == 0:
            return there
        time.sleep(1)
    raise RuntimeError(answer.stderr.decode()[-2000:])


def compose_binary() -> Path:
    """Return docker compose, built once from its Go module by the toolchain (about 2 min)."""
    binary = paths.TOOLCHAIN / "peers" / "docker-compose"
    if not binary.exists():
        build = [str(paths.ROOT / "toolchain" / "build"), "go", "build"]
        where = ["-C", str(paths.ROOT / "toolchain" / "peers"), "-o", str(binary)]
        subprocess.run([*build, *where, "github.com/docker/compose/v2/cmd"], check=True)
    return binary


def stop_containers(machine: Peer) -> None:
    """Remove all containers of a peer's server, so that the next peer starts from nothing."""
    script = "docker ps -aq | xargs -r docker rm -f; docker volume prune -af; systemctl stop caddy"
    subprocess.run([*machine.ssh, script], check=True, capture_output=True)


def ssh_wrapper(machine: Peer) -> Path:
    """Return a folder for PATH whose `ssh` knows the peer's key: compose takes no SSH options."""
    folder = machine.folder / "bin"
    folder.mkdir(exist_ok=True)
    wrapper = folder / "ssh"
    real = shutil.which("ssh")
    wrapper.write_text(f'#!/bin/sh\nexec {real} -F {machine.folder / "ssh_config"} "$@"\n')
    wrapper.chmod(0o755)
    return folder


def connections(container: str) -> int:
    """Return how many connections the SSH server of a machine has seen since it started."""
    journal = subprocess.run(
        ["docker", "exec", container, "journalctl", "-u", "ssh", "-o", "cat", "--no-pager"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    marks = ("Accepted ", "Connection closed", "Connection reset", "Disconnected from", "Failed ")
    return sum(line.startswith(marks) for line in journal.splitlines())
