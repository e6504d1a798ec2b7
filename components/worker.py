"""A worker: releases that nobody connects to."""

import dataclasses
from collections.abc import Sequence

import pulumi

from . import environment_contract, names
from .release import release_id
from .runtimes.choice import chosen
from .runtimes.runtime import Release, Runtime
from .workload import WorkloadArgs, configuration


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class WorkerArgs(WorkloadArgs):
    """What a worker is."""

    health_command: Sequence[str] = ()
    """Checks health from inside; empty leaves it to the image, which may have none."""
    settle_seconds: int = 3
    """Without a health check it has to run this long without a restart."""
    start_seconds: int = 60
    """With one it has to get healthy within this time."""

    def _check(self) -> None:
        WorkloadArgs._check(self)
        if not 0 <= self.settle_seconds <= self.start_seconds <= 3600:
            msg = (
                "settle_seconds and start_seconds: must be 0 <= settle <= start <= 3600 "
                f"(got {self.settle_seconds} and {self.start_seconds})"
            )
            raise ValueError(msg)


class Worker(pulumi.ComponentResource):
    """Whatever changes it starts a new release; the old one stops once the new one runs.

    For a moment both run: jobs have to be claimed from the queue in a way that stands this.
    """

    release: str
    """The release's id, known at plan time."""
    instance_name: str
    """What runs this release on the host: a container, or a unit."""

    def __init__(
        self, name: str, args: WorkerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:worker:Worker", name, {}, opts)
        names.check_label("worker", name)
        claims, owner = args.host.remote.claims, f"worker {name}"
        claims.take("app name", name, owner, cure="rename one of them")
        claims.memory(owner, args.memory_mib, args.host.facts.memory_mib)
        runtime = chosen(args)
        self.release = worker_release(name, args, runtime)
        instance = runtime.start(_release(name, self.release, args, self))
        self.instance_name = instance.name
        contract = environment_contract.document(args.contract)
        args.host.remote.step(
            f"{name}-settle-{self.release}",
            "settle",
            {
                "instance": instance.spec(),
                "settle_seconds": args.settle_seconds,
                "start_seconds": args.start_seconds,
                **({"contract": contract} if contract else {}),
            },
            timeout_seconds=args.start_seconds + 60,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[instance.resource]),
        )
        self.register_outputs({"release": self.release, "instance_name": self.instance_name})


def worker_release(name: str, args: WorkerArgs, runtime: Runtime) -> str:
    """Return the id of the release that these settings make."""
    return release_id(configuration(args, runtime.rendered(_release(name, "", args))))


def _release(
    name: str, id_: str, args: WorkerArgs, parent: pulumi.Resource | None = None
) -> Release:
    return Release(
        app=name,
        id=id_,
        args=args,
        port=None,
        health_command=args.health_command,
        parent=parent,
    )
