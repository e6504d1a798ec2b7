#!/usr/bin/python3 -B
"""Runs a program in a release: `console UNIT PROGRAM ARGUMENT...`, for people, as root.

The program gets what the unit has: account, files, environment, credentials, limits and walls, and
the terminal or pipe of whoever runs it. It is a unit of its own: the release does not notice.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from _homeport import at

SERVICES = "/etc/systemd/system"
OWN = ("Type", "ExecStart", "Restart", "RestartSec", "KillMode", "SyslogIdentifier")
"""What a unit says of its own process and of nothing else."""


def start(unit: str, program: "list[str]") -> "list[str]":
    """Return the command line that runs a program as a unit does its own."""
    own = f"{unit.removesuffix('.service')}-console-{os.getpid()}.service"
    text = at(f"{SERVICES}/{unit}").read_text()
    # Where its credentials are shown to a unit depends on the unit's name.
    lines = text.replace(f"/run/credentials/{unit}/", f"/run/credentials/{own}/")
    terminal = "--pty" if sys.stdin.isatty() and sys.stdout.isatty() else "--pipe"
    how = ["--quiet", "--collect", "--wait", terminal, f"--unit={own}"]
    return ["systemd-run", *how, *properties(lines), "--", "/usr/bin/env", *program]


def properties(text: str) -> Iterator[str]:
    """Return what the section [Service] says, as `systemd-run` takes it."""
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and line.partition("=")[0] not in OWN:
            # A unit's file doubles what would begin a specifier; a command line knows none.
            yield "--property=" + line.replace("%%", "%")


def main(arguments: "list[str]") -> None:
    """Become the program."""
    name = Path(arguments[0]).name
    if len(arguments) < len(("console", "UNIT", "PROGRAM")):
        sys.exit(f"usage: {name} UNIT PROGRAM ARGUMENT...")
    unit, *program = arguments[1:]
    if os.geteuid() != 0:
        sys.exit(f"{program[0]} acts as the release does: run it as root, by sudo")
    if not at(f"{SERVICES}/{unit}").is_file():
        sys.exit(f"there is no {unit} on this host; next: run `pulumi up` again")
    argv = start(unit, program)
    os.execvp(argv[0], argv)  # noqa: S606 - it becomes the program, terminal and all


if __name__ == "__main__":
    main(sys.argv)
