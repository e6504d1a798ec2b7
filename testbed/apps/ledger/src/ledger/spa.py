"""The static build: the same page as plain files, which asks an API elsewhere at run time."""

import json
from pathlib import Path

from ledger import assets, pages


class NotEmptyError(Exception):
    """The folder holds something that this build did not make."""


def build(folder: Path, release: str, api_url: str = "") -> list[Path]:
    """Writes the build and returns its files.

    `env.js` alone differs between environments: the one file that must not be cached, and that a
    deploy may replace. An empty `api_url` means the origin that serves the files.

    Raises:
        NotEmptyError: The folder has files that are not of an earlier build.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / "env.js").is_file():
        msg = f"{folder} is not empty and holds no earlier build; name a new folder"
        raise NotEmptyError(msg)
    settings = {"apiUrl": api_url, "release": release}
    files = {
        "index.html": pages.render("spa.html").encode(),
        "env.js": f"window.ledgerEnvironment = {json.dumps(settings)};\n".encode(),
        "robots.txt": b"User-agent: *\nDisallow: /\n",
    }
    for asset in assets.all_assets().values():
        files[f"assets/{asset.hashed_name}"] = asset.content
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return [folder / name for name in sorted(files)]
