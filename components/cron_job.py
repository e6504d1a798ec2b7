"""A cron job: releases that run to their end at certain times, and never beside themselves."""

import dataclasses

import pulumi

from . import names
from .release import release_id
from .runtimes.choice import chosen
from .runtimes.runtime import Release, Runtime
from .schedule import Schedule
from .workload import WorkloadArgs, configuration


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CronJobArgs(WorkloadArgs):
    """What a cron job is."""

    schedule: Schedule
    """When it runs. A time that comes while it still runs is passed over."""
    timeout_seconds: int = 3600
    """It is stopped when it takes longer."""

    def _check(self) -> None:
        WorkloadArgs._check(self)
        if not 1 <= self.timeout_seconds <= 86_400:
            msg = f"timeout_seconds: must be from 1 to 86400 (got {self.timeout_seconds})"
            raise ValueError(msg)
        if self.secret_paths:
            msg = "secret_paths: a cron job has none; NAME_FILE says where each secret is"
            raise ValueError(msg)


class CronJob(pulumi.ComponentResource):
    """A timer of the host starts it, so that it runs whether or not anybody deploys.

    Whatever changes makes a new release with a timer of its own; the old one's goes then, and a run
    that is under way ends first. What it prints, and how it ended, is in the host's journal.
    """

    release: str
    """The release's id, known at plan time."""
    instance_name: str
    """The timer's name on the host; the unit that it starts has the same with `.service`."""

    def __init__(
        self, name: str, args: CronJobArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:cron_job:CronJob", name, {}, opts)
        names.check_label("cron job", name)
        claims, owner = args.host.remote.claims, f"cron job {name}"
        claims.take("app name", name, owner, cure="rename one of them")
        claims.memory(owner, args.memory_mib, args.host.facts.memory_mib)
        runtime = chosen(args)
        self.release = cron_release(name, args, runtime)
        instance = runtime.schedule(
            _release(name, self.release, args, self), args.schedule, args.timeout_seconds
        )
        self.instance_name = instance.name
        self.register_outputs({"release": self.release, "instance_name": self.instance_name})


def cron_release(name: str, args: CronJobArgs, runtime: Runtime) -> str:
    """Return the id of the release that these settings make."""
    made_of = configuration(args, runtime.rendered(_release(name, "", args)))
    when = {"when": dataclasses.asdict(args.schedule), "timeout_seconds": args.timeout_seconds}
    return release_id({**made_of, **when})


def _release(
    name: str, id_: str, args: CronJobArgs, parent: pulumi.Resource | None = None
) -> Release:
    return Release(app=name, id=id_, args=args, port=None, health_command=(), parent=parent)
