"""How the tools act as a rootless account: as itself and in its own session, never as root.

What lies in the account's home is written by the account too, so that a link which somebody made
there leads no further than the account's own rights.
"""

import os
import pwd
from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess

from _homeport import ROOT, StepError, at, run

GENERATOR = "/usr/lib/systemd/user-generators/podman-user-generator"
UNITS = ".config/containers/systemd"
"""Where a user's generator of Podman looks, below the account's home."""
_REPLACE = (
    'umask "$1"; mkdir -p "$2" && cat > "$2/.$3.new" && mv -f "$2/.$3.new" "$2/$3"'
    ' || { rm -f "$2/.$3.new"; exit 1; }'
)


def known(name: str) -> bool:
    """Return whether the host has the account."""
    try:
        numbers(name)
    except StepError:
        return False
    return True


def numbers(name: str) -> tuple[int, int]:
    """Return user and group of an account; below HOMEPORT_ROOT everything is the caller's."""
    if ROOT:
        return os.getuid(), os.getgid()
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        what = f"this host has no account {name}"
        cure = "run `pulumi refresh`, then `pulumi up`: it was removed behind the program's back"
        raise StepError(what, "", cure) from None
    return entry.pw_uid, entry.pw_gid


def ranges(table: str) -> "list[tuple[str, int, int]]":
    """Return the owner, the first number and the length of every range of a table."""
    path = at(table)
    rows = [line.split(":") for line in path.read_text().splitlines()] if path.exists() else []
    return [(row[0], int(row[1]), int(row[2])) for row in rows if len(row) == 3]


def outside(table: str, name: str, own: int, inside: int) -> int:
    """Return which number of the host a user or group inside the account's containers is.

    Root inside is the account itself (`own`); what follows are its ranges, one after the other.
    """
    if inside == 0:
        return own
    left = inside - 1
    for owner, first, count in ranges(table):
        if owner in (name, str(own)):
            if left < count:
                return first + left
            left -= count
    what = f"{name} has no subordinate number for {inside} in {table}"
    raise StepError(what, "", "take a smaller owner, or give the account more numbers")


def home(name: str) -> str:
    """Return the account's home as the account itself names it."""
    numbers(name)  # Fails in words when there is no such account.
    return f"/home/{name}" if ROOT else pwd.getpwnam(name).pw_dir


def below_home(name: str, path: str) -> Path:
    """Return the place of a file or folder that is named from the account's home on."""
    return at(f"{home(name)}/{path}")


def units(name: str) -> Path:
    """Return the folder of the account's Quadlet units."""
    return below_home(name, UNITS)


def prefix(name: str) -> list[str]:
    """Return what goes before a command (or `VARIABLE=value`) so that the account runs it."""
    uid, gid = numbers(name)
    return [
        *("setpriv", f"--reuid={uid}", f"--regid={gid}", "--init-groups", "--reset-env"),
        # A login's own folder, where the tools run, is closed to other accounts.
        *("env", "--chdir=/", f"XDG_RUNTIME_DIR=/run/user/{uid}"),
        f"DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/{uid}/bus",
    ]


def run_as(
    name: str,
    *argv: str,
    stdin: str | None = None,
    check: bool = True,
    cure: str = "",
    timeout_seconds: float = 600,
) -> "CompletedProcess[str]":
    """Run a command as the account; the rest is as with `run`."""
    command = [*prefix(name), *argv]
    return run(command, stdin=stdin, check=check, cure=cure, timeout_seconds=timeout_seconds)


def systemctl(name: str, *words: str, check: bool = True) -> "CompletedProcess[str]":
    """Ask the account's own service manager."""
    return run_as(name, "systemctl", "--user", *words, check=check)


def write(name: str, path: Path, content: str, *, mask: str = "022") -> None:
    """Write a file as the account, in one piece; `mask` says which rights it does not get."""
    folder, file = str(path.parent), path.name
    run_as(name, "sh", "-c", _REPLACE, "sh", mask, folder, file, stdin=content)


def write_unit(name: str, file: str, content: str) -> None:
    """Put a Quadlet unit where the account's service manager finds it."""
    write(name, units(name) / file, content)
    systemctl(name, "daemon-reload")


def remove_unit(name: str, file: str) -> None:
    """Take a Quadlet unit away again."""
    run_as(name, "rm", "-f", str(units(name) / file))
    systemctl(name, "daemon-reload")


def complaints(name: str, file: str) -> str:
    """Return what Quadlet has against a unit; empty when it takes it."""
    said = run_as(name, str(at(GENERATOR)), "--user", "--dryrun", check=False).stderr
    lines = [line for line in said.splitlines() if file in line]
    return "\n".join(line for line in lines if "Loading source" not in line)


def stop(name: str, service: str) -> None:
    """End a service, whether it runs, waits to run again, or is not there."""
    systemctl(name, "stop", service, check=False)
    systemctl(name, "reset-failed", service, check=False)


def property_of(name: str, unit: str, names: Sequence[str]) -> dict[str, str]:
    """Return what the account's service manager says of a unit."""
    shown = systemctl(name, "show", unit, f"--property={','.join(names)}").stdout
    return dict(line.partition("=")[::2] for line in shown.splitlines())
