#!/usr/bin/python3 -B
"""Refuses a host whose proxy belongs to somebody else; changes nothing.

A proxy whose whole configuration is ours needs a main file that is missing, as its package shipped
it, or ours (some stack's receipt lists it). One that serves sites of others beside ours, whatever
its main file says, needs that this file includes the folder that our sites are in. The ports may be
free or held by the proxy itself.
"""

import re
import sys

from _homeport import Spec, at, fail, main, other_receipts, run
from _packages import is_stock


def up(spec: Spec) -> None:
    """End the step when configuration or ports belong to somebody else."""
    path, command = spec["configuration"], spec["command"]
    if at(path).is_file() and not is_ours(spec, path):
        folder = spec.get("includes")
        if folder and not includes(path, folder):
            fail(
                f"{path} does not include {folder}*",
                "",
                f"write `include {folder}*;` into its `http` part, or use another host",
            )
        if not folder and not is_stock(spec.get("package", command), path):
            fail(
                f"{path} is not Homeport's and not as the package {command} ships it",
                "",
                f"this host's {command} serves somebody else's sites; use another host, or move "
                f"their sites away and remove {path}",
            )
    for port in spec["ports"]:
        others = holders(port) - {command}
        if others:
            fail(
                f"port {port} is held by {', '.join(sorted(others))}, {command} needs it",
                "",
                f"stop what listens there (`ss -ltnp 'sport = :{port}'` shows it), or use "
                "another host",
            )
    sys.stdout.write("free\n")


def is_ours(spec: Spec, path: str) -> bool:
    """Return whether a receipt of any stack lists the file."""
    receipts = other_receipts(spec, "")
    return any(file["path"] == path for r in receipts for file in r.get("files", []))


def includes(path: str, folder: str) -> bool:
    """Return whether a configuration of nginx's form includes all of a folder."""
    wanted = rf"^\s*include\s+{re.escape(folder)}\*\s*;"
    return re.search(wanted, at(path).read_text(), re.MULTILINE) is not None


def holders(port: int) -> "set[str]":
    """Return the names of the programs that listen on a TCP port."""
    shown = run(["ss", "-Hltnp", f"sport = :{port}"]).stdout
    unknown = {"an unknown program"} if shown.strip() else set()
    return set(re.findall(r'\("([^"]+)",pid=', shown)) or unknown


if __name__ == "__main__":
    main({"up": up})
