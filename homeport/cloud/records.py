"""What the machinery must remember between two runs of the API's process, in one file."""

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic


class ServerRecord(pydantic.BaseModel):
    """One server: whether it shall run, and what is plugged in each time that it starts."""

    on: bool = True
    """Whether the power is on; a system that stops by itself turns it off."""
    networks: dict[int, str] = {}
    """Private networks by id, and the address there."""
    volumes: list[int] = []
    """Volumes that are attached."""


class VolumeRecord(pydantic.BaseModel):
    """One volume: a file with a loop device before it."""

    device: str
    """The loop device, `/dev/loop<n>`."""
    server: int | None = None
    """The server that it is attached to."""


class BoxRecord(pydantic.BaseModel):
    """One storage box: an account."""

    username: str
    uid: int
    password_hash: str
    ssh_keys: list[str]


class Records(pydantic.BaseModel):
    """Everything, by the API's ids."""

    servers: dict[int, ServerRecord] = {}
    volumes: dict[int, VolumeRecord] = {}
    networks: dict[int, str] = {}
    """Private networks and their ranges."""
    boxes: dict[int, BoxRecord] = {}
    firewalls: dict[int, list[dict[str, Any]] | None] = {}
    """Rules by server, as they were given; None is no firewall."""


class Book:
    """The file with the records; one writer at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()

    def read(self) -> Records:
        """Return the records as they are now; changing them changes nothing."""
        with self._lock:
            if not self._path.exists():
                return Records()
            return Records.model_validate_json(self._path.read_text())

    @contextlib.contextmanager
    def write(self) -> Iterator[Records]:
        """Give the records to be changed; they are kept when the block ends without an error."""
        with self._lock:
            records = self.read()
            yield records
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new = self._path.with_suffix(".new")
            new.write_text(json.dumps(records.model_dump(), indent=2))
            new.replace(self._path)
