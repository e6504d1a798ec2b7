"""The API's process: started in the background, found again, ended."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from homeport.cloud.contract import MachineryError
from homeport.cloud.instance import ROOT, Cloud

START_SECONDS = 120.0
STOP_SECONDS = 10.0

_children: list[subprocess.Popen[bytes]] = []
"""Outlive this program on purpose; forgetting one that runs is a warning."""

_started: list[subprocess.Popen[bytes]] = []
"""Processes that shall outlive this one; without a reference Python warns that they still run."""


def log_file(cloud: Cloud) -> Path:
    """Return where the process writes what it does."""
    return cloud.folder / "api.log"


def current(cloud: Cloud) -> bool:
    """Whether the process runs the program as it is now and answers."""
    return _note(cloud).get("program") == _program() and answers(cloud)


def answers(cloud: Cloud) -> bool:
    """Whether the process of this instance answers."""
    if pid(cloud) is None:
        return False
    try:
        url = f"http://127.0.0.1:{cloud.port}/"
        return httpx.get(url, timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def pid(cloud: Cloud) -> int | None:
    """Return the process's number, or None when it does not run."""
    number = _note(cloud).get("pid")
    if not isinstance(number, int):
        return None
    try:
        command = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    return number if b"homeport.cloud.serve" in command and cloud.name.encode() in command else None


def start(cloud: Cloud) -> None:
    """Start the process and wait until it answers.

    Raises:
        MachineryError: When it ends or does not answer in time.
    """
    with log_file(cloud).open("ab") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "homeport.cloud.serve", cloud.name],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _started.append(started)
    note = {"pid": started.pid, "program": _program()}
    (cloud.folder / "api.json").write_text(json.dumps(note))
    _children.append(started)
    end = time.monotonic() + START_SECONDS
    while not answers(cloud):
        if started.poll() is not None or time.monotonic() > end:
            tail = log_file(cloud).read_text(errors="replace").strip().splitlines()[-3:]
            text = f"the API does not start; see {log_file(cloud)}: {' / '.join(tail)}"
            raise MachineryError(text)
        time.sleep(0.1)


def stop(cloud: Cloud) -> None:
    """End the process; one that does not run is no error."""
    number = pid(cloud)
    if number is None:
        return
    os.kill(number, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while pid(cloud) == number:
        if time.monotonic() > end:
            os.kill(number, signal.SIGKILL)
        time.sleep(0.05)
        _reap(number)


def _reap(number: int) -> None:
    try:
        os.waitpid(number, os.WNOHANG)
    except ChildProcessError:
        return


def _note(cloud: Cloud) -> dict[str, object]:
    path = cloud.folder / "api.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _program() -> str:
    """Return a hash over the program's text: a changed one is started anew."""
    found = hashlib.sha256()
    for path in sorted((ROOT / "homeport" / "cloud").rglob("*")):
        if path.suffix in {".py", ".j2", ".sh"}:
            found.update(path.read_bytes())
    return found.hexdigest()[:16]
