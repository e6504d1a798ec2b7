"""What apps and workers have in common: the contract between what is deployed and where it runs."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from . import environment_contract, release
from .artefact import Artefact
from .environment_contract import Contract
from .host import Host
from .image import image_name
from .image_build import ImageBuild
from .job import Job, check_environment, check_secrets
from .network import PrivateNetwork
from .registry import RegistryLogin, serves
from .runtimes.runtime import Runtime
from .secrets import Secret
from .volume import Volume

_FOLDER = re.compile(r"(/[A-Za-z0-9_.-]+)+")
_USER = re.compile(r"\d{1,9}:\d{1,9}")
_RESERVED_JOBS = {
    *("image", "artefact", "upload", "venv", "secrets", "network"),
    *("unit", "timer", "start", "stop", "leave"),
    *("route", "drain", "switch", "settle"),
}
SMALLEST_MEMORY_MIB = 6
"""Docker refuses less."""
MOST_IMAGES = 100


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class WorkloadArgs:
    """What everything that runs on needs to be told."""

    host: Host
    """The machine that it runs on."""
    image: str | ImageBuild | None = None
    """`name:tag` or `name:tag@sha256:...`, and each release resolves a tag once, when it pulls; or
    how the host builds it."""
    artefact: Artefact | None = None
    """What is deployed where there is no image; exactly one of both is needed."""
    runtime: Runtime | None = None
    """What runs it; None is Docker for an image, systemd for an artefact."""
    memory_mib: int
    """Limit; it is stopped when it needs more. It gets no swap."""
    cpus: float | None = None
    """Limit in processors; None is all of them."""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Plain values; RELEASE and, for apps, PORT are set besides."""
    secrets: Mapping[str, Secret] = dataclasses.field(default_factory=dict)
    """Each is a file that its account alone reads; the variable NAME_FILE says where."""
    secret_paths: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Further paths in the container of an app or a worker, each with the name of the secret that
    is found there too: for images that look for a file in a place of their own."""
    contract: Contract = dataclasses.field(default_factory=dict)
    """What its environment has to hold; checked here, and again in the release before it serves."""
    networks: Sequence[PrivateNetwork] = ()
    """Joined besides the network of its own, which every workload has."""
    user: str | None = None
    """Numeric user and group of a container, such as 999:999; None is 10001:10001. A unit has an
    account by name, which its runtime says."""
    command: Sequence[str] = ()
    """Replaces the image's command; what runs of an artefact."""
    tmpfs_mib: Mapping[str, int] = dataclasses.field(default_factory=lambda: {"/tmp": 64})  # noqa: S108
    """Folders in memory that it may write to; everything else is read-only."""
    volumes: Mapping[str, Volume] = dataclasses.field(default_factory=dict)
    """Folders whose content stays from release to release, each with the volume that holds it."""
    jobs: Sequence[Job] = ()
    """Run in this order, once per release, before it starts."""
    registry: RegistryLogin | None = None
    """Opens the registry that the image comes from."""
    keep_images: int | None = None
    """How many images of releases that left stay on the host, so that a way back needs no registry;
    None is 3. An artefact says it itself."""
    stop_seconds: int = 10
    """Between SIGTERM and SIGKILL."""
    after: Sequence[pulumi.Resource] = ()
    """What has to be there before its jobs and its container; the image is pulled meanwhile."""
    revision: int = 1
    """Raise it to deploy again what is otherwise unchanged."""

    def __post_init__(self) -> None:
        """Refuse what no host could run.

        Raises:
            ValueError: naming component, field, rule, value and, where one exists, the cure.
        """
        try:
            self._check()
        except ValueError as error:
            msg = f"{type(self).__name__.removesuffix('Args')}: {error}"
            raise ValueError(msg) from None

    def _check(self) -> None:
        if (self.image is None) == (self.artefact is None):
            msg = "image, artefact: exactly one of both says what is deployed"
            raise ValueError(msg)
        if self.image is not None:
            _check_image(self.image, self.host)
        check_environment("environment", self.environment)
        check_secrets("secrets", self.secrets, self.environment)
        environment_contract.check(self.contract, self.environment, self.secrets)
        _check_limits(self)
        _check_jobs(self.jobs, self.host)
        if self.user is not None and not _USER.fullmatch(self.user):
            msg = f"user: must be numeric, as in 10001:10001 (got {self.user!r})"
            raise ValueError(msg)
        for path, mib in self.tmpfs_mib.items():
            if not path.startswith("/") or path.startswith("/run/secrets") or mib < 1:
                msg = (
                    "tmpfs_mib: needs absolute paths outside /run/secrets and at least 1 MiB "
                    f"(got {path!r}: {mib})"
                )
                raise ValueError(msg)
        _check_volumes(self.volumes, self.tmpfs_mib)
        _check_paths(self)
        if self.registry:
            _check_registry(self.image, self.registry.registry)


