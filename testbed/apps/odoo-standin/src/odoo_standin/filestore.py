"""Attachments: their bytes lie in data_dir/filestore/<database>, named by what they are."""

import hashlib
import os
import tempfile
from pathlib import Path

from odoo_standin.config import Config


def root(config: Config, database: str) -> Path:
    """Return the folder of a database's files."""
    return config.data_dir / "filestore" / database


def put(config: Config, database: str, content: bytes) -> str:
    """Store content unless it is there already; return its name in the folder."""
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    name = f"{digest[:2]}/{digest}"
    path = root(config, database) / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(draft).replace(path)
    return name


def get(config: Config, database: str, name: str) -> bytes:
    """Return content.

    Raises:
        FileNotFoundError: the database knows of it, the folder does not.
    """
    return (root(config, database) / name).read_bytes()
