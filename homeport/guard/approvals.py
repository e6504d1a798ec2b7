"""Approvals: one plan, one person, a limited time, once.

An approval is a JSON document beside the plan it is for, with an SSH signature over it
(`ssh-keygen -Y`, docs/adr/0028). It names the hash of everything that the plan was made from, so
that a change of program, configuration or state makes it void. It is used up before anything runs.
"""

import dataclasses
import hashlib
import json
import os
import secrets
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from homeport import stacks

NAMESPACE = "homeport-approval"
"""Keeps a signature that was made for something else from approving anything."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """What was approved, and what it depends on."""

    project: str
    """The project's name."""
    stack: str
    """The stack."""
    operation: str
    """`up` or `destroy`."""
    listing: str
    """SHA-256 of the list that was shown."""
    plan: str
    """SHA-256 of the engine's plan file; empty for a `destroy`, which has none."""
    meaning: str
    """SHA-256 of what the plan would do, as any new plan from the same things would have it."""
    config: str
    """SHA-256 of the stack's configuration."""
    state: str
    """SHA-256 of the stack's state."""
    touches: tuple[str, ...]
    """Labels of the vital things that it may touch."""
    backups: tuple[str, ...]
    """The backups of those, each as file and SHA-256."""
    made: datetime
    """When."""
    until: datetime
    """When it ends."""
    number: str = dataclasses.field(default_factory=lambda: secrets.token_hex(8))
    """Tells two approvals of the same plan apart."""

    def text(self) -> str:
        """Return the document that is signed."""
        return json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True, default=_plain) + "\n"


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def parsed(text: str) -> Approval:
    """Return the approval of a document.

    Raises:
        StackError: it is none.
    """
    try:
        fields: dict[str, Any] = json.loads(text)
        fields |= {key: datetime.fromisoformat(fields[key]) for key in ("made", "until")}
        fields |= {key: tuple(fields[key]) for key in ("touches", "backups")}
        return Approval(**fields)
    except (ValueError, KeyError, TypeError) as error:
        msg = f"the approval cannot be read ({error}): run `homeport approve` again"
        raise stacks.StackError(msg) from None


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a stack's approval lies, with what it is for."""

    folder: Path
    """For its owner alone; what was used up stays in `used`."""

    @property
    def plan(self) -> Path:
        """The engine's plan, its secrets encrypted."""
        return self.folder / "plan.json"

    @property
    def listing(self) -> Path:
        """Everything that it would do, as it was shown."""
        return self.folder / "listing.txt"

    @property
    def document(self) -> Path:
        """The approval."""
        return self.folder / "approval.json"

    @property
    def signature(self) -> Path:
        """The signature over the approval."""
        return self.folder / "approval.json.sig"

    def cleared(self) -> "Place":
        """Return the place without an approval, made if need be."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in (self.plan, self.listing, self.document, self.signature):
            file.unlink(missing_ok=True)
        return self

    def use_up(self, now: datetime) -> Path:
        """Take the approval out of the way, for good, and return where its plan is now."""
        used = self.folder / "used" / f"{now:%Y%m%dT%H%M%S%f}Z"
        used.mkdir(mode=0o700, parents=True)
        try:
            # First of all: without it nothing is approved, whatever happens next.
            self.document.replace(used / self.document.name)
        except FileNotFoundError:
            msg = "the approval was used up a moment ago: run `homeport approve` again"
            raise stacks.StackError(msg) from None
        for file in (self.signature, self.listing, self.plan):
            if file.exists():
                file.replace(used / file.name)
        return used / self.plan.name


def place(aim: stacks.Target) -> Place:
    """Return where the approval of a stack lies."""
    base = aim.cloud.folder if aim.cloud else aim.project / ".homeport"
    return Place(base / "approvals" / aim.name / aim.stack)


def write_private(file: Path, text: str) -> None:
    """Write a file that its owner alone can read."""
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text)


def sign(where: Place, key: Path) -> None:
    """Sign the approval with a private SSH key, or with the agent's where a public one is given.

    Raises:
        StackError: with what ssh-keygen said.
    """
    where.signature.unlink(missing_ok=True)
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", NAMESPACE, str(where.document)]
    # Its questions, for a passphrase or a touch, go to the terminal itself.
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not where.signature.exists():
        msg = (
            f"the approval could not be signed with {key} ({done.stderr.strip()}): name your key "
            "with --key; a public one (.pub) has the SSH agent sign"
        )
        raise stacks.StackError(msg)


def signer(where: Place, approvers: Mapping[str, str]) -> str:
    """Return who signed the approval.

    Raises:
        StackError: nobody who may, or something else than this document.
    """
    with tempfile.TemporaryDirectory() as folder:
        allowed = Path(folder) / "approvers"
        lines = [f'{name} namespaces="{NAMESPACE}" {key}\n' for name, key in approvers.items()]
        allowed.write_text("".join(lines))
        given = ["-f", str(allowed), "-n", NAMESPACE, "-s", str(where.signature)]
        for name in approvers:
            done = subprocess.run(
                ["ssh-keygen", "-q", "-Y", "verify", "-I", name, *given],
                input=where.document.read_bytes(),
                capture_output=True,
                check=False,
            )
            if done.returncode == 0:
                return name
    msg = (
        "the approval is not signed by anybody who may approve here "
        f"({', '.join(approvers)}): have one of them run `homeport approve`"
    )
    raise stacks.StackError(msg)


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file; empty when it is not there."""
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""


def now() -> datetime:
    """Return the time, as approvals hold it."""
    return datetime.now(UTC).replace(microsecond=0)
