"""Stable ports by the kernel: a map in the stack's nftables table, changed in one transaction.

The table is in the kernel, and in a file for the next boot.
"""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from _homeport import Spec, fail, folder, make_directory, run, write_atomic

RULE = "ip daddr 127.0.0.1 meta l4proto tcp redirect to :tcp dport map @live"
LOOK = "nft list ruleset"
CURE = "nftables has to be installed and usable: try `nft list ruleset` as root on the host"

Routes = dict[int, int]


def table(spec: Spec) -> str:
    """Return the name of the stack's table."""
    return "homeport_" + str(spec["system"]).replace("-", "_")


def is_used(spec: Spec) -> bool:
    """Return whether the stack has a table, or had one at the last boot."""
    return persisted(spec).exists()


def read(spec: Spec) -> Routes:
    """Return what the kernel's map holds; empty when there is no table."""
    result = run(["nft", "-j", "list", "map", "ip", table(spec), "live"], check=False, cure=CURE)
    if result.returncode != 0:
        if "No such file or directory" in result.stderr:
            return {}
        fail("nftables cannot be read", result.stderr, CURE)
    maps = [item["map"] for item in json.loads(result.stdout)["nftables"] if "map" in item]
    return {int(stable): int(live) for stable, live in maps[0].get("elem", [])}


def point(spec: Spec, changes: "Mapping[int, int | None]") -> None:
    """Lead stable ports to other ones, or nowhere, in one transaction; also after a reboot."""
    before = read(spec)
    after = {port: to for port, to in {**before, **changes}.items() if to is not None}
    if after == before and (after or not persisted(spec).exists()):
        persist(spec, after)
        return
    name = f"ip {table(spec)}"
    if not after:
        change = f"add table {name}\ndelete table {name}\n"
    elif not before:
        change = text(spec, after)
    else:
        changed = sorted(port for port in changes if before.get(port) != after.get(port))
        gone = [f"delete element {name} live {{ {port} }}" for port in changed if port in before]
        come = [
            f"add element {name} live {{ {port} : {after[port]} }}"
            for port in changed
            if port in after
        ]
        change = "\n".join([*gone, *come]) + "\n"
    run(["nft", "-f", "-"], stdin=change, cure=CURE)
    persist(spec, after)


def text(spec: Spec, routes: Mapping[int, int]) -> str:
    """Return the whole table, in a form that replaces whatever is there, at once."""
    name = f"ip {table(spec)}"
    elements = ", ".join(f"{stable} : {live}" for stable, live in sorted(routes.items()))
    return (
        f"add table {name}\n"
        f"delete table {name}\n"
        f"table {name} {{\n"
        "  map live {\n"
        "    type inet_service : inet_service\n"
        f"    elements = {{ {elements} }}\n"
        "  }\n"
        "  chain output {\n"
        "    type nat hook output priority -150;\n"
        f"    {RULE}\n"
        "  }\n"
        "}\n"
    )


def persisted(spec: Spec) -> Path:
    """Return the file that is loaded at boot."""
    return folder(spec) / "nft" / "routes.nft"


def persist(spec: Spec, routes: Mapping[int, int]) -> None:
    """Write the file for the next boot, or remove it with the last route."""
    if routes:
        make_directory(persisted(spec).parent)
        write_atomic(persisted(spec), text(spec, routes).encode(), mode=0o644)
        return
    with contextlib.suppress(FileNotFoundError):
        persisted(spec).unlink()
