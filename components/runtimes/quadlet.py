"""How a release becomes a rootless container: a Quadlet unit of an account's own systemd."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_command as command

from ..image import image_step
from ..job import Job
from ..network import PrivateNetwork, PrivateNetworkArgs
from ..rootless import RootlessAccount
from ..schedule import Schedule
from ..workload import WorkloadArgs
from .engines import check_accounts
from .jobs import dumped, job_spec
from .quadlet_container import (
    container_unit,
    image_tag,
    job_name,
    job_unit,
    secret_name,
    timed_unit,
)
from .runtime import Instance, Release, Runtime
from .secret_folders import job_receipt
from .unit import timer_text


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Quadlet(Runtime):
    """Runs an image as a container of a rootless account, which systemd starts and restarts."""

    account: RootlessAccount
    """Whose containers they are."""

    def check(self, args: WorkloadArgs) -> None:
        """Refuse a workload without an image, and what belongs to another engine."""
        if not args.image:
            msg = "image: the runtime quadlet runs an image; name one"
            raise ValueError(msg)
        check_accounts(args, self.account.account, f"quadlet of {self.account.account}")

    def rendered(self, release: Release) -> Mapping[str, Any]:
        """Return the unit's text."""
        return {"unit": container_unit(release)}

    def start(self, release: Release) -> Instance:
        """Make network, image, secrets, jobs and unit."""
        return _Start(self.account, release).instance()

    def schedule(self, release: Release, when: Schedule, timeout_seconds: int) -> Instance:
        """Make the same, and a timer of the account's systemd in place of what always runs."""
        return _Start(self.account, release).timer(when, timeout_seconds)


class _Start:
    """Makes the resources of one release."""

    def __init__(self, account: RootlessAccount, release: Release) -> None:
        self._account = account
        self._release = release
        self._args = release.args

    def instance(self) -> Instance:
        unit = {
            "name": self._release.name,
            "kind": "container",
            "content": container_unit(self._release),
        }
        # A step that dies, or whose unit does not start, is not in the engine's state: only what
        # was there before can remove it. Making this one opens no connection.
        stop = self._step("stop", "quadlet", unit, [self._image()], up=False, down=True)
        start = self._step("start", "quadlet", unit, self._before(stop))
        return Instance(
            kind="podman",
            name=self._release.name,
            resource=start,
            account=self._account.account,
        )

    def timer(self, when: Schedule, timeout_seconds: int) -> Instance:
        release, seconds = self._release, timeout_seconds
        own = {
            "app": release.app,
            "release": release.id,
            "name": release.name,
            "timeout_seconds": seconds,
        }
        spec = {
            **own,
            "content": timed_unit(release, seconds),
            "timer_text": timer_text(release.own, release.id, when),
            "calendar": when.calendar,
        }
        leave = self._step(
            "leave",
            "quadlettimer",
            own,
            [self._image()],
            up=False,
            down=True,
            timeout_seconds=seconds + 120,
        )
        started = self._step("timer", "quadlettimer", spec, self._before(leave))
        return Instance(
            kind="podman",
            name=f"{release.name}.timer",
            resource=started,
            account=self._account.account,
        )

    def _before(self, stop: pulumi.Resource) -> list[pulumi.Resource]:
        """Make what else comes before the start, after that which takes the release away."""
        own = PrivateNetwork(
            self._release.app,
            PrivateNetworkArgs(host=self._args.host, account=self._account),
            pulumi.ResourceOptions(parent=self._release.parent),
        )
        before: list[pulumi.Resource] = [stop, own.network, *self._args.after]
        before += [network.network for network in self._args.networks]
        before += [volume.volume for volume in self._args.volumes.values()]
        secrets = self._secrets(stop)
        if secrets:
            before.append(secrets)
        for job in self._args.jobs:
            before += dumped(self._release, job, before)
            before.append(self._job(job, before))
        return before

    def _step(
        self,
        role: str,
        tool: str,
        spec: Mapping[str, Any],
        before: Sequence[pulumi.Resource],
        *,
        up: bool = True,
        down: bool = False,
        timeout_seconds: int = 600,
    ) -> command.remote.Command:
        return self._args.host.remote.step(
            f"{self._release.app}-{role}-{self._release.id}",
            tool,
            {"account": self._account.account, **spec},
            up=up,
            down=down,
            timeout_seconds=timeout_seconds + self._args.stop_seconds,
            opts=pulumi.ResourceOptions(
                parent=self._release.parent, depends_on=[self._account.step, *before]
            ),
        )

    def _image(self) -> command.remote.Command:
        release, args = self._release, self._args
        return image_step(
            release.parent,
            args.host.remote,
            app=release.app,
            release=release.id,
            image=args.image or "",
            memory_mib=args.memory_mib,
            keep=args.keep_images,
            login=args.registry,
            account=self._account,
            tag=image_tag(release),
        )

    def _secrets(self, stop: pulumi.Resource) -> command.remote.Command | None:
        """Make the secrets of the container and of its jobs, all in one step."""
        owners: list[tuple[str, Mapping[str, Any], str | None]] = [
            (self._release.name, self._args.secrets, None)
        ]
        owners += [
            (job_name(self._release, job), job.secrets, job_receipt(self._release, job))
            for job in self._args.jobs
        ]
        groups = [
            {
                "secrets": {
                    secret_name(owner, name): secret.value for name, secret in secrets.items()
                },
                "unless_receipt": receipt,
            }
            for owner, secrets, receipt in owners
            if secrets
        ]
        if not groups:
            return None
        return self._step("secrets", "podmansecrets", {"groups": groups}, [stop])

    def _job(self, job: Job, before: Sequence[pulumi.Resource]) -> command.remote.Command:
        """Run one job; `before` holds the jobs that come first."""
        name = job_name(self._release, job)
        return self._step(
            job.name,
            "quadletjob",
            {
                **job_spec(self._release, job),
                "name": name,
                "content": job_unit(self._release, job),
                "secrets": [secret_name(name, secret) for secret in job.secrets],
            },
            before,
            timeout_seconds=job.timeout_seconds + 120,
        )
