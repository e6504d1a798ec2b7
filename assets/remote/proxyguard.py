#!/usr/bin/python3 -B
"""Refuses a host whose proxy belongs to somebody else; changes nothing.

The proxy's main configuration may be missing, as its package shipped it, or ours (some stack's
receipt lists it); its ports may be free or held by the proxy itself.
"""

import hashlib
import re
import sys

from _homeport import Spec, at, fail, main, other_receipts, run


def up(spec: Spec) -> None:
    """End the step when configuration or ports belong to somebody else."""
    path, command = spec["configuration"], spec["command"]
    if at(path).is_file() and not is_ours(spec, path) and not is_stock(command, path):
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


def is_stock(package: str, path: str) -> bool:
    """Return whether the file is as its package shipped it."""
    listed = run(["dpkg-query", "-W", "-f=${Conffiles}", package], check=False).stdout
    found = re.search(rf"^\s*{re.escape(path)} ([0-9a-f]{{32}})", listed, re.MULTILINE)
    # MD5 is what dpkg keeps; it is compared, not trusted.
    now = hashlib.md5(at(path).read_bytes(), usedforsecurity=False).hexdigest()
    return found is not None and found[1] == now


def holders(port: int) -> "set[str]":
    """Return the names of the programs that listen on a TCP port."""
    shown = run(["ss", "-Hltnp", f"sport = :{port}"]).stdout
    unknown = {"an unknown program"} if shown.strip() else set()
    return set(re.findall(r'\("([^"]+)",pid=', shown)) or unknown


if __name__ == "__main__":
    main({"up": up})
