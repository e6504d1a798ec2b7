"""Unpacks an archive into a folder that is nobody's yet, and trusts nothing that it says.

A name that leads out of the folder, a device, a pipe, a link that ends outside, a name that is
there twice: each ends the step, and the caller throws the folder away. Owner and modes are ours:
root, 0755 for folders and for what may be run, 0644 for the rest; so nothing is setuid, and nothing
can be written to. Links come last, so that no file is ever written through one.
"""

import contextlib
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, NoReturn

from _homeport import fail
from _room import check_disk

BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError)
CURE = "pack the artefact again, with relative names, files, folders and inner links only"


class Entry(NamedTuple):
    """One thing of an archive."""

    name: str
    kind: str
    executable: bool
    size: int
    link: str
    open: Callable[[], "IO[bytes] | None"]


def unpack(archive: Path, form: str, target: Path, *, strip: int, spare_mib: int) -> None:
    """Make `target` hold what the archive holds; `strip` leading folders of each name are dropped.

    Raises:
        StepError: it cannot be read, holds what it must not, or would fill the disk.
    """
    target.mkdir(mode=0o755)
    links: list[tuple[Path, str]] = []
    try:
        with tar_entries(archive) if form == "tar" else zip_entries(archive) as entries:
            for entry in entries:
                place = inside(target, entry.name, strip)
                if place is not None:
                    if entry.kind != "link":
                        put(entry, place, target, spare_mib)
                    else:
                        links.append((place, entry.link))
    except BROKEN as error:
        fail(f"the artefact is no {form} archive that can be unpacked: {error}", "", CURE)
    for place, aim in links:
        make_folders(place.parent, target)
        if os.path.lexists(place):
            refuse(str(place.relative_to(target)), "is there twice")
        place.symlink_to(aim)
    for place, aim in links:
        check_link(place, aim, target)


def put(entry: Entry, place: Path, target: Path, spare_mib: int) -> None:
    """Write a file or a folder."""
    if entry.kind == "folder":
        make_folders(place, target)
        return
    make_folders(place.parent, target)
    content = entry.open() if entry.kind == "file" else None
    if content is None:
        refuse(entry.name, "is neither file nor folder nor link")
    check_disk(target, spare_mib, "an artefact", entry.size)
    try:
        with content, place.open("xb") as file:
            shutil.copyfileobj(content, file, 2**20)
    except FileExistsError:
        refuse(entry.name, "is there twice")
    place.chmod(0o755 if entry.executable else 0o644)


def make_folders(place: Path, target: Path) -> None:
    """Make a folder and those above it, all with the same mode."""
    if place == target or place.is_dir():
        return
    make_folders(place.parent, target)
    place.mkdir(mode=0o755)


def inside(target: Path, name: str, strip: int) -> Path | None:
    """Return where an entry belongs; None for what `strip` drops."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name:
        refuse(name, "leads out of the artefact")
    parts = [part for part in path.parts if part != "."][strip:]
    return target.joinpath(*parts) if parts else None


def check_link(place: Path, aim: str, target: Path) -> None:
    """Refuse a link that ends outside, whichever other links it passes."""
    ends = Path(os.path.realpath(place))
    root = Path(os.path.realpath(target))
    if PurePosixPath(aim).is_absolute() or (ends != root and root not in ends.parents):
        refuse(str(place.relative_to(target)), f"is a link that leads out of the artefact ({aim})")


def refuse(name: str, why: str) -> NoReturn:
    """End the step because of one entry."""
    fail(f"the artefact is refused: {name!r} {why}", "", CURE)


@contextlib.contextmanager
def tar_entries(archive: Path) -> Iterator[Iterator[Entry]]:
    """Give the entries of a tar archive; a hard link is the file that it names."""
    with tarfile.open(archive, "r:*") as opened:
        yield (
            Entry(
                member.name,
                tar_kind(member),
                bool(member.mode & 0o111),
                member.size,
                member.linkname,
                lambda member=member: opened.extractfile(member),  # type: ignore[misc]
            )
            for member in opened
        )


def tar_kind(member: tarfile.TarInfo) -> str:
    """Return what an entry of a tar archive is."""
    if member.isreg() or member.islnk():
        return "file"
    return "folder" if member.isdir() else "link" if member.issym() else "other"


@contextlib.contextmanager
def zip_entries(archive: Path) -> Iterator[Iterator[Entry]]:
    """Give the entries of a zip archive."""
    with zipfile.ZipFile(archive) as opened:
        yield (zip_entry(opened, info) for info in opened.infolist())


def zip_entry(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    """Return one entry of a zip archive; where it comes from Windows, all are plain files."""
    mode = info.external_attr >> 16
    kinds = {0: "file", stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
    kind = "folder" if info.is_dir() else kinds.get(stat.S_IFMT(mode), "other")
    if info.flag_bits & 1:
        refuse(info.filename, "is encrypted")
    aim = opened.read(info).decode(errors="replace") if kind == "link" else ""
    return Entry(
        info.filename, kind, bool(mode & 0o111), info.file_size, aim, lambda: opened.open(info)
    )
