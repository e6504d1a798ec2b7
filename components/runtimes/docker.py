"""How a release becomes a container: prepared, its jobs done, then started beside the old one."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_command as command
import pulumi_docker as docker

from ..image import image_step
from ..job import Job
from ..leftovers import HALF_MADE
from ..network import PrivateNetwork, PrivateNetworkArgs
from ..schedule import Schedule
from ..workload import WorkloadArgs
from .container import container_arguments, environment, tmpfs, user
from .engines import check_accounts
from .jobs import dumped, job_spec
from .runtime import Instance, Release, Runtime
from .secret_folders import secret_folders
from .unit import timer_text


class Docker(Runtime):
    """Runs an image as a container of the host's Docker engine."""

    def check(self, args: WorkloadArgs) -> None:
        """Refuse a workload without an image, and what belongs to another engine."""
        if not args.image:
            msg = "image: the runtime docker runs an image; name one"
            raise ValueError(msg)
        if "" in args.command:
            msg = f"command: Docker's provider takes no empty word (got {list(args.command)})"
            raise ValueError(msg)
        check_accounts(args, "", "docker")

    def rendered(self, release: Release) -> Mapping[str, Any]:
        """Return what `docker.Container` is given."""
        return container_arguments(release)

    def start(self, release: Release) -> Instance:
        """Make network, image, secret files, jobs and container."""
        return _Start(release).instance()

    def schedule(self, release: Release, when: Schedule, timeout_seconds: int) -> Instance:
        """Make the same, and a timer of the host's systemd in place of the container."""
        return _Start(release).timer(when, timeout_seconds)


