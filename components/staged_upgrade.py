"""An upgrade of an app that somebody else installed, through versions that migrate its data.

It is tried on a copy first; the real one ends at the last version, or exactly as it was.
"""

import dataclasses
import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_command as command

from . import names
from .host import Host
from .image import image_step
from .registry import RegistryLogin
from .staged_parts import Answers, Bucket, Stage

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
_BACKUP_SECONDS = 3600


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class StagedUpgradeArgs:
    """What is upgraded, and through what."""

    host: Host
    """The machine on which it runs, in Docker."""
    container: str
    """The app's container."""
    version: str
    """The version that it has before the first stage."""
    database_container: str
    """The container of its PostgreSQL, which the app calls by name."""
    database: str
    """The database there."""
    answers: Answers
    """How it is asked."""
    stages: Sequence[Stage]
    """The versions in order; the last one stays."""
    volumes: Sequence[str] = ()
    """All volumes, and folders of the host, that the app writes to."""
    files: Sequence[str] = ()
    """Files of the host that are backed up too: certificate, compose and environment files."""
    bucket: Bucket | None = None
    """Whose objects are listed in the backup; they are not copied."""
    counts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Queries by label that each version has to answer like the first: `SELECT count(*) …`."""
    registry: RegistryLogin | None = None
    """The login for the images."""
    proceed: bool = False
    """Whether the app is upgraded; otherwise it is backed up and tried on the copy alone."""
    keep_way_back: bool = True
    """Whether old container and database stay, out of the way, after an upgrade that is done."""
    revision: int = 1
    """Raising it makes a new backup and a new trial."""

    def __post_init__(self) -> None:
        """Refuse what cannot be found, or is no way from one version to another.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        for field in ("container", "database_container"):
            if not _NAME.fullmatch(getattr(self, field)):
                msg = f"{field}: must be a container's name (got {getattr(self, field)!r})"
                raise ValueError(msg)
        if not self.database:
            msg = "database: must not be empty; name the app's database"
            raise ValueError(msg)
        versions = [self.version, *(stage.version for stage in self.stages)]
        if len(versions) < 2 or len(set(versions)) < len(versions):
            msg = f"stages: must name at least one version, and none twice (got {versions})"
            raise ValueError(msg)
        for name in self.volumes:
            if not (_NAME.fullmatch(name) or _is_path(name)):
                msg = f"volumes: {name!r} is neither a volume's name nor an absolute plain path"
                raise ValueError(msg)
        for path in self.files:
            if not _is_path(path):
                msg = f"files: {path!r} is not absolute and plain; write it like /srv/app/.env"
                raise ValueError(msg)
        for stage in self.stages:
            if unknown := set(stage.counts) - set(self.counts):
                msg = f"stage {stage.version}: counts: {sorted(unknown)} is not among `counts`"
                raise ValueError(msg)


class StagedUpgrade(pulumi.ComponentResource):
    """The app runs its last version with all its data, or runs exactly as it did before.

    All images are pulled, the app is backed up and the backup restored, and every version tried on
    a copy, while it serves. Then, with `proceed`, it stops, and nobody reaches it before the last
    version is well; when one is not, container, database and volumes are what they were. Removing
    this resource leaves the app, and its backups, as they are.
    """

    target: str
    """The version that it comes to."""

    def __init__(
        self, name: str, args: StagedUpgradeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:staged_upgrade:StagedUpgrade", name, {}, opts)
        names.check_label("staged upgrade", name)
        remote, self.target = args.host.remote, args.stages[-1].version
        remote.claims.take("app name", name, f"staged upgrade {name}", cure="rename one of them")
        remote.claims.take("upgraded container", args.container, name, cure="upgrade it once")
        self._name, self._args = name, args
        images = [
            image_step(
                self,
                remote,
                app=name,
                release=stage.version,
                image=stage.image,
                # It takes the place of the one that runs.
                memory_mib=0,
                login=args.registry,
            )
            for stage in args.stages
        ]
        spec = document(name, args)
        bucket = dataclasses.asdict(args.bucket) if args.bucket else None
        also = {"files": list(args.files), "bucket": bucket, "revision": args.revision}
        # Taking it away brings back an app that a run which was cut off had stopped.
        backup = self._step("backup", {**spec, **also}, images, down=True)
        trial = self._step("trial", {**spec, "revision": args.revision}, [*images, backup])
        if args.proceed:
            self._step("run", {**spec, "keep_way_back": args.keep_way_back}, [trial])
        self.register_outputs({"target": self.target})

    def _step(
        self,
        role: str,
        spec: Mapping[str, Any],
        after: Sequence[pulumi.Resource],
        *,
        down: bool = False,
    ) -> command.remote.Command:
        stages = sum(stage.timeout_seconds for stage in self._args.stages)
        return self._args.host.remote.step(
            f"{self._name}-{role}",
            f"staged{role}",
            spec,
            down=down,
            progress=True,
            timeout_seconds=2 * _BACKUP_SECONDS + stages,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
        )


def document(name: str, args: StagedUpgradeArgs) -> dict[str, Any]:
    """Return what each of the tools is told."""
    answers = args.answers
    return {
        "name": name,
        "container": args.container,
        "version": args.version,
        "database": {"container": args.database_container, "name": args.database},
        "probe": {
            "port": answers.port,
            "path": answers.path,
            "version_key": answers.version_key,
            "api_path": answers.api_path,
            "api_headers": dict(answers.api_headers),
        },
        "stages": [
            {
                "version": stage.version,
                "image": stage.image,
                "environment": dict(stage.environment),
                "counts": dict(stage.counts),
                "timeout_seconds": stage.timeout_seconds,
            }
            for stage in args.stages
        ],
        "volumes": list(args.volumes),
        "counts": dict(args.counts),
        "timeout_seconds": _BACKUP_SECONDS,
    }


def _is_path(text: str) -> bool:
    return text.startswith("/") and posixpath.normpath(text) == text and text != "/"
