"""What is deployed where there is no image: files whose content is known by hash at plan time.

Guaranteed: what lies on the host is exactly what the hash names; it is there as a whole or not at
all, owned by root, and never changes; an artefact that did not change opens no connection.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping

import pulumi
import pulumi_command as command

from . import names
from .artefact_source import TAR, Source
from .host import Host

_FREE_DISK_MIB = 1024
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ArtefactArgs:
    """What it is and where it goes."""

    host: Host
    """The machine that gets it."""
    source: Source
    """LocalSource, UrlSource or GitSource. Archives (.tar, .tar.gz, .tgz, .tar.xz, .tar.bz2, .zip)
    are unpacked; any other file stays one, and may be run unless it is a wheel."""
    strip_components: int = 0
    """How many leading folders of each name to drop, as in tar."""
    keep: int = 3
    """How many versions stay on the host for a way back, the present one included."""

    def __post_init__(self) -> None:
        if not 0 <= self.strip_components <= 16:
            msg = f"Artefact: strip_components: must be from 0 to 16 (got {self.strip_components})"
            raise ValueError(msg)
        if not 1 <= self.keep <= 100:
            msg = f"Artefact: keep: must be from 1 to 100 (got {self.keep})"
            raise ValueError(msg)
        name = self.source.file_name()
        if not _FILE_NAME.fullmatch(name):
            msg = f"Artefact: source: {name!r} is no usable file name; use letters, digits and ._+-"
            raise ValueError(msg)
        if self.strip_components and form_of(name) == "file":
            msg = f"Artefact: strip_components: {name} is no archive; leave it out"
            raise ValueError(msg)


class Artefact(pulumi.ComponentResource):
    """Files on a host in a folder that is named by their content; shared by all that run them.

    A changed content is another folder beside the old one, which goes when nothing uses it and it
    is not among the newest. Nothing that an unprivileged account can change is trusted on the way.
    """

    id: str
    """Sixteen hexadecimal digits that change whenever the content does; known at plan time."""
    folder: str
    """Its own folder on the host; whoever runs it may put there what is made of it."""
    path: str
    """The folder in that one that holds the files; readable by all, changed by nobody."""
    step: command.remote.Command
    """What brings it there, for whatever uses it to depend on."""

    def __init__(
        self, name: str, args: ArtefactArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:artefact:Artefact", name, {}, opts)
        remote = args.host.remote
        names.check_label("artefact", name)
        content = args.source.spec()
        self._args = args
        self._full_name = f"{remote.system}/{name}"
        self.id = identity(args, content)
        self.folder = f"{remote.folder}/artefacts/{name}/{self.id}"
        self.path = f"{self.folder}/files"
        file_name = args.source.file_name()
        before: list[pulumi.Resource] = []
        local = args.source.upload(content.get("sha256", ""))
        if local is not None:
            content["upload"] = f".homeport-{remote.system}-{name}-{self.id}"
            before.append(
                remote.upload(
                    f"{name}-upload-{self.id}",
                    local,
                    content["upload"],
                    opts=pulumi.ResourceOptions(parent=self),
                )
            )
        self.step = remote.step(
            f"{name}-artefact-{self.id}",
            "artefact",
            {
                "name": name,
                "id": self.id,
                "source": content,
                "form": form_of(file_name),
                "file": file_name,
                "strip": args.strip_components,
                "keep": args.keep,
                "disk_mib": _FREE_DISK_MIB,
            },
            down=True,
            timeout_seconds=1800,
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )
        self.register_outputs({"id": self.id, "folder": self.folder, "path": self.path})

    @property
    def host(self) -> Host:
        """The machine that gets it."""
        return self._args.host

    @property
    def full_name(self) -> str:
        """What tells it from all others, whatever it holds: `<system>/<name>`."""
        return self._full_name

    def contains(self, path: str) -> bool | None:
        """Return whether it holds a file or folder, by its path on the host below `path`.

        None says that nobody knows before the host has it.
        """
        packed = self._args.source.names()
        if packed is None:
            return None
        strip = self._args.strip_components
        return path in {"/".join(name.split("/")[strip:]) for name in packed}


def form_of(file_name: str) -> str:
    """Return how a file is packed: `tar`, `zip`, or `file` for not at all."""
    if file_name.endswith(TAR):
        return "tar"
    return "zip" if file_name.endswith(".zip") else "file"


def identity(args: ArtefactArgs, content: Mapping[str, str]) -> str:
    """Return what changes whenever the files on the host would; where they come from is no part."""
    name = args.source.file_name()
    form = form_of(name)
    known = {
        "content": content.get("sha256") or content["commit"],
        "form": form,
        "file": name if form == "file" else "",
        "strip": args.strip_components,
    }
    text = json.dumps(known, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
