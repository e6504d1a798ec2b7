"""An image that the host builds itself, of files that are known by hash at plan time.

Guaranteed: what would make another image makes another reference, and so another release; an image
that is there is not built again; a build that fails changes nothing that serves. Nothing of it is
secret: who has the image can read its arguments.
"""

import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from . import release
from .artefact import Artefact
from .registry import qualified

BASE = "BASE"
"""The argument by which a Dockerfile is told what it is built onto."""
SMALLEST_MEMORY_MIB = 64
FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
"""The path of a Dockerfile in its context."""
_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageBuild:
    """How an image is made, where no registry has it."""

    context: Artefact
    """The folder that holds the Dockerfile and what it copies; a `.dockerignore` is obeyed."""
    file: str = "Dockerfile"
    """The Dockerfile, from the folder on."""
    base: str | None = None
    """The image that it is built onto: `name:tag`, better with `@sha256:...`. The Dockerfile gets
    it as the argument BASE; None where it names its images alone."""
    arguments: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Further arguments of the Dockerfile; never a secret."""
    memory_mib: int = 1024
    """Limit of each step of the build, which the host must have free."""

    def __post_init__(self) -> None:
        """Refuse what could not be built.

        Raises:
            ValueError: naming the field, the rule, the value and the cure.
        """
        try:
            self._check()
        except ValueError as error:
            msg = f"ImageBuild: {error}"
            raise ValueError(msg) from None

    def _check(self) -> None:
        if self.base is not None:
            release.check_image(self.base)
        if not FILE.fullmatch(self.file):
            msg = f"file: must be a path inside the context, such as Dockerfile (got {self.file!r})"
            raise ValueError(msg)
        if self.context.contains(self.file) is False:
            msg = f"file: the context has no {self.file}; add it there, or name another one"
            raise ValueError(msg)
        for name, value in self.arguments.items():
            if not _ARGUMENT.fullmatch(name):
                msg = f"arguments: {name!r} is no name; use letters, digits and underscores"
                raise ValueError(msg)
            if "\n" in value:
                msg = f"arguments: {name} has more than one line; put it into a file of the context"
                raise ValueError(msg)
        if self.base is not None and BASE in self.arguments:
            msg = f"arguments: {BASE} is set by base; remove one of them"
            raise ValueError(msg)
        if self.memory_mib < SMALLEST_MEMORY_MIB:
            msg = f"memory_mib: must be at least {SMALLEST_MEMORY_MIB} (got {self.memory_mib})"
            raise ValueError(msg)

    @functools.cached_property
    def reference(self) -> str:
        """The image's name on the host: its tag changes whenever the image would."""
        made_of = {
            "context": self.context.id,
            "file": self.file,
            "base": self.base,
            "arguments": dict(self.arguments),
        }
        digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
        return f"localhost/{self.context.full_name}:{digest[:16]}"

    def spec(self, *, podman: bool) -> dict[str, Any]:
        """Return the build as the host's tool takes it."""
        base = qualified(self.base) if self.base and podman else self.base
        return {
            "context": self.context.path,
            "file": self.file,
            "base": base,
            "arguments": dict(self.arguments),
            "memory_mib": self.memory_mib,
        }
