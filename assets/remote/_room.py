"""Whether a host has room for what is to come: asked before anything is changed."""

import os
from pathlib import Path

from _homeport import at, fail

ROOM = "make room: `df -h` and `du -xh / | sort -h | tail` show what takes it"
LARGER = "lower memory_mib, stop what is not needed, or take a larger server"


def free_mib(path: Path) -> int:
    """Return how many MiB are free where a path lies."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize // 2**20


def check_disk(path: Path, wanted_mib: int, what: str, size: int = 0) -> None:
    """Refuse to write `size` bytes when `wanted_mib` would not stay free."""
    left = free_mib(path) - size // 2**20
    if left < wanted_mib:
        fail(f"only {left} MiB would stay free at {path}; {what} needs {wanted_mib}", "", ROOM)


def check_memory(wanted_mib: int, what: str = "the new release") -> None:
    """Refuse to start what could not use its limit beside what serves."""
    path = at("/proc/meminfo")
    rows = [line.split() for line in path.read_text().splitlines()]
    known = {row[0].rstrip(":"): int(row[1]) // 1024 for row in rows}
    free = known.get("MemAvailable", wanted_mib) + known.get("SwapFree", 0)
    if free < wanted_mib:
        fail(f"only {free} MiB of memory are free; {what} may use {wanted_mib}", "", LARGER)
