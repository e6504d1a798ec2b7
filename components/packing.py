"""Packs a folder the same way every time, so that its hash tells whether anything in it changed.

The hash covers names, contents, links and whether a file may be run: what arrives on a host. Times,
owners and other permissions are left out, since they differ from one checkout to the next.
"""

import hashlib
import os
import stat
import tarfile
from pathlib import Path
from typing import IO

LEFT_OUT = frozenset({".git", ".homeport", "__pycache__"})
"""Never part of an artefact: they differ from one checkout, and from one run, to the next."""


class _Hashing:
    """Takes what is written and remembers its hash only."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return len(data)


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_folder(folder: Path) -> str:
    """Return the SHA-256 of the archive that `pack` would make."""
    hashing = _Hashing()
    write_tar(folder, hashing)  # type: ignore[arg-type]  # tarfile asks for nothing but `write`
    return hashing.digest.hexdigest()


def pack(folder: Path, archive: Path, sha256: str) -> None:
    """Write the archive of a folder, unless it is there.

    Raises:
        ValueError: the folder has changed since it was hashed.
    """
    if archive.is_file():
        return
    archive.parent.mkdir(parents=True, exist_ok=True)
    fresh = archive.with_name(f"{archive.name}.{os.getpid()}")
    try:
        with fresh.open("wb") as file:
            write_tar(folder, file)
        if sha256_of_file(fresh) != sha256:
            msg = f"artefact: {folder} changed while it was packed; run the command again"
            raise ValueError(msg)
        fresh.replace(archive)
    finally:
        fresh.unlink(missing_ok=True)


def write_tar(folder: Path, target: IO[bytes]) -> None:
    """Write a folder as an archive without anything that could differ between two machines.

    Raises:
        ValueError: it holds what is neither file nor folder nor a link that stays inside.
    """
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for path in members(folder):
            name = path.relative_to(folder).as_posix()
            entry = tarfile.TarInfo(name)
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                entry.type, entry.linkname, entry.mode = (
                    tarfile.SYMTYPE,
                    str(path.readlink()),
                    0o777,
                )
                archive.addfile(entry)
            elif stat.S_ISDIR(status.st_mode):
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(entry)
            elif stat.S_ISREG(status.st_mode):
                entry.size = status.st_size
                entry.mode = 0o755 if status.st_mode & 0o111 else 0o644
                with path.open("rb") as content:
                    archive.addfile(entry, content)
            else:
                msg = f"artefact: {path} is neither file nor folder nor link; leave it out"
                raise ValueError(msg)


def members(folder: Path) -> list[Path]:
    """Return everything in a folder, sorted by name; links are not followed."""
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        found += [Path(root) / name for name in (*folders, *files)]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())
