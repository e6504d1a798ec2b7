"""Variants of a file that the proxy sends to those who understand them: .gz, .br and .zst.

gzip is always made. Brotli and Zstandard are where the artefact brings them or the host has the
command. What an artefact brings is compared with the file, as far as the host can unpack it.
"""

import gzip
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import IO

from _homeport import fail, installed, run

PACK = {
    ".br": ["brotli", "--quality=11", "--force", "--output={out}", "{file}"],
    ".zst": ["zstd", "-19", "--quiet", "--force", "-o", "{out}", "{file}"],
}
UNPACK = {
    ".gz": ["gzip", "-dc", "{file}"],
    ".br": ["brotli", "-dc", "{file}"],
    ".zst": ["zstd", "-dcq", "{file}"],
}
PACKED = (
    *(".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".mp3", ".mp4", ".webm", ".ogg"),
    *(".woff", ".woff2", ".zip", ".gz", ".br", ".zst", ".xz", ".bz2", ".7z", ".pdf"),
)
"""What is compressed in itself."""
SMALLEST_BYTES = 256
WORTH_IT = 0.95
CHUNK = 2**20


def make(file: Path, endings: "list[str]") -> None:
    """Make the variants with these endings that the host can make, and that are worth it."""
    size = file.stat().st_size
    if size < SMALLEST_BYTES or file.suffix.lower() in PACKED:
        return
    for ending in endings:
        out = Path(f"{file}{ending}")
        if ending == ".gz":
            pack_gzip(file, out)
        elif installed(PACK[ending][0]):
            run([word.format(file=file, out=out) for word in PACK[ending]])
        if out.exists() and out.stat().st_size > WORTH_IT * size:
            out.unlink()


def pack_gzip(file: Path, out: Path) -> None:
    """Compress a file the same way every time."""
    with (
        file.open("rb") as plain,
        out.open("wb") as target,
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=target, mtime=0) as packed,
    ):
        shutil.copyfileobj(plain, packed, CHUNK)


def compare(variant: Path, ending: str, sha256: str, name: str) -> None:
    """End the step when a variant that was brought is not the file; unknown is taken on trust."""
    argv = [word.format(file=variant) for word in UNPACK[ending]]
    if not installed(argv[0]):
        return
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        digest = sha256_of(process.stdout)
    if process.returncode != 0 or digest != sha256:
        what = f"{name}{ending} of the artefact is not {name} compressed"
        fail(what, "", "build the artefact anew, or leave its compressed files out")


def sha256_of(stream: "IO[bytes] | None") -> str:
    """Return the hash of what can be read from here."""
    digest = hashlib.sha256()
    while stream is not None and (chunk := stream.read(CHUNK)):
        digest.update(chunk)
    return digest.hexdigest()


def date(path: Path) -> str:
    """Give a file a time that is made of its content, and return the content's hash.

    Proxies make an ETag of time and size: so it is the same in every release and on every host as
    long as the content is, and another one as soon as that changes, whatever the build's times are.
    """
    with path.open("rb") as file:
        sha256 = sha256_of(file)
    seconds = 1_000_000_000 + int(sha256[:12], 16) % 700_000_000
    os.utime(path, (seconds, seconds))
    return sha256
