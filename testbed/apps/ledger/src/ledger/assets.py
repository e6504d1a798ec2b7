"""Static files under names that hold their content's hash, so that they may be kept for ever."""

import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of this release."""

    name: str
    hashed_name: str
    content: bytes
    media_type: str


@cache
def all_assets() -> dict[str, Asset]:
    """Reads every file once; the keys are the plain names."""
    return {path.name: _read(path) for path in sorted(FOLDER.iterdir()) if path.is_file()}


def url(name: str) -> str:
    """Says where a page finds the file, relative to the root."""
    return f"/assets/{all_assets()[name].hashed_name}"


def find(requested: str) -> tuple[Asset, bool] | None:
    """Finds a file by plain or hashed name; the flag tells whether the hash is this release's.

    A page of one release may ask for its files just when another release has taken over: it gets
    that release's file rather than an error, but must not keep it under the old name.
    """
    plain = re.sub(r"\.[0-9a-f]{12}(?=\.[a-z0-9]+$)", "", requested)
    asset = all_assets().get(plain)
    return None if asset is None else (asset, asset.hashed_name == requested)


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:12]
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(path.name, f"{path.stem}.{digest}{path.suffix}", content, media_type)
