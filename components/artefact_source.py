"""Where an artefact comes from; whatever it is, its content is known by hash at plan time."""

import abc
import dataclasses
import re
import tarfile
import zipfile
from pathlib import Path

from . import packing

TAR = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
"""What the names of archives end with, beside .zip."""

_CACHE = Path(".homeport/artefacts")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HTTPS = re.compile(r"https://[^\s/@?#]+(?::[0-9]{1,5})?/[^\s@]*")


class Source(abc.ABC):
    """Where an artefact comes from."""

    @abc.abstractmethod
    def spec(self) -> dict[str, str]:
        """Return what the host has to know to get and to check it; `kind` is one of its keys."""

    @abc.abstractmethod
    def file_name(self) -> str:
        """Return the name that tells how it is packed."""

    def upload(self, sha256: str) -> Path | None:  # noqa: ARG002 - for those that travel
        """Return the file on this machine that has to travel, if there is one."""
        return None

    def names(self) -> frozenset[str] | None:
        """Return the names of all that it holds, as packed; None when only the host knows."""
        return None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LocalSource(Source):
    """A file or a folder of this machine: what a build left, or what lies in the repository."""

    path: str
    """Relative to the program. Of a folder everything goes but .git, .homeport and __pycache__."""

    def __post_init__(self) -> None:
        if not Path(self.path).exists():
            msg = f"Artefact: source: there is no {self.path!r}; build it first, or correct path"
            raise ValueError(msg)

    def spec(self) -> dict[str, str]:
        """Return its hash, taken now."""
        path = Path(self.path)
        folder = path.is_dir()
        digest = packing.sha256_of_folder(path) if folder else packing.sha256_of_file(path)
        return {"kind": "upload", "sha256": digest}

    def file_name(self) -> str:
        """Return the file's own name; a folder travels as an archive."""
        path = Path(self.path)
        return "folder.tar" if path.is_dir() else path.name

    def upload(self, sha256: str) -> Path:
        """Return the file itself, or an archive of the folder, made when it is not there yet."""
        path = Path(self.path)
        if not path.is_dir():
            return path
        archive = _CACHE / f"{sha256}.tar"
        packing.pack(path, archive, sha256)
        return archive

    def names(self) -> frozenset[str]:
        """Look into the folder or the archive."""
        own = Path(self.path)
        if own.is_dir():
            found = [path.relative_to(own).as_posix() for path in packing.members(own)]
        elif own.name.endswith(TAR):
            with tarfile.open(own) as archive:
                found = [name.removeprefix("./") for name in archive.getnames()]
        elif own.name.endswith(".zip"):
            with zipfile.ZipFile(own) as zipped:
                found = [name.rstrip("/") for name in zipped.namelist()]
        else:
            found = [own.name]
        return frozenset(found)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class UrlSource(Source):
    """A file that the host downloads."""

    url: str
    """Begins with https:// and holds no password; its last part is the file's name."""
    sha256: str
    """The only content that is accepted: 64 hexadecimal digits."""

    def __post_init__(self) -> None:
        if not _HTTPS.fullmatch(self.url):
            msg = f"Artefact: source: url must begin with https://, without user (got {self.url!r})"
            raise ValueError(msg)
        if not _SHA256.fullmatch(self.sha256):
            msg = (
                "Artefact: source: sha256 must be 64 hexadecimal digits in lower case, as "
                f"`sha256sum` prints them (got {self.sha256!r})"
            )
            raise ValueError(msg)

    def spec(self) -> dict[str, str]:
        """Return address and hash."""
        return {"kind": "url", "url": self.url, "sha256": self.sha256}

    def file_name(self) -> str:
        """Return the last part of the address."""
        return re.split(r"[?#]", self.url)[0].rpartition("/")[2]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class GitSource(Source):
    """The files of one commit, without history and submodules."""

    url: str
    """Begins with https:// and holds no password; the host reads it with its own rights."""
    commit: str
    """The whole name of the commit: 40 hexadecimal digits. Branches and tags move."""

    def __post_init__(self) -> None:
        if not _HTTPS.fullmatch(self.url):
            msg = f"Artefact: source: url must begin with https://, without user (got {self.url!r})"
            raise ValueError(msg)
        if not _COMMIT.fullmatch(self.commit):
            msg = (
                "Artefact: source: commit must be the whole name of a commit, 40 hexadecimal "
                f"digits, as `git rev-parse HEAD` prints it (got {self.commit!r})"
            )
            raise ValueError(msg)

    def spec(self) -> dict[str, str]:
        """Return address and commit."""
        return {"kind": "git", "url": self.url, "commit": self.commit}

    def file_name(self) -> str:
        """Return the name of the archive that the host makes of it."""
        return "commit.tar"
