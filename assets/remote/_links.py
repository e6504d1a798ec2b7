"""Stable ports without a packet filter: systemd's own forwarder, and a link for each port.

A socket unit listens at the stable port, and one for each release that has had traffic. What
connects to a stable port is passed on to the socket that its link names at that moment. Replacing
the link is one rename; what is open stays with the release where it began. Units and links are
there again after a boot.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from _homeport import FOLDER, Spec, at, link_atomic, make_directory, run

STABLE = "homeport-stable@{}.socket"
RELEASE = "homeport-release@{}.socket"
SOCKETS = "/run/homeport-release"
LOOK = f"ls -l {FOLDER}/links"
UNITS = "/etc/systemd/system"

Routes = dict[int, int]


def folder() -> Path:
    """Return where the links of this host are; a port is of one stack alone."""
    return at(f"{FOLDER}/links")


def is_meant() -> bool:
    """Return whether the baseline has put the units here instead of nftables."""
    return at(f"{UNITS}/{STABLE.format('')}").is_file()


def is_used(_: Spec) -> bool:
    """Return whether any port of this host is led by a link."""
    return folder().is_dir()


def read(_: Spec) -> Routes:
    """Return where the links lead."""
    links = [path for path in folder().glob("[0-9]*") if path.is_symlink()]
    return {int(path.name): int(path.readlink().stem) for path in links}


def point(_: Spec, changes: "Mapping[int, int | None]") -> None:
    """Lead stable ports to releases, or nowhere, one after the other."""
    for stable, live in changes.items():
        _lead(stable, live)


def _lead(stable: int, live: "int | None") -> None:
    link = folder() / str(stable)
    if live is None:
        close(STABLE, stable)
        link.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder().rmdir()
        return
    make_directory(folder())
    listen(RELEASE, live)
    link_atomic(link, f"{SOCKETS}/{live}.sock")
    listen(STABLE, stable)


def listen(kind: str, port: int) -> None:
    """Have a socket unit listen, now and after a boot."""
    unit = kind.format(port)
    queries = (["systemctl", query, "--quiet", unit] for query in ("is-enabled", "is-active"))
    if any(run(query, check=False).returncode != 0 for query in queries):
        run(
            ["systemctl", "enable", "--now", "--quiet", unit], cure=f"see `systemctl status {unit}`"
        )


def is_open(kind: str, port: int) -> bool:
    """Return whether a socket unit listens at every boot."""
    return wanted(kind, port).is_symlink()


def wanted(kind: str, port: int) -> Path:
    """Return the link by which systemd knows a socket unit at boot."""
    return at(f"{UNITS}/sockets.target.wants/{kind.format(port)}")


def close(kind: str, port: int) -> None:
    """End a socket unit, if there is one, and what it has started."""
    if is_open(kind, port):
        # Not `disable`: where the host has changed its mind, the unit's file is gone already.
        run(["systemctl", "stop", kind.format(port)])
        wanted(kind, port).unlink()
    with contextlib.suppress(OSError):
        at(SOCKETS).rmdir()
