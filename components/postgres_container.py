"""What a server's container is told, whichever engine runs it: pure functions of its settings."""

from collections.abc import Mapping
from typing import Any

import pulumi_docker as docker

from .host import Host
from .postgres_tuning import data_path, tuning
from .quadlet_unit import unit, word, words
from .runtimes.container import HARDENING, logs, tmpfs
from .runtimes.quadlet_container import ALWAYS, health, service
from .runtimes.quadlet_container import HARDENING as QUADLET_HARDENING

STOP_SECONDS = 90
OWNER = "999:999"
"""The account `postgres` of the official image."""
ENVIRONMENT = {
    # Only makes the image initialise: the kernel invents a password that nobody ever knows, and
    # `ready` takes it away again. Users have passwords of their own.
    "POSTGRES_PASSWORD_FILE": "/proc/sys/kernel/random/uuid",
    "POSTGRES_INITDB_ARGS": "--data-checksums --auth-host=scram-sha-256",
}
# By TCP: while it initialises, the image's server listens on its socket only.
_HEALTH = ("pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres")
_TMPFS = {
    **tmpfs({"/tmp": 64}),  # noqa: S108 - the container's own
    "/run/postgresql": "rw,nosuid,nodev,mode=1777,size=1m",
}


def command_line(memory_mib: int, max_connections: int, settings: Mapping[str, str]) -> list[str]:
    """Return the server's command line: derived parameters, and those that replace or add."""
    parameters = {**tuning(memory_mib, max_connections), **settings}
    return ["postgres", *(f"-c{key}={value}" for key, value in sorted(parameters.items()))]


def shared_mib(memory_mib: int) -> int:
    """Return the limit of memory that its processes share."""
    return max(64, memory_mib // 4)


def container_arguments(
    hostname: str, *, host: Host, network: str, command: list[str], memory_mib: int
) -> dict[str, Any]:
    """Return what `docker.Container` is given, its image and data apart."""
    return {
        "command": command,
        "envs": [f"{key}={value}" for key, value in ENVIRONMENT.items()],
        "user": "postgres",
        "network_mode": "bridge",
        "networks_advanced": [
            docker.ContainerNetworksAdvancedArgs(name=network, aliases=[hostname])
        ],
        "tmpfs": _TMPFS,
        "shm_size": shared_mib(memory_mib),
        "memory": memory_mib,
        "memory_swap": memory_mib,
        "healthcheck": docker.ContainerHealthcheckArgs(
            tests=["CMD", *_HEALTH],
            interval="10s",
            timeout="5s",
            retries=3,
            start_period="1m0s",
        ),
        **HARDENING,
        **logs(host),
        "labels": [
            docker.ContainerLabelArgs(label="homeport.app", value=hostname),
            docker.ContainerLabelArgs(label="homeport.system", value=host.remote.system),
        ],
        "stop_signal": "SIGINT",
        "stop_timeout": STOP_SECONDS,
        "destroy_grace_seconds": STOP_SECONDS,
        "restart": "unless-stopped",
        "must_run": True,
        "wait": False,
    }


def container_unit(
    hostname: str,
    *,
    system: str,
    network: str,
    command: list[str],
    memory_mib: int,
    image: str,
    volume: str,
    major: int,
) -> str:
    """Return the same as the Quadlet unit of a rootless account."""
    uid, gid = OWNER.split(":")
    name = f"{system}-{hostname}"
    limits = f"--memory={memory_mib}m --memory-swap={memory_mib}m"
    labels = {"app": hostname, "system": system}
    return unit(
        {
            "Unit": [("Description", name), ("StartLimitIntervalSec", "0")],
            "Container": [
                ("ContainerName", name),
                ("Image", image),
                ("Exec", words(command)),
                ("User", uid),
                ("Group", gid),
                *(("Environment", word(f"{key}={text}")) for key, text in ENVIRONMENT.items()),
                ("Network", f"{network}.network:alias={hostname}"),
                ("Volume", f"{volume}.volume:{data_path(major)}"),
                *(("Tmpfs", f"{path}:{options},notmpcopyup") for path, options in _TMPFS.items()),
                *QUADLET_HARDENING,
                *(("Label", word(f"homeport.{key}={text}")) for key, text in labels.items()),
                ("PodmanArgs", "--pull=never --read-only-tmpfs=false --stop-signal=SIGINT"),
                ("PodmanArgs", f"--log-opt=tag={name} --stop-timeout={STOP_SECONDS}"),
                ("PodmanArgs", f"{limits} --shm-size={shared_mib(memory_mib)}m"),
                *health(_HEALTH),
            ],
            "Service": [*service(STOP_SECONDS), *ALWAYS],
            "Install": [("WantedBy", "default.target")],
        }
    )
