#!/usr/bin/python3 -B
"""Copies nginx's configuration for a stand-in, with ports of its own in place of 80 and 443.

Called with the port for HTTP, the one for HTTPS, and the folder. Whoever listens anywhere else
cannot be stood in for: two processes cannot have the same port.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

SOURCES = {"etc": Path("/etc/nginx"), "facts": Path("/run/homeport-nginx")}
LISTEN = re.compile(r"(?m)(^|[;{}\s])listen\s+([^\s;]+)")
PID = re.compile(r"(?m)^(\s*pid\s+)[^;]+;")
COMMENT = re.compile(r"(?m)^\s*#.*$")


def rewritten(text: str, own: "dict[int, int]", folder: str) -> str:
    """Return a configuration that listens on a stand-in's ports.

    Raises:
        ValueError: it listens elsewhere too; naming where.
    """
    text = COMMENT.sub("", text)
    text = LISTEN.sub(lambda found: f"{found[1]}listen {moved(found[2], own)}", text)
    return PID.sub(rf"\g<1>{folder}/nginx.pid;", text)


def moved(place: str, own: "dict[int, int]") -> str:
    """Return a place to listen at, with a stand-in's port; without a port it is 80."""
    address, colon, last = place.rpartition(":")
    if place.isdigit():
        address, colon, last = "", "", place
    elif not last.isdigit():
        address, colon, last = place, ":", "80"
    if place.startswith("unix:") or int(last) not in own:
        msg = f"somebody listens at {place}: only ports {', '.join(map(str, own))} can be moved"
        raise ValueError(msg)
    return f"{address}{colon}{own[int(last)]}"


def copy(own: "dict[int, int]", folder: str) -> None:
    """Copy everything and rewrite what is text."""
    for name, source in SOURCES.items():
        target = Path(folder) / name
        shutil.rmtree(target, ignore_errors=True)
        # Owners matter: a worker reads passwords as another account.
        subprocess.run(["cp", "--archive", str(source), str(target)], check=True)
        for path in target.rglob("*"):
            if path.is_symlink() or not path.is_file():
                continue
            try:
                text = path.read_text()
            except UnicodeDecodeError:
                continue
            new = rewritten(text, own, folder)
            if new != text:
                path.write_text(new)


if __name__ == "__main__":
    http, https, place = sys.argv[1:]
    try:
        copy({80: int(http), 443: int(https)}, place)
    except ValueError as error:
        sys.exit(str(error))
