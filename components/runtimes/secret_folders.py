"""Where a release's secrets and those of its jobs lie on the host: one folder for each of them."""

from collections.abc import Mapping
from typing import Any

from ..job import Job
from .runtime import Release


def secret_folders(release: Release, *, uid: int, gid: int) -> list[dict[str, Any]]:
    """Return the folders as the tool `secretfiles` takes them, readable by one account alone."""
    args = release.args
    owners: list[tuple[str, Mapping[str, Any], str | None]] = [("secrets", args.secrets, None)]
    owners += [(f"{job.name}-secrets", job.secrets, job_receipt(release, job)) for job in args.jobs]
    return [
        {
            "path": f"{release.folder}/{folder}",
            "uid": uid,
            "gid": gid,
            "files": {key: secret.value for key, secret in secrets.items()},
            "unless_receipt": receipt,
        }
        for folder, secrets, receipt in owners
        if secrets
    ]


def job_receipt(release: Release, job: Job) -> str:
    """Return the name of the receipt that says that a job is done.

    It is removed together with the release, which saves a connection per job.
    """
    return f"job-{release.app}-{release.id}-{job.name}"
