"""A worker: a release of an image that nobody connects to."""

import dataclasses
from collections.abc import Sequence

import pulumi

from . import names
from .release import release_id
from .runtimes.container import container_arguments
from .runtimes.docker import Builder
from .workload import WorkloadArgs, configuration


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class WorkerArgs(WorkloadArgs):
    """What a worker is."""

    health_command: Sequence[str] = ()
    """Checks health inside the container; empty leaves it to the image, which may have none."""
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
    container_name: str
    """The container of this release."""

    def __init__(
        self, name: str, args: WorkerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:worker:Worker", name, {}, opts)
        names.check_label("worker", name)
        claims, owner = args.host.remote.claims, f"worker {name}"
        claims.take("app name", name, owner, cure="rename one of them")
        claims.memory(owner, args.memory_mib, args.host.facts.memory_mib)
        self.release = worker_release(name, args)
        instance = Builder(name, self.release, args, self).instance(None, args.health_command)
        self.container_name = instance.container_name
        args.host.remote.step(
            f"{name}-settle-{self.release}",
            "settle",
            {
                "container": self.container_name,
                "settle_seconds": args.settle_seconds,
                "start_seconds": args.start_seconds,
            },
            timeout_seconds=args.start_seconds + 60,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[instance.container]),
        )
        self.register_outputs({"release": self.release, "container_name": self.container_name})


def worker_release(name: str, args: WorkerArgs) -> str:
    """Return the id of the release that these settings make."""
    rendered = container_arguments(
        name, args, release="", port=None, health_command=args.health_command
    )
    return release_id(configuration(args, rendered))
