"""What a unit says: pure functions of settings, of which a release's id is made.

A job's unit is the unit of its release but for what it runs and how long: the same account, limits
and walls.
"""

import dataclasses
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..job import Job
from ..schedule import Schedule
from ..unit_words import quoted
from ..workload import WorkloadArgs
from .runtime import Release

if TYPE_CHECKING:
    from .systemd import Systemd

CREDENTIALS = "/run/credentials"
PROGRAM = "@program@"
"""Stands for the command's first word until the host has looked it up."""

WALLS = (
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateDevices=yes",
    "PrivateUsers=yes",
    "PrivateIPC=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectProc=invisible",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "RemoveIPC=yes",
    "KeyringMode=private",
    "UMask=0077",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
    "SystemCallErrorNumber=EPERM",
    "LimitNOFILE=65536",
)
"""What no unit is without."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """Something that runs in a release's files: the app itself, or one of its jobs."""

    unit: str
    """The unit's name, with its suffix."""
    command: Sequence[str]
    """What runs."""
    environment: Mapping[str, str]
    """Plain values."""
    secrets: Mapping[str, str]
    """Where the host keeps each, by name."""


def app_unit(release: Release, runtime: "Systemd") -> str:
    """Return the unit that runs a release."""
    check = json.dumps(list(release.health_command))
    return _text(
        {
            "Unit": [
                f"Description={release.own}, release {release.id}",
                "Wants=network-online.target",
                "After=network-online.target nss-lookup.target docker.service postgresql.service",
                # It is started again for ever: what it needs may come back at any time.
                "StartLimitIntervalSec=0",
            ],
            "Service": [
                "Type=exec",
                *_runs(release, runtime, _own_task(release)),
                "Restart=always",
                "RestartSec=2s",
                "KillMode=mixed",
                f"TimeoutStopSec={release.args.stop_seconds}s",
            ],
            "Install": ["WantedBy=multi-user.target"],
            "X-Homeport": [f"Check={check}"] if release.health_command else [],
        }
    )


def job_unit(release: Release, runtime: "Systemd", job: Job) -> str:
    """Return the unit that runs a job once."""
    task = Task(
        unit=job_unit_name(release, job),
        command=job.command,
        environment=job.environment,
        secrets={key: f"{release.folder}/{job.name}-secrets/{key}" for key in job.secrets},
    )
    what = f"{release.own}, job {job.name} of release {release.id}"
    return _text(_once(release, runtime, task, what, job.timeout_seconds))


def timed_unit(release: Release, runtime: "Systemd", timeout_seconds: int) -> str:
    """Return the unit that a timer starts, which runs to its end every time."""
    task = _own_task(release)
    what = f"{release.own}, release {release.id}"
    return _text(_once(release, runtime, task, what, timeout_seconds))


def timer_text(own: str, release: str, when: Schedule) -> str:
    """Return the timer that starts the unit of a release."""
    return _text(
        {
            "Unit": [f"Description={own}, release {release}, when it runs"],
            "Timer": [
                f"OnCalendar={when.calendar}",
                f"RandomizedDelaySec={when.spread_seconds}s",
                "AccuracySec=1s",
                f"Persistent={'yes' if when.catch_up else 'no'}",
            ],
            "Install": ["WantedBy=timers.target"],
        }
    )


def _own_task(release: Release) -> Task:
    """Return what a release itself runs."""
    args = release.args
    port = release.port
    own = {"HOST": "127.0.0.1", **port.variables(inside=False)} if port else {}
    return Task(
        unit=unit_name(release),
        command=args.command,
        environment={**own, **args.environment},
        secrets={key: f"{release.folder}/secrets/{key}" for key in args.secrets},
    )


def _once(
    release: Release, runtime: "Systemd", task: Task, what: str, timeout_seconds: int
) -> Mapping[str, Sequence[str]]:
    """Return what the unit says of something that ends by itself."""
    service = [
        "Type=oneshot",
        *_runs(release, runtime, task),
        "KillMode=mixed",
        f"TimeoutStartSec={timeout_seconds}s",
        f"TimeoutStopSec={release.args.stop_seconds}s",
    ]
    return {"Unit": [f"Description={what}"], "Service": service}


def unit_name(release: Release) -> str:
    """Return the name of the unit that runs a release."""
    return f"{release.name}.service"


def timer_name(release: Release) -> str:
    """Return the name of the timer that starts a release."""
    return f"{release.name}.timer"


def job_unit_name(release: Release, job: Job) -> str:
    """Return the name of the unit that runs a job; the same for all releases."""
    return f"{release.own}-{job.name}.service"


def account(release: Release, runtime: "Systemd") -> str:
    """Return the account of all releases of a workload, at most 31 letters long."""
    return runtime.user or f"{release.app[:20].rstrip('-')}-{zlib.crc32(release.own.encode()):08x}"


def _runs(release: Release, runtime: "Systemd", task: Task) -> list[str]:
    """Return what a unit runs, as whom, with what, and what it cannot reach."""
    args, artefact = release.args, runtime.artefact(release.args)
    variables = {
        "PATH": ":".join([*search(args, runtime), "/usr/local/bin", "/usr/bin", "/bin"]),
        **task.environment,
        **{f"{key}_FILE": f"{CREDENTIALS}/{task.unit}/{key}" for key in task.secrets},
        "RELEASE": release.id,
    }
    jit = runtime.venv is None if runtime.jit is None else runtime.jit
    return [
        " ".join([f"ExecStart={PROGRAM}", *(quoted(word, run=True) for word in task.command[1:])]),
        f"WorkingDirectory={artefact.path}",
        *(f"Environment={quoted(f'{key}={value}')}" for key, value in sorted(variables.items())),
        *(f"LoadCredential={key}:{path}" for key, path in sorted(task.secrets.items())),
        f"User={account(release, runtime)}",
        f"SyslogIdentifier={release.own}",
        *limits(args),
        *_state(release, runtime),
        *WALLS,
        *([] if jit else ["MemoryDenyWriteExecute=yes"]),
        "TemporaryFileSystem=/opt/homeport:ro",
        f"BindReadOnlyPaths={artefact.folder}",
        *(
            f"TemporaryFileSystem={path}:rw,nosuid,nodev,mode=1777,size={mib}M"
            for path, mib in sorted(args.tmpfs_mib.items())
        ),
    ]


def state_folder(own: str) -> str:
    """Return the folder that all releases of a workload may write to, if it has one."""
    return f"/var/lib/{own}"


def _state(release: Release, runtime: "Systemd") -> list[str]:
    if runtime.state_mode is None:
        return []
    return [f"StateDirectory={release.own}", f"StateDirectoryMode={runtime.state_mode}"]


def search(args: WorkloadArgs, runtime: "Systemd") -> list[str]:
    """Return the folders in which the first word of a command is looked up, in order."""
    artefact = runtime.artefact(args)
    own = [f"{runtime.venv.folder(artefact)}/bin"] if runtime.venv else []
    return [*own, artefact.path]


def limits(args: WorkloadArgs) -> list[str]:
    """Return the limits of a unit; a job has those of its app."""
    found = [f"MemoryMax={args.memory_mib}M", "MemorySwapMax=0"]
    return found if args.cpus is None else [*found, f"CPUQuota={round(args.cpus * 100)}%"]


def _text(sections: Mapping[str, Sequence[str]]) -> str:
    """Return a unit file."""
    parts = ["\n".join([f"[{name}]", *lines]) for name, lines in sections.items() if lines]
    return "\n\n".join(parts) + "\n"