class _Start:
    """Makes the resources of one release."""

    def __init__(self, release: Release) -> None:
        self._release = release
        self._args = release.args
        self._remote = release.args.host.remote

    def instance(self) -> Instance:
        # A container that was made just before the engine died is not in its state: only what was
        # there before can take it away. Making this one opens no connection.
        jobs = [self._job_container(job) for job in self._args.jobs]
        leave = self._remote.step(
            f"{self._release.app}-leave-{self._release.id}",
            "container",
            {"containers": [self._release.name, *jobs]},
            up=False,
            down=True,
            opts=pulumi.ResourceOptions(parent=self._release.parent),
        )
        _, image, before = self._prepared(leave)
        container = docker.Container(
            f"{self._release.app}-{self._release.id}",
            image=image.stdout,
            **container_arguments(self._release),
            opts=pulumi.ResourceOptions.merge(
                self._remote.bound(),
                pulumi.ResourceOptions(
                    parent=self._release.parent,
                    provider=self._args.host.docker,
                    depends_on=before,
                    # A release is never replaced, only followed by another one. Should somebody
                    # have tampered with its container, `up` ends with "name is already in use",
                    # it goes on serving, and raising `revision` puts things right without a gap.
                    delete_before_replace=False,
                    # A release never changes its image: what the step prints again (after the
                    # SSH key was rotated, say) is the same, but a preview cannot know that.
                    ignore_changes=["image"],
                    hooks=self._remote.leftovers,
                    replace_on_changes=HALF_MADE,
                ),
            ),
        )
        return Instance(kind="docker", name=self._release.name, resource=container)

    def timer(self, when: Schedule, timeout_seconds: int) -> Instance:
        release, name = self._release, f"{self._release.name}.timer"
        networks, image, before = self._prepared()
        own = {
            "app": release.app,
            "release": release.id,
            "unit": f"{release.name}.service",
            "timer": name,
            "timeout_seconds": timeout_seconds,
        }
        # As for units: what takes away stands before the start, and opens no connection.
        leave = self._remote.step(
            f"{release.app}-leave-{release.id}",
            "timer",
            own,
            up=False,
            down=True,
            timeout_seconds=timeout_seconds + 120,
            opts=pulumi.ResourceOptions(parent=release.parent, depends_on=[image, *before]),
        )
        container = {
            **self._container(networks),
            "container": release.name,
            "command": list(self._args.command),
            "environment": environment(self._args.environment, self._args.secrets, release.id),
            "secrets": f"{release.folder}/secrets" if self._args.secrets else None,
            "system": self._remote.system,
            "stop_seconds": self._args.stop_seconds,
        }
        started = self._remote.step(
            f"{release.app}-timer-{release.id}",
            "timer",
            {
                **own,
                "timer_text": timer_text(release.own, release.id, when),
                "calendar": when.calendar,
                "container": container,
            },
            opts=pulumi.ResourceOptions(parent=release.parent, depends_on=[leave]),
        )
        return Instance(kind="systemd", name=name, resource=started)

    def _prepared(
        self, *first: pulumi.Resource
    ) -> tuple[list[PrivateNetwork], command.remote.Command, list[pulumi.Resource]]:
        """Make everything that comes before the release itself starts; jobs come after `first`."""
        own = PrivateNetwork(
            self._release.app,
            PrivateNetworkArgs(host=self._args.host),
            pulumi.ResourceOptions(parent=self._release.parent),
        )
        networks = [own, *self._args.networks]
        image = self._image()
        before: list[pulumi.Resource] = [*first, *(network.network for network in networks)]
        before += [volume.volume for volume in self._args.volumes.values()]
        before += self._args.after
        secrets = self._secrets()
        if secrets:
            before.append(secrets)
        for job in self._args.jobs:
            before += dumped(self._release, job, [image, *before])
            before.append(self._job(job, networks, image, before))
        return networks, image, before

    def _container(self, networks: Sequence[PrivateNetwork]) -> dict[str, Any]:
        """Return what the host's tools are told of every container that runs to its end."""
        args = self._args
        volumes = {path: volume.full_name for path, volume in args.volumes.items()}
        return {
            "networks": [network.full_name for network in networks],
            "user": user(args),
            "memory_mib": args.memory_mib,
            "cpus": args.cpus,
            "tmpfs": tmpfs(args.tmpfs_mib),
            **({"volumes": volumes} if volumes else {}),
        }

    def _image(self) -> command.remote.Command:
        release, args = self._release, self._args
        return image_step(
            release.parent,
            self._remote,
            app=release.app,
            release=release.id,
            image=args.image or "",
            memory_mib=args.memory_mib,
            keep=args.keep_images,
            login=args.registry,
        )

    def _secrets(self) -> command.remote.Command | None:
        """Write the secret files of the container and of its jobs, all in one step."""
        uid, gid = (int(number) for number in user(self._args).split(":"))
        folders = secret_folders(self._release, uid=uid, gid=gid)
        if not folders:
            return None
        return self._remote.step(
            f"{self._release.app}-secrets-{self._release.id}",
            "secretfiles",
            {"folders": folders},
            down=True,
            opts=pulumi.ResourceOptions(parent=self._release.parent),
        )

    def _job_container(self, job: Job) -> str:
        """Return the name of a job's container; the same for all releases."""
        return f"{self._release.own}-{job.name}"

    def _job(
        self,
        job: Job,
        networks: Sequence[PrivateNetwork],
        image: command.remote.Command,
        before: Sequence[pulumi.Resource],
    ) -> command.remote.Command:
        """Run one job; `before` holds the jobs that come first."""
        return self._remote.step(
            f"{self._release.app}-{job.name}-{self._release.id}",
            "job",
            {
                **job_spec(self._release, job),
                "container": self._job_container(job),
                "image": image.stdout,
                "command": list(job.command),
                "environment": environment(job.environment, job.secrets, self._release.id),
                "secrets": f"{self._release.folder}/{job.name}-secrets" if job.secrets else None,
                **self._container(networks),
            },
            timeout_seconds=job.timeout_seconds + 120,
            opts=pulumi.ResourceOptions(parent=self._release.parent, depends_on=[image, *before]),
        )
