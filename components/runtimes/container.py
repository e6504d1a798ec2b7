"""What a container is given: pure functions of settings, of which a release's id is made."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi_docker as docker

from ..host import Host
from ..workload import WorkloadArgs
from .runtime import Port, Release

SECRETS_FOLDER = "/run/secrets"
HARDENING: dict[str, Any] = {
    "read_only": True,
    "capabilities": {"drops": ["ALL"]},
    "security_opts": ["no-new-privileges:true"],
    "init": True,
}
"""What no container is without."""
_FILES = {
    "log_driver": "json-file",
    "log_opts": {"max-size": "10m", "max-file": "3"},
}
_JOURNAL = {
    "log_driver": "journald",
    "log_opts": {"labels": "homeport.app,homeport.release"},
}
DEFAULT_USER = "10001:10001"
CPU_PERIOD_MICROSECONDS = 100_000
"""In which a container may use its share of processors; Docker's own."""


def container_arguments(release: Release) -> dict[str, Any]:
    """Return what `docker.Container` is given, its image apart."""
    args, port = release.args, release.port
    labels = {"system": args.host.remote.system, "app": release.app, "release": release.id}
    variables = environment(args.environment, args.secrets, release.id)
    if port:
        variables |= port.variables(inside=True)
    arguments: dict[str, Any] = {
        "name": release.name,
        "command": list(args.command) or None,
        "envs": sorted(f"{key}={value}" for key, value in variables.items()),
        "user": user(args),
        "ports": _ports(port),
        # The provider leaves `bridge` again for the networks below; saying nothing is a diff.
        "network_mode": "bridge",
        "networks_advanced": [
            {"name": network, "aliases": [release.app]}
            for network in sorted({release.own, *(network.full_name for network in args.networks)})
        ],
        "mounts": _mounts(f"{release.folder}/secrets", args),
        "tmpfs": tmpfs(args.tmpfs_mib),
        "memory": args.memory_mib,
        "memory_swap": args.memory_mib,
        # Not `cpus`, which the provider reads back rounded: a diff that replaces, for ever.
        "cpu_period": None if args.cpus is None else CPU_PERIOD_MICROSECONDS,
        "cpu_quota": None if args.cpus is None else round(args.cpus * CPU_PERIOD_MICROSECONDS),
        "healthcheck": _healthcheck(release.health_command),
        **HARDENING,
        **logs(args.host),
        "labels": [
            {"label": f"homeport.{key}", "value": value} for key, value in sorted(labels.items())
        ],
        "stop_timeout": args.stop_seconds,
        "destroy_grace_seconds": args.stop_seconds,
        "restart": "unless-stopped",
        "must_run": True,
        # The gate is the route's: it asks the app itself, and knows when to give up early.
        "wait": False,
    }
    # Whatever is left out must not change ids, so that a new version of this can leave out more.
    return {key: value for key, value in arguments.items() if value is not None}


def logs(host: Host) -> dict[str, Any]:
    """Return where a container's lines go: files that cannot grow for ever, or the journal."""
    return _JOURNAL if host.journal else _FILES


def _ports(port: Port | None) -> list[docker.ContainerPortArgsDict] | None:
    if port is None:
        return None
    return [
        {"internal": each.inside, "external": each.release, "ip": "127.0.0.1"} for each in port.all
    ]


def _mounts(folder: str, args: WorkloadArgs) -> list[docker.ContainerMountArgsDict] | None:
    mounts: list[docker.ContainerMountArgsDict] = [
        {"type": "volume", "source": volume.full_name, "target": path}
        for path, volume in sorted(args.volumes.items())
    ]
    if args.secrets:
        mounts.append(
            {"type": "bind", "source": folder, "target": SECRETS_FOLDER, "read_only": True}
        )
    mounts += [
        {"type": "bind", "source": f"{folder}/{name}", "target": path, "read_only": True}
        for path, name in sorted(args.secret_paths.items())
    ]
    return mounts or None


def _healthcheck(command_line: Sequence[str]) -> docker.ContainerHealthcheckArgsDict | None:
    if not command_line:
        return None
    return {
        "tests": ["CMD", *command_line],
        "interval": "10s",
        "timeout": "5s",
        "retries": 3,
        "start_period": "1m0s",
    }


def user(args: WorkloadArgs) -> str:
    """Return the numeric user and group that a container runs as."""
    return args.user or DEFAULT_USER


def environment(
    plain: Mapping[str, str], secrets: Mapping[str, Any], release: str
) -> dict[str, str]:
    """Return the variables of a container: plain values, paths of secret files, the release."""
    files = {f"{name}_FILE": f"{SECRETS_FOLDER}/{name}" for name in secrets}
    return {**plain, **files, "RELEASE": release}


def tmpfs(sizes_mib: Mapping[str, int]) -> dict[str, str]:
    """Return Docker's options for folders in memory."""
    return {path: f"rw,nosuid,nodev,size={mib}m" for path, mib in sizes_mib.items()}
