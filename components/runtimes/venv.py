"""A virtual environment, made on the host of exactly what an artefact pins."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Sequence

from ..artefact import Artefact

_PATH = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*(?:/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)*")
_GLOB = re.compile(r"[A-Za-z0-9_+*-][A-Za-z0-9._+*/-]*\.whl")
_PYTHON = re.compile(r"python3(?:\.[0-9]{1,2})?")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Venv:
    """Packages of a lock file with hashes, as wheels only: nothing of them runs when installed."""

    requirements: str = "requirements.lock"
    """The lock file in the artefact: every version pinned, every line with its hashes."""
    wheels: str | None = "wheels"
    """The folder in the artefact that holds the packages; None takes them from the index that the
    host is set up for, PyPI as a rule."""
    install: Sequence[str] = ("*.whl",)
    """Patterns of wheels in the artefact that are installed besides, without dependencies: the app
    itself. Where nothing fits, the app runs from the artefact's folder."""
    python: str = "python3"
    """The interpreter, such as `python3.11`; Debian's packages for it are installed if missing."""

    def __post_init__(self) -> None:
        for field, value in (("requirements", self.requirements), ("wheels", self.wheels)):
            if value is not None and not _PATH.fullmatch(value):
                msg = f"Venv: {field}: must be a plain path in the artefact (got {value!r})"
                raise ValueError(msg)
        for pattern in self.install:
            if not _GLOB.fullmatch(pattern) or ".." in pattern:
                msg = f"Venv: install: must be a pattern in the artefact, *.whl (got {pattern!r})"
                raise ValueError(msg)
        if not _PYTHON.fullmatch(self.python):
            msg = f"Venv: python: must be python3 or python3.<minor> (got {self.python!r})"
            raise ValueError(msg)

    def check(self, artefact: Artefact) -> None:
        """Refuse an artefact of which is known that it lacks what is needed.

        Raises:
            ValueError: naming what is missing and the cure.
        """
        if artefact.contains(self.requirements) is False:
            msg = (
                f"venv: the artefact holds no {self.requirements}; add it (`uv pip compile "
                "--generate-hashes`), or say where it is with Venv(requirements=...)"
            )
            raise ValueError(msg)
        if self.wheels and artefact.contains(self.wheels) is False:
            msg = (
                f"venv: the artefact holds no folder {self.wheels}; add it (`pip download`), or "
                "take packages from the index with Venv(wheels=None)"
            )
            raise ValueError(msg)

    def folder(self, artefact: Artefact) -> str:
        """Return where it lies: beside the files, shared by all that want the same."""
        text = json.dumps(self.spec(), sort_keys=True)
        return f"{artefact.folder}/venv-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def spec(self) -> dict[str, object]:
        """Return it as the host's tool takes it."""
        return {
            "requirements": self.requirements,
            "wheels": self.wheels,
            "install": list(self.install),
            "python": self.python,
        }
