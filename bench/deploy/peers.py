"""The peers, on a server of their own: by hand, docker compose over SSH, Ansible, Kamal.

All run the same app from the same images behind HTTPS, with what they need pulled before. The floor
is what a person would do: a blue-green deploy by one script over one SSH connection that is open.
"""

import itertools
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench import lab
from bench.deploy import kamal, setting
from bench.deploy.series import Say, Tool
from homeport.cloud import authority, instance
from homeport.smoke import Site

NAMES: tuple[str, ...] = ("floor", "compose", "ansible", "kamal")
HOSTNAME = "web.peers.example.com"
FILES = Path(__file__).parents[1] / "peers"
CADDYFILE = f"""{HOSTNAME} {{
    tls /etc/caddy/tls.pem /etc/caddy/tls.key
    reverse_proxy 127.0.0.1:PORT
}}
"""

Deploy = Callable[[setting.Version], Mapping[str, float]]
"""Deploys a version; returns the seconds by phase, if it tells of any."""


def tools(running: instance.Cloud, wanted: Sequence[str], say: Say) -> Iterator[Tool]:
    """Make the server and each of the peers that are wanted, when its turn comes."""
    made: dict[str, Callable[[lab.Peer], Deploy]] = {
        "floor": floor,
        "compose": compose,
        "ansible": ansible,
        "kamal": lambda machine: kamal.deploys(machine, HOSTNAME),
    }
    names = [name for name in NAMES if name in wanted]
    if not names:
        return
    say("making the peers' server")
    machine = lab.peer(running, running.folder / "deploy-peers", setting.SYSTEM)
    prepare(machine)
    for name in names:
        lab.stop_containers(machine)
        site = Site(
            hostname=HOSTNAME,
            address=machine.address,
            ca_file=str(machine.folder / "tls" / "ca.pem"),
        )
        deploy = alternating(made[name](machine))
        deploy()
        yield Tool(name=name, site=site, server=machine.container, deploy=deploy)


def alternating(deploy: Deploy) -> Callable[[], dict[str, float]]:
    """Return what deploys the versions in turn, and how long it takes in all and by phase."""
    versions = itertools.cycle(setting.VERSIONS)

    def timed() -> dict[str, float]:
        start = time.monotonic()
        phases = deploy(next(versions))
        return {"deploy": time.monotonic() - start, **phases}

    return timed


def prepare(machine: lab.Peer) -> None:
    """Bring certificate, settings and images, so that no deploy has to fetch anything large."""
    tls = machine.folder / "tls"
    authority.ensure(tls, (HOSTNAME,))
    environment = "".join(f"{name}={value}\n" for name, value in setting.ENVIRONMENT.items())
    (machine.folder / "environment").write_text(environment)
    for path, text in {
        "/srv/environment": environment,
        "/srv/Caddyfile": CADDYFILE,
        "/srv/Caddyfile.8000": CADDYFILE.replace("PORT", "8000"),
        "/etc/caddy/Caddyfile": CADDYFILE.replace("PORT", "8000"),
        "/etc/caddy/tls.pem": (tls / "tls.pem").read_text(),
        "/etc/caddy/tls.key": (tls / "tls.key").read_text(),
        "/srv/blue-green": (FILES / "blue-green.sh").read_text(),
    }.items():
        subprocess.run([*machine.ssh, f"cat >{path}"], input=text, text=True, check=True)
    pulls = " && ".join(f"docker pull --quiet {version.image}" for version in setting.VERSIONS)
    subprocess.run([*machine.ssh, f"chown caddy /etc/caddy/tls.key && {pulls}"], check=True)


def floor(machine: lab.Peer) -> Deploy:
    """Return the deploy by hand."""
    kept = ["-o", "ControlMaster=auto", "-o", "ControlPersist=60"]
    kept += ["-o", f"ControlPath={machine.folder / 'mux'}"]
    login = [machine.ssh[0], *kept, *machine.ssh[1:]]
    subprocess.run([*login, "rm -f /srv/live"], check=True)

    def deploy(version: setting.Version) -> dict[str, float]:
        script = [*login, f"sh /srv/blue-green {version.image}"]
        done = subprocess.run(script, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)
        began, healthy = map(float, done.stdout.split())
        return {"start_to_healthy": healthy - began}

    return deploy


def compose(machine: lab.Peer) -> Deploy:
    """Return the deploy by docker compose, which waits until the app is healthy."""
    lead_to_one_port(machine)
    env = os.environ | {
        "DOCKER_HOST": f"ssh://root@{machine.address}",
        "PATH": f"{lab.ssh_wrapper(machine)}:{os.environ['PATH']}",
        "ENVIRONMENT": str(machine.folder / "environment"),
    }
    command = [str(lab.compose_binary()), "-f", str(FILES / "deploy.compose.yaml")]

    def deploy(version: setting.Version) -> dict[str, float]:
        lab.timed([*command, "up", "--detach", "--wait"], env=env | {"IMAGE": version.image})
        return {}

    return deploy


def ansible(machine: lab.Peer) -> Deploy:
    """Return the deploy by Ansible."""
    lead_to_one_port(machine)

    def deploy(version: setting.Version) -> dict[str, float]:
        playbook = FILES / "deploy.playbook.yaml"
        play, env = lab.ansible(machine, playbook, f"image={version.image}")
        lab.timed(play, env=env)
        return {}

    return deploy


def lead_to_one_port(machine: lab.Peer) -> None:
    """Have the proxy ask the port that never changes; a deploy by hand has left it elsewhere."""
    script = "cp /srv/Caddyfile.8000 /etc/caddy/Caddyfile && systemctl restart caddy"
    subprocess.run([*machine.ssh, script], check=True)
