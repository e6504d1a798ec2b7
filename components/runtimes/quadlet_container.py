"""What a container of Podman is told, as Quadlet units: pure functions of settings.

The same settings give the same limits, rights and paths as with Docker (`container.py`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from ..job import Job
from ..quadlet_unit import literal, unit, word, words
from .container import SECRETS_FOLDER, environment, tmpfs, user
from .runtime import Release

Line = tuple[str, str]
_STOP_GRACE_SECONDS = 30
HARDENING: tuple[Line, ...] = (
    ("ReadOnly", "true"),
    ("DropCapability", "all"),
    ("NoNewPrivileges", "true"),
    ("RunInit", "true"),
    ("LogDriver", "journald"),
)
"""What no container is without."""
ALWAYS: tuple[Line, ...] = (
    ("Restart", "always"),
    ("RestartSec", "1"),
    ("RestartSteps", "6"),
    ("RestartMaxDelaySec", "60"),
    ("TimeoutStartSec", "90"),
)
"""How what runs on is started again, for ever, in growing pauses."""


def container_unit(release: Release) -> str:
    """Return the unit of a release."""
    args, port = release.args, release.port
    variables = environment(args.environment, args.secrets, release.id)
    publish: list[Line] = []
    if port:
        variables |= port.variables(inside=True)
        publish = [("PublishPort", f"127.0.0.1:{each.release}:{each.inside}") for each in port.all]
    return unit(
        {
            "Unit": [
                ("Description", f"{release.own}, release {release.id}"),
                ("StartLimitIntervalSec", "0"),
            ],
            "Container": [
                *_common(release, release.name, variables, args.command),
                *publish,
                *_secrets(release.name, args.secrets, user(args), args.secret_paths),
                *health(release.health_command),
            ],
            "Service": [
                *service(args.stop_seconds),
                *ALWAYS,
            ],
            "Install": [("WantedBy", "default.target")],
        }
    )


def job_unit(release: Release, job: Job) -> str:
    """Return the unit of a job of a release, which ends."""
    name = job_name(release, job)
    variables = environment(job.environment, job.secrets, release.id)
    container = [
        *_common(release, name, variables, job.command),
        *_secrets(name, job.secrets, user(release.args)),
    ]
    what = f"{release.own}, {job.name} of release {release.id}"
    return _once(release, what, container, job.timeout_seconds)


def timed_unit(release: Release, timeout_seconds: int) -> str:
    """Return the unit that a timer starts, which runs to its end every time."""
    args = release.args
    variables = environment(args.environment, args.secrets, release.id)
    container = [
        *_common(release, release.name, variables, args.command),
        *_secrets(release.name, args.secrets, user(args)),
    ]
    return _once(release, f"{release.own}, release {release.id}", container, timeout_seconds)


def _once(release: Release, what: str, container: list[Line], timeout_seconds: int) -> str:
    """Return the unit of something that ends by itself."""
    return unit(
        {
            "Unit": [("Description", what)],
            # Nobody waits for its health, and a check that its end cuts off stays as a failed unit.
            "Container": [*container, ("HealthCmd", "none")],
            "Service": [
                *service(release.args.stop_seconds),
                ("Type", "oneshot"),
                ("TimeoutStartSec", str(timeout_seconds)),
            ],
        }
    )


def job_name(release: Release, job: Job) -> str:
    """Return the name of a job's unit, with which its secrets' names begin too."""
    return f"{release.name}-{job.name}"


def image_tag(release: Release) -> str:
    """Return the name by which the release's units call its image."""
    return f"localhost/{release.args.host.remote.system}/{release.app}:{release.id}"


def secret_name(owner: str, secret: str) -> str:
    """Return the name of a podman secret of a release or job."""
    return f"{owner}-{secret}"


def _common(
    release: Release, name: str, variables: dict[str, str], command: Sequence[str]
) -> list[Line]:
    """Return what apps, workers and jobs have in common."""
    args = release.args
    uid, gid = user(args).split(":")
    labels = {"app": release.app, "release": release.id, "system": args.host.remote.system}
    volumes, folders = sorted(args.volumes.items()), sorted(tmpfs(args.tmpfs_mib).items())
    networks = sorted({release.own, *(network.full_name for network in args.networks)})
    limits = [f"--memory={args.memory_mib}m", f"--memory-swap={args.memory_mib}m"]
    if args.cpus is not None:
        limits.append(f"--cpus={args.cpus:g}")
    return [
        ("ContainerName", name),
        ("Image", image_tag(release)),
        *([("Exec", words(command))] if command else []),
        ("User", uid),
        ("Group", gid),
        *(("Environment", word(f"{key}={value}")) for key, value in sorted(variables.items())),
        *(("Network", f"{network}.network:alias={release.app}") for network in networks),
        *(("Volume", f"{volume.source}:{path}") for path, volume in volumes),
        *(("Tmpfs", f"{path}:{options},notmpcopyup") for path, options in folders),
        *HARDENING,
        *(("Label", word(f"homeport.{key}={value}")) for key, value in labels.items()),
        # What old versions have no keys for.
        ("PodmanArgs", "--pull=never --read-only-tmpfs=false"),
        ("PodmanArgs", f"--log-opt=tag={release.own} --stop-timeout={args.stop_seconds}"),
        ("PodmanArgs", " ".join(limits)),
    ]


def _secrets(
    owner: str,
    secrets: Iterable[str],
    whose: str,
    further: Mapping[str, str] = MappingProxyType({}),
) -> list[Line]:
    """Return where each secret is found, and which are found at `further` paths too."""
    uid, gid = whose.split(":")
    rights = f"uid={uid},gid={gid},mode=0400"
    targets = [(f"{SECRETS_FOLDER}/{name}", name) for name in sorted(secrets)]
    return [
        ("Secret", f"{secret_name(owner, name)},type=mount,target={path},{rights}")
        for path, name in [*targets, *sorted(further.items())]
    ]


def health(command_line: Sequence[str]) -> list[Line]:
    """Return how Podman asks a container whether it is well; nothing without a command."""
    if not command_line:
        return []
    return [
        ("HealthCmd", literal(_health_command(command_line))),
        ("HealthInterval", "10s"),
        ("HealthTimeout", "5s"),
        ("HealthRetries", "3"),
        ("HealthStartPeriod", "1m"),
    ]


def _health_command(command_line: Sequence[str]) -> str:
    """Return a check as Podman reads it: JSON is split as it stands, but only from two words on."""
    if len(command_line) > 1:
        return json.dumps(list(command_line))
    return f"CMD {command_line[0]}"


def service(stop_seconds: int) -> list[Line]:
    """Return what systemd is told of every container."""
    return [
        # Podman itself prints no more than the container's id, or its output a second time.
        ("StandardOutput", "null"),
        ("TimeoutStopSec", str(stop_seconds + _STOP_GRACE_SECONDS)),
    ]
