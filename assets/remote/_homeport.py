"""What the tools share: verbs, errors for people, atomic files, receipts, locks.

A tool is a script that calls `main({"up": up, "down": down})`. It gets one JSON document on
standard input, in which `Remote.step` has set two keys: `system` (the folder below /opt/homeport)
and `step` (the logical name, for messages). Standard library only, Python 3.10 and later.

HOMEPORT_ROOT is put before every absolute path, so that a test can run a tool on its own folder.
"""

import contextlib
import fcntl
import grp
import hashlib
import json
import os
import pwd
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

ROOT = os.environ.get("HOMEPORT_ROOT", "")
FOLDER = "/opt/homeport"
LONGEST_SECONDS = 3600
Spec = dict[str, Any]


class StepError(Exception):
    """Says what failed, the output that shows why, and what to do next."""

    def __init__(self, what: str, output: str = "", cure: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.output = output
        self.cure = cure


def fail(what: str, output: str = "", cure: str = "") -> NoReturn:
    """End the step: `what` failed, the last lines of `output` show why, `cure` is what to do."""
    raise StepError(what, output, cure)


def at(path: str) -> Path:
    """Return an absolute path of the host, below HOMEPORT_ROOT when that is set."""
    return Path(ROOT + path)


def folder(spec: Spec) -> Path:
    """Return the folder of the stack that this step belongs to."""
    return at(f"{FOLDER}/{spec['system']}")


def main(verbs: dict[str, Callable[[Spec], None]], spec: Spec | None = None) -> None:
    """Run the verb that the command line names on `spec`, or the document from standard input."""
    verb = sys.argv[1] if len(sys.argv) == 2 else ""
    if verb not in verbs:
        sys.exit(f"usage: {Path(sys.argv[0]).name} {'|'.join(verbs)} < document.json")
    os.umask(0o022)
    # Some ways to become root keep the PATH of an ordinary account.
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
    document: Spec = json.loads(sys.stdin.read()) if spec is None else spec
    names = [Path(sys.argv[0]).name, document.get("system", ""), document.get("step", verb)]
    try:
        # A run whose engine was killed goes on; the next one waits for what comes of it.
        with lock("-".join(names), timeout_seconds=LONGEST_SECONDS):
            verbs[verb](document)
    except StepError as error:
        sys.stderr.write(explain(str(document.get("step", verb)), error))
        sys.exit(1)


def explain(step: str, error: StepError) -> str:
    """Return the text that a person gets: where, what, why, and what to do next."""
    lines = [f"{socket.gethostname()}: {step}: {error.what}"]
    lines += [f"  {line}" for line in tail(error.output).splitlines()]
    lines.append(f"next: {error.cure or 'correct the cause and run `pulumi up` again'}")
    return "\n".join(lines) + "\n"


def tail(text: str, lines: int = 40) -> str:
    """Return the last lines of a text that are not empty."""
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


def run(
    argv: Sequence[str],
    *,
    stdin: str | None = None,
    check: bool = True,
    cure: str = "",
    timeout_seconds: float = 600,
    env: dict[str, str] | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run a command and return its result.

    Raises:
        StepError: it is not installed, took too long or, with `check`, ended with another code
            than 0.
    """
    shown = " ".join(argv)
    missing, late = f"{argv[0]} is not installed", f"`{shown}` took over {timeout_seconds:g} s"
    try:
        result = subprocess.run(
            list(argv),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
            env=None if env is None else {**os.environ, **env},
        )
    except FileNotFoundError:
        raise StepError(missing, "", cure) from None
    except subprocess.TimeoutExpired:
        raise StepError(late, "", cure) from None
    if check and result.returncode != 0:
        fail(f"`{shown}` ended with {result.returncode}", result.stdout + result.stderr, cure)
    return result


def write_atomic(
    path: Path, content: bytes, *, mode: int = 0o644, owner: str = "root", group: str = "root"
) -> bool:
    """Make `path` hold `content` with this mode and owner; return whether that was a change.

    A reader sees the old file or the new one, never a part, and never one with a wrong mode.
    """
    uid, gid = account(owner, group)
    if path.is_file() and not path.is_symlink():
        status = path.stat()
        right = (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (mode, uid, gid)
        if right and path.read_bytes() == content:
            return False
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=str(path.parent))
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            os.fchown(file.fileno(), uid, gid)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
    return True


def link_atomic(path: Path, target: str) -> None:
    """Make `path` a link to `target` by one rename, which a power cut does not undo."""
    fresh = path.with_name(f".{path.name}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def make_directory(
    path: Path, *, mode: int = 0o755, owner: str = "root", group: str = "root"
) -> bool:
    """Make `path` a directory with this mode and owner; return whether anything had to change."""
    uid, gid = account(owner, group)
    path.mkdir(parents=True, exist_ok=True)
    status = path.stat()
    if (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (mode, uid, gid):
        return False
    os.chown(str(path), uid, gid)
    path.chmod(mode)
    return True


def account(owner: str, group: str) -> tuple[int, int]:
    """Return the numbers of a user and a group; below HOMEPORT_ROOT everything is the caller's."""
    if ROOT:
        return os.getuid(), os.getgid()
    try:
        uid = int(owner) if owner.isdigit() else pwd.getpwnam(owner).pw_uid
        gid = int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError as error:
        what = f"there is no such user or group: {error}"
        raise StepError(
            what,
            "",
            "list the package that makes it in `packages`, or name another owner",
        ) from None
    return uid, gid


def sha256(content: bytes) -> str:
    """Return the hash that receipts use."""
    return hashlib.sha256(content).hexdigest()


def receipts(spec: Spec) -> Path:
    """Return the folder of the stack's receipts."""
    return folder(spec) / "receipts"


def read_receipt(spec: Spec, name: str) -> dict[str, Any]:
    """Return what an earlier run of the step `name` wrote down; empty when there was none."""
    try:
        content: dict[str, Any] = json.loads((receipts(spec) / f"{name}.json").read_text())
    except FileNotFoundError:
        return {}
    return content


def write_receipt(spec: Spec, name: str, content: dict[str, Any]) -> None:
    """Write down what the step `name` put on this host: for drift, and for its removal."""
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    make_directory(receipts(spec), mode=0o700)
    write_atomic(receipts(spec) / f"{name}.json", text.encode(), mode=0o600)


def remove_receipt(spec: Spec, name: str) -> None:
    """Forget the step `name`."""
    with contextlib.suppress(FileNotFoundError):
        (receipts(spec) / f"{name}.json").unlink()


def other_receipts(spec: Spec, name: str) -> list[dict[str, Any]]:
    """Return all receipts on this host but the one of this step: other steps, other stacks."""
    own = receipts(spec) / f"{name}.json"
    found = sorted(at(FOLDER).glob("*/receipts/*.json"))
    return [json.loads(path.read_text()) for path in found if path != own]


@contextlib.contextmanager
def lock(name: str, *, timeout_seconds: float = 300) -> Iterator[None]:
    """Hold a lock of this host, so that two steps (of any stack) do not meet."""
    path = at(f"/run/lock/homeport-{name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        deadline = int(timeout_seconds * 10)
        for attempt in range(deadline + 1):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == deadline:
                    fail(
                        f"another step has held the lock `{name}` for {timeout_seconds:g} s",
                        "",
                        f"see who holds it with `fuser -v {path}`",
                    )
                time.sleep(0.1)
        yield


def attended() -> bool:
    """Return whether somebody still waits for what this run prints: the engine, by way of sshd."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return not poll.poll(0)


def installed(command: str) -> bool:
    """Return whether a command is on PATH."""
    return shutil.which(command) is not None
