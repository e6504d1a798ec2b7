"""Accounts that apps run as: no password, no shell, no home, and gone with the last of their units.

An account that the host had before is used as it is, and stays.
"""

import re

from _homeport import at, lock, run
from _units import JOBS, SERVICES

COMMENT = "Homeport runs an app as this account"


def ensure(name: str) -> None:
    """Make an account unless it is there."""
    with lock("accounts"):
        if not found(name):
            where = ["--no-create-home", "--home-dir=/nonexistent", "--shell=/usr/sbin/nologin"]
            run(["useradd", "--system", "--user-group", *where, f"--comment={COMMENT}", name])


def forget(name: str) -> None:
    """Remove an account of ours that no unit uses any more."""
    with lock("accounts"):
        if COMMENT in found(name) and not used(name):
            run(["userdel", name])


def found(name: str) -> str:
    """Return what the host knows of an account; empty when there is none."""
    return run(["getent", "passwd", name], check=False).stdout


def used(name: str) -> bool:
    """Return whether a unit runs as this account."""
    says = re.compile(rf"^User={re.escape(name)}$", re.MULTILINE)
    files = [path for folder in (SERVICES, JOBS) for path in at(folder).glob("*.service")]
    return any(path.is_file() and says.search(path.read_text()) for path in files)
