"""Proof that a vital thing can be had back: a receipt that names file, SHA-256 and time.

A receipt is a JSON file in the project or beside the backup:
`{"of": ["container:signing-app"], "file": "signing.dump", "sha256": "…", "time": "2026-…+00:00"}`.
It counts only when the file is there and is that very file. What a job dumps before it runs
(`Job(dump=…)`) has been read to its end on the host, and what `StagedUpgrade` backs up has been
restored there; the receipts of both lie in the stack's state.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from homeport import stacks
from homeport.guard import values

_CHUNK = 1 << 20
_AHEAD = timedelta(minutes=5)
"""So far may the clocks of two machines differ."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Backup:
    """A backup that was verified."""

    of: tuple[str, ...]
    """Labels of the vital things that are in it."""
    file: str
    """Where it lies."""
    sha256: str
    """What it holds."""
    time: datetime
    """When it was made."""


def read(receipt: Path) -> Backup:
    """Return the backup of a receipt, whose file has just been read to its end.

    Raises:
        StackError: naming the receipt, what is wrong and the cure.
    """
    try:
        backup = _parsed(json.loads(receipt.read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        cure = 'it is a JSON file with "of" (a list), "file", "sha256" and "time" (with its zone)'
        msg = f"{receipt} is no receipt of a backup ({type(error).__name__}: {error}); {cure}"
        raise stacks.StackError(msg) from None
    file = receipt.parent / backup.file
    try:
        found = _sha256(file)
    except OSError as error:
        msg = (
            f"{receipt}: its backup {file} cannot be read ({error.strerror}): make a new one, or "
            "run this where it lies"
        )
        raise stacks.StackError(msg) from None
    if found != backup.sha256:
        msg = f"{receipt}: {file} is not what was backed up (SHA-256 {found}): make a new backup"
        raise stacks.StackError(msg)
    return dataclasses.replace(backup, file=str(file))


def _parsed(content: Mapping[str, Any]) -> Backup:
    labels = content["of"]
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        wrong = '"of" is no list of texts'
        raise TypeError(wrong)
    time = datetime.fromisoformat(content["time"])
    if time.tzinfo is None:
        wrong = '"time" has no zone'
        raise ValueError(wrong)
    about = {"file": str(content["file"]), "sha256": str(content["sha256"])}
    return Backup(of=tuple(labels), time=time.astimezone(UTC), **about)


def _sha256(file: Path) -> str:
    found = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def reported(state: Mapping[str, Any]) -> Iterator[Backup]:
    """Yield what the state's steps have backed up and verified on a host, as they reported it."""
    for resource in state.get("resources") or []:
        printed = values.clear((resource.get("outputs") or {}).get("stdout"))
        if not isinstance(printed, str) or '"sha256"' not in printed:
            continue
        try:
            report = json.loads(printed)
            if "dump" in report:
                of = [f"database:{report['database']}"]
                yield _parsed({**report, "of": of, "file": report["dump"]})
            for each in report.get("backups", []):
                yield _parsed(each)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # Another step's report.


def missing(
    touches: Iterable[str], have: Iterable[Backup], *, hours: int, now: datetime
) -> list[str]:
    """Return those labels of which there is no backup that is young enough."""
    young = [b for b in have if now - timedelta(hours=hours) <= b.time <= now + _AHEAD]
    covered = {label for backup in young for label in backup.of}
    return [label for label in touches if label not in covered]
