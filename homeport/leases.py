"""The deploy lease is the engine's own lock on a stack's state; here ends one that nobody holds.

A lock names its owner: account, machine and process. One of this machine whose process has ended
was left behind by a deploy that was killed, and must not block the next. One of another machine is
respected, since nobody can tell from here whether it still works.
"""

import dataclasses
import os
import re
import socket
from collections.abc import Callable

_HELD = "currently locked by"
_LOCK = re.compile(r"created by (\S+)@(\S+) \(pid (\d+)\) at (\S+)")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """Who holds a stack."""

    owner: str
    """The account."""
    machine: str
    """The machine's host name."""
    pid: int
    """The engine's process there."""
    since: str
    """When it began, in UTC."""


def held(message: str) -> list[Lease]:
    """Return the leases that the engine's refusal names; empty when it refused for another reason.

    The engine's backends on files and object stores say it in these words since 3.0.
    """
    if _HELD not in message:
        return []
    return [
        Lease(owner=owner, machine=machine, pid=int(pid), since=since)
        for owner, machine, pid, since in _LOCK.findall(message)
    ]


def runs_here(pid: int) -> bool:
    """Return whether a process of this machine still runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def left_behind(
    leases: list[Lease], *, machine: str | None = None, runs: Callable[[int], bool] = runs_here
) -> bool:
    """Return whether there are leases, and all were left by processes of this machine that ended.

    Args:
        leases: what `held` found.
        machine: this machine's host name; None asks the system.
        runs: tells whether a process runs.
    """
    here = machine or socket.gethostname()
    return bool(leases) and all(lease.machine == here and not runs(lease.pid) for lease in leases)
