"""What jobs have in common on every runtime: what is asked of them, and what comes before them."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_command as command

from ..job import Job, SchemaCheck
from .runtime import Release
from .secret_folders import job_receipt

_DUMP_SECONDS = 3600


def job_spec(release: Release, job: Job) -> dict[str, Any]:
    """Return what the tool of every runtime is told of a job."""
    about = {"receipt": job_receipt(release, job), "timeout_seconds": job.timeout_seconds}
    if isinstance(job, SchemaCheck):
        return {**about, "schema": True, "app": release.app, "release": release.id}
    return about


def dumped(
    release: Release, job: Job, before: Sequence[pulumi.Resource]
) -> list[command.remote.Command]:
    """Make the dump that a job asks for, and return what the job then has to wait for besides."""
    dump = job.dump
    if dump is None:
        return []
    step = release.args.host.remote.step(
        f"{release.app}-{job.name}-dump-{release.id}",
        "dump",
        {
            # It goes with the job's, by its name; the dump itself stays.
            "receipt": f"{job_receipt(release, job)}-dump",
            "job_receipt": job_receipt(release, job),
            "app": release.app,
            "release": release.id,
            **dump.place,
            "database": dump.database,
            "keep": dump.keep,
            "timeout_seconds": _DUMP_SECONDS,
        },
        timeout_seconds=2 * _DUMP_SECONDS + 120,
        opts=pulumi.ResourceOptions(parent=release.parent, depends_on=[dump.ready, *before]),
    )
    return [step]
