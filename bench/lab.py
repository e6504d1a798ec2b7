"""What benchmarks share: a local cloud of their own, stacks on it, servers for the peers."""

import concurrent.futures
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from hcloud import Client
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.server_types import ServerType
from uv import find_uv_bin

from homeport import engine, paths, stacks
from homeport.cloud import docker, instance, lifecycle, vendor
from homeport.cloud.servers import container_named

USER_DATA = """#cloud-config
package_update: true
packages: [%s]
"""

PACKAGES = {
    "debian-12": ("docker.io", "caddy", "python3-docker"),
    "debian-13": ("docker.io", "docker-cli", "caddy", "python3-docker"),
}
"""What the peers need, by the server's system."""

Event = tuple[float, dict[str, Any]]
"""A line of the engine's event log, and when it was written."""


@contextlib.contextmanager
def cloud(name: str) -> Iterator[instance.Cloud]:
    """Start a local cloud and remove it at the end; one that HOMEPORT_BENCH_CLOUD names stays."""
    # As at Ctrl-C: load tools are processes of their own, and would go on.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("the benchmark was told to go"))
    given = os.environ.get("HOMEPORT_BENCH_CLOUD")
    running = lifecycle.up(given or name)
    try:
        yield running
    finally:
        if not given:
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
    start = time.monotonic()
    answer = engine.run(_up(aim), cwd=aim.project, extra=aim.environment, quiet=True)
    seconds = time.monotonic() - start
    _succeeded(answer)
    return seconds


def logged_up(aim: stacks.Target, **config: int) -> list[Event]:
    """Run `pulumi up` and return its events, stamped as they are written.

    The engine's own stamps have whole seconds only.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "events.json"
        log.touch()
        settings = [f"--config={key}={value}" for key, value in config.items()]
        command = [*_up(aim), *settings, "--event-log", str(log)]
        with concurrent.futures.ThreadPoolExecutor() as pool, log.open() as written:
            # The engine offers the event log to whoever asks for its debugging commands.
            extra = {**aim.environment, "PULUMI_DEBUG_COMMANDS": "true"}
            running = pool.submit(engine.run, command, cwd=aim.project, extra=extra, quiet=True)
            events = list(_follow(written, running))
        _succeeded(running.result())
        return events


def _up(aim: stacks.Target) -> list[str]:
    options = ["--stack", aim.stack, *stacks.config_file(aim), "--yes", "--skip-preview"]
    return ["up", *options]


def _succeeded(answer: subprocess.CompletedProcess[str]) -> None:
    if answer.returncode != 0:
        raise RuntimeError(answer.stdout[-4000:] + answer.stderr[-2000:])


def _follow(written: TextIO, running: concurrent.futures.Future[Any]) -> Iterator[Event]:
    """Yield each line of a growing file with the time at which it was seen."""
    ended, rest = False, ""
    while not ended:
        ended = running.done()
        rest += written.read()
        *lines, rest = rest.split("\n")
        now = time.monotonic()
        for line in lines:
            yield now, json.loads(line)
        time.sleep(0.01)


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


def peer(running: instance.Cloud, folder: Path, system: str = "debian-12") -> Peer:
    """Make a server on the cloud by the vendor's own client; wait until its packages are there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    client = vendor.client(running)
    _remove_peer(client)
    public = client.ssh_keys.create("peers", key.with_suffix(".pub").read_text())
    made = client.servers.create(
        "peers",
        ServerType(name="cx23"),
        Image(name=system),
        location=Location(name="fsn1"),
        ssh_keys=[public],
        user_data=USER_DATA % ", ".join(PACKAGES[system]),
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


def _remove_peer(client: Client) -> None:
    """Remove the server of an earlier run, on a cloud that stayed."""
    if server := client.servers.get_by_name("peers"):
        server.delete().wait_until_finished()
    if key := client.ssh_keys.get_by_name("peers"):
        key.delete()


def vegeta() -> Path:
    """Return the load tool."""
    return _built("vegeta", "github.com/tsenart/vegeta/v12")


def compose_binary() -> Path:
    """Return docker compose (to build it takes about 2 min)."""
    return _built("docker-compose", "github.com/docker/compose/v2/cmd")


def kamal_proxy() -> Path:
    """Return Kamal's proxy, as its image holds it."""
    return _built("kamal-proxy", "github.com/basecamp/kamal-proxy/cmd/kamal-proxy")


def _built(name: str, package: str) -> Path:
    """Return a program, built once from its Go module by the toolchain."""
    binary = paths.TOOLCHAIN / "peers" / name
    if not binary.exists():
        build = [str(paths.ROOT / "toolchain" / "build"), "go", "build"]
        where = ["-C", str(paths.ROOT / "toolchain" / "peers"), "-o", str(binary)]
        env = os.environ | {"CGO_ENABLED": "0"}
        subprocess.run([*build, *where, package], check=True, env=env)
    return binary


def ansible(machine: Peer, playbook: Path, variables: str = "") -> tuple[list[str], dict[str, str]]:
    """Return the command that plays a playbook as its users set it, and the environment.

    Pipelining is on and connections are kept.
    """
    folder = paths.STATE / "bench" / "ansible"
    bin_ = folder / "bin"
    if not (bin_ / "ansible-playbook").exists():
        uv, lock = find_uv_bin(), Path(__file__).with_name("requirements.lock")
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
        install = [uv, "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)]
        subprocess.run([*install, "--python", str(bin_ / "python")], check=True)
    inventory = machine.folder / "inventory"
    inventory.write_text(f"{machine.address} ansible_user=root\n")
    options = ["-i", str(inventory), "-e", variables]
    env = os.environ | {
        "PATH": f"{bin_}:{os.environ['PATH']}",
        "ANSIBLE_SSH_ARGS": f"-F {machine.folder / 'ssh_config'} -o ControlMaster=auto "
        "-o ControlPersist=60s",
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_HOME": str(machine.folder / "ansible"),
        "ANSIBLE_HOST_KEY_CHECKING": "false",
    }
    return [str(bin_ / "ansible-playbook"), *options, str(playbook)], env


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


@contextlib.contextmanager
def far(container: str, milliseconds: int) -> Iterator[None]:
    """Move a machine away: what SSH sends and gets is on its way for so long, there and back.

    Its port 22 leads to a forwarder on the machine itself, so that every client is held up alike.
    """
    inside = ("exec", "--interactive", container)
    script = Path(__file__).with_name("far.py").read_text()
    unit = ("systemd-run", "--quiet", "--unit=bench-far", "--collect", "python3", "/opt/far.py")
    docker.run(*inside, "tee", "/opt/far.py", stdin=script)
    docker.run(*inside, *unit, str(_FAR_PORT), str(milliseconds))
    try:
        docker.run(*inside, "nft", "-f", "-", stdin=_REDIRECT)
        _end_logins(container)
        yield
    finally:
        docker.succeeds(*inside, "nft", "delete", "table", "ip", "bench_far")
        docker.run(*inside, "systemctl", "stop", "bench-far")
        _end_logins(container)


_FAR_PORT = 2200
_REDIRECT = f"""table ip bench_far {{
    chain arriving {{
        type nat hook prerouting priority dstnat - 1
        tcp dport 22 redirect to :{_FAR_PORT}
    }}
}}
"""


def _end_logins(container: str) -> None:
    """End the SSH connections to a machine, which clients keep: they are of the distance before."""
    docker.succeeds("exec", container, "pkill", "-f", "^sshd.*@")


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
