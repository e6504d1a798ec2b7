"""How a release becomes a unit of the host's own systemd: no container, but walls as high."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_command as command

from ..artefact import Artefact
from ..job import Job
from ..schedule import Schedule
from ..workload import WorkloadArgs
from . import unit
from .jobs import dumped, job_spec
from .runtime import Instance, Release, Runtime
from .secret_folders import secret_folders
from .venv import Venv

_FREE_DISK_MIB = 1024
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_PROGRAM = re.compile(r"/?[A-Za-z0-9_][A-Za-z0-9._+-]*(?:/[A-Za-z0-9_][A-Za-z0-9._+-]*)*")
_MODE = re.compile(r"07[0-7][0-5]")
_FOLDER = re.compile(r"/[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Systemd(Runtime):
    """Runs an artefact as a unit: behind walls of its own, in an account of its own.

    HOST is 127.0.0.1 and PORT the release's own port, where it has to listen. What it prints goes
    to the journal. It is started again whenever it ends, and after every boot.
    """

    venv: Venv | None = None
    """Makes a virtual environment of what the artefact pins; None runs the artefact as it is."""
    user: str = ""
    """The account's name; empty makes one of the app's name. One that the host has is used as it
    is, any other is made, without password, shell and home, and goes with its last unit."""
    state_mode: str | None = None
    """Rights of the folder /var/lib/<system>-<app>, which it may write to and which stays from
    release to release, also when the app goes; 0711 lets the proxy serve what it opens there. None
    is no folder."""
    jit: bool | None = None
    """Whether it may make machine code at run time, as Node.js, Java and PyPy have to; None is
    False with a virtual environment and True without."""

    def __post_init__(self) -> None:
        if self.user and not _USER.fullmatch(self.user):
            msg = f"Systemd: user: {self.user!r} is no name of an account of Linux"
            raise ValueError(msg)
        if self.state_mode is not None and not _MODE.fullmatch(self.state_mode):
            msg = f"Systemd: state_mode: must be like 0700 or 0711 (got {self.state_mode!r})"
            raise ValueError(msg)
        if self.user == "root":
            msg = "Systemd: user: an app does not run as root; leave it out"
            raise ValueError(msg)

    def check(self, args: WorkloadArgs) -> None:
        """Refuse what only a container has, and an artefact that cannot run."""
        artefact = self.artefact(args)
        if not args.command:
            msg = (
                "command: a unit needs one, since no image names it; its first word is looked up "
                "in the virtual environment and in the artefact"
            )
            raise ValueError(msg)
        cures = {
            "networks": "it is on the host's own network: give it addresses of the loopback",
            "volumes": "let it have a folder by Systemd(state_mode=...), or run it as a container",
            "secret_paths": "NAME_FILE says where each secret is; leave it out",
            "registry": "there is no image to pull; leave it out",
            "user": "it has an account by name: name it with Systemd(user=...)",
            "keep_images": "say with ArtefactArgs(keep=...) how many artefacts stay",
        }
        for field, cure in cures.items():
            if getattr(args, field) not in (None, (), {}, []):
                msg = f"{field}: a unit has none; {cure}"
                raise ValueError(msg)
        for words in (args.command, *(job.command for job in args.jobs)):
            if not _PROGRAM.fullmatch(words[0]) or ".." in words[0]:
                msg = f"command: {words[0]!r} is no plain name of a program or path to one"
                raise ValueError(msg)
        for path in args.tmpfs_mib:
            if not _FOLDER.fullmatch(path) or ".." in path:
                msg = f"tmpfs_mib: {path!r} is no plain path; use letters, digits and ._-"
                raise ValueError(msg)
        if self.venv:
            self.venv.check(artefact)

    def artefact(self, args: WorkloadArgs) -> Artefact:
        """Return the artefact that is run.

        Raises:
            ValueError: there is none.
        """
        if args.artefact is None:
            msg = "artefact: the runtime systemd runs an artefact; name one, and no image"
            raise ValueError(msg)
        return args.artefact

    def rendered(self, release: Release) -> Mapping[str, Any]:
        """Return the units of the release and of its jobs."""
        jobs = {job.name: unit.job_unit(release, self, job) for job in release.args.jobs}
        program = release.args.command[0]
        return {"program": program, "unit": unit.app_unit(release, self), "jobs": jobs}

    def start(self, release: Release) -> Instance:
        """Make virtual environment, secret files, jobs and unit."""
        return _Start(release, self).instance()

    def schedule(self, release: Release, when: Schedule, timeout_seconds: int) -> Instance:
        """Make the same, and a timer in place of what always runs."""
        return _Start(release, self).timer(when, timeout_seconds)


class _Start:
    """Makes the resources of one release."""

    def __init__(self, release: Release, runtime: Systemd) -> None:
        self._release = release
        self._runtime = runtime
        self._args = release.args
        self._remote = release.args.host.remote
        self._artefact = runtime.artefact(release.args)

    def instance(self) -> Instance:
        release, name = self._release, unit.unit_name(self._release)
        before = self._before("unit", {"units": [name, *self._job_units()]})
        spec = {
            "unit": name,
            "text": unit.app_unit(release, self._runtime),
            **self._program(self._args.command),
            "memory_mib": self._args.memory_mib,
        }
        started = self._own_step("unit", "unit", spec, after=before)
        return Instance(kind="systemd", name=name, resource=started)

    def timer(self, when: Schedule, timeout_seconds: int) -> Instance:
        release, name = self._release, unit.timer_name(self._release)
        own = {"unit": unit.unit_name(release), "timer": name, "timeout_seconds": timeout_seconds}
        before = self._before("timer", {**own, "units": self._job_units()}, seconds=timeout_seconds)
        spec = {
            **own,
            "text": unit.timed_unit(release, self._runtime, timeout_seconds),
            "timer_text": unit.timer_text(release.own, release.id, when),
            "calendar": when.calendar,
            **self._program(self._args.command),
        }
        started = self._own_step("timer", "timer", spec, after=before)
        return Instance(kind="systemd", name=name, resource=started)

    def _before(
        self, tool: str, spec: Mapping[str, Any], *, seconds: int = 0
    ) -> list[pulumi.Resource]:
        """Make everything that comes before the release itself starts.

        A step that dies half-way is not in the engine's state: only what was there before can take
        away what it left. Making that one, `leave`, opens no connection.
        """
        prepared: list[pulumi.Resource] = [self._artefact.step]
        prepared += [step for step in (self._venv(), self._secrets()) if step]
        leave = self._own_step(
            "leave",
            tool,
            {"account": unit.account(self._release, self._runtime), **spec},
            up=False,
            down=True,
            timeout_seconds=self._args.stop_seconds + seconds + 120,
            after=prepared,
        )
        before: list[pulumi.Resource] = [leave, *self._args.after]
        for job in self._args.jobs:
            before += dumped(self._release, job, before)
            before.append(self._job(job, before))
        return before

    def _job_units(self) -> list[str]:
        return [unit.job_unit_name(self._release, job) for job in self._args.jobs]

    def _program(self, words: Sequence[str]) -> dict[str, Any]:
        return {
            "program": words[0],
            "search": unit.search(self._args, self._runtime),
            "account": unit.account(self._release, self._runtime),
        }

    def _venv(self) -> command.remote.Command | None:
        venv = self._runtime.venv
        if venv is None:
            return None
        return self._step(
            "venv",
            "venv",
            {
                "files": self._artefact.path,
                "venv": venv.folder(self._artefact),
                **venv.spec(),
                "disk_mib": _FREE_DISK_MIB,
            },
            timeout_seconds=1800,
            after=[self._artefact.step],
        )

    def _secrets(self) -> command.remote.Command | None:
        """Write the secrets of the unit and of its jobs, all in one step, for root alone."""
        folders = secret_folders(self._release, uid=0, gid=0)
        if not folders:
            return None
        return self._step("secrets", "secretfiles", {"folders": folders}, down=True)

    def _job(self, job: Job, before: Sequence[pulumi.Resource]) -> command.remote.Command:
        """Run one job; `before` holds the jobs that come first."""
        return self._step(
            job.name,
            "jobunit",
            {
                **job_spec(self._release, job),
                "unit": unit.job_unit_name(self._release, job),
                "text": unit.job_unit(self._release, self._runtime, job),
                **self._program(job.command),
                "secrets": f"{self._release.folder}/{job.name}-secrets" if job.secrets else None,
            },
            timeout_seconds=job.timeout_seconds + 120,
            after=before,
        )

    def _own_step(
        self,
        role: str,
        tool: str,
        spec: Mapping[str, Any],
        **how: Any,  # noqa: ANN401
    ) -> command.remote.Command:
        own = {"app": self._release.app, "release": self._release.id}
        return self._step(role, tool, {**own, **spec}, **how)

    def _step(
        self,
        role: str,
        tool: str,
        spec: Mapping[str, Any],
        *,
        after: Sequence[pulumi.Resource] = (),
        **how: Any,  # noqa: ANN401 - as Remote.step takes it
    ) -> command.remote.Command:
        return self._remote.step(
            f"{self._release.app}-{role}-{self._release.id}",
            tool,
            spec,
            opts=pulumi.ResourceOptions(parent=self._release.parent, depends_on=list(after)),
            **how,
        )