def configuration(args: WorkloadArgs, rendered: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a release's id is made of: the rendered instance and what has no place in it."""
    return {
        "instance": rendered,
        "image": image_name(args.image) if args.image else None,
        **({"artefact": args.artefact.id} if args.artefact else {}),
        "secrets": {name: secret.version for name, secret in args.secrets.items()},
        "jobs": [job.configuration() for job in args.jobs],
        "revision": args.revision,
    }


def _check_image(image: str | ImageBuild, host: Host) -> None:
    if isinstance(image, str):
        release.check_image(image)
    elif image.context.host.remote is not host.remote:
        there, here = image.context.host.name, host.name
        msg = f"image: its context is on {there}; make an Artefact on {here}, which builds it"
        raise ValueError(msg)


def _check_registry(image: str | ImageBuild | None, registry: str) -> None:
    # Which images a Dockerfile names by itself, only the host sees.
    pulled = image.base if isinstance(image, ImageBuild) else image or ""
    if pulled is not None and not serves(registry, pulled):
        msg = f"registry: {pulled or 'what is deployed'} is not pulled from {registry}"
        raise ValueError(msg)


def _check_limits(args: WorkloadArgs) -> None:
    if args.memory_mib < SMALLEST_MEMORY_MIB:
        msg = f"memory_mib: must be at least {SMALLEST_MEMORY_MIB} (got {args.memory_mib})"
        raise ValueError(msg)
    cores = args.host.facts.cores
    if args.cpus is not None and not 0.01 <= args.cpus <= (cores or args.cpus):
        limit = f"from 0.01 to {cores}, what the host has" if cores else "at least 0.01"
        msg = f"cpus: must be {limit} (got {args.cpus})"
        raise ValueError(msg)
    if not 1 <= args.stop_seconds <= 600:
        msg = f"stop_seconds: must be from 1 to 600 (got {args.stop_seconds})"
        raise ValueError(msg)
    if args.keep_images is not None and not 0 <= args.keep_images <= MOST_IMAGES:
        msg = f"keep_images: must be from 0 to {MOST_IMAGES} (got {args.keep_images})"
        raise ValueError(msg)
    if args.revision < 1:
        msg = f"revision: must be at least 1 (got {args.revision})"
        raise ValueError(msg)


def _check_volumes(volumes: Mapping[str, Volume], tmpfs_mib: Mapping[str, int]) -> None:
    for path in volumes:
        if not _FOLDER.fullmatch(path) or path.startswith("/run/secrets"):
            msg = (
                "volumes: needs absolute paths of letters, digits, dots, hyphens and underscores "
                f"outside /run/secrets (got {path!r})"
            )
            raise ValueError(msg)
        if path in tmpfs_mib:
            msg = f"volumes: {path} is in tmpfs_mib too; keep one of them"
            raise ValueError(msg)


def _check_paths(args: WorkloadArgs) -> None:
    for path, name in args.secret_paths.items():
        if not _FOLDER.fullmatch(path) or ".." in path or path.startswith("/run/secrets"):
            msg = (
                "secret_paths: needs absolute paths of letters, digits, dots, hyphens and "
                f"underscores outside /run/secrets (got {path!r})"
            )
            raise ValueError(msg)
        if path in args.volumes or path in args.tmpfs_mib:
            msg = f"secret_paths: {path} is a folder of volumes or tmpfs_mib; choose a file"
            raise ValueError(msg)
        if name not in args.secrets:
            msg = f"secret_paths: {path}: {name!r} is none of secrets; add it there"
            raise ValueError(msg)


def _check_jobs(jobs: Sequence[Job], host: Host) -> None:
    seen = {f"{job.name}-dump" for job in jobs if job.dump}
    for job in jobs:
        if job.name in seen or job.name in _RESERVED_JOBS:
            why = "is there twice" if job.name in seen else "is a word of our own"
            msg = f"jobs: the name {job.name!r} {why}; choose another"
            raise ValueError(msg)
        seen.add(job.name)
        if job.dump and job.dump.host is not host:
            msg = (
                f"jobs: {job.name} dumps {job.dump.database}, which is on {job.dump.host.name}; "
                f"only databases on {host.name} itself can be dumped"
            )
            raise ValueError(msg)
