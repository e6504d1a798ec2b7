"""Where stable loopback ports lead: each to the port of one release.

Whatever connects to a stable port of 127.0.0.1 arrives at that release; what is connected stays
where it is. The kernel's map does this, or, where the host's owner wants no rule of nftables, a
link (docs/adr/0024). A stack that changes from one to the other takes its ports along.
"""

from collections.abc import Mapping
from typing import Any

import _links
import _portmap
from _homeport import Spec

MEANS = {"nftables": _portmap, "links": _links}

Routes = dict[int, int]


def by(spec: Spec) -> str:
    """Return the name of what switches: as the step says, else what the host is prepared for."""
    return str(spec.get("switched_by") or ("links" if _links.is_meant() else "nftables"))


def read(spec: Spec) -> Routes:
    """Return where the stack's stable ports lead now."""
    found: Routes = {}
    for means in _in_turn(spec):
        if means is MEANS[by(spec)] or means.is_used(spec):
            found |= means.read(spec)
    return found


def point(spec: Spec, changes: "Mapping[int, int | None]") -> None:
    """Lead stable ports to other ones, or nowhere, all at once; also after a reboot."""
    other, own = _in_turn(spec)
    own.point(spec, changes)
    if other.is_used(spec):
        other.point(spec, dict.fromkeys(changes))


def listens(stable: int) -> bool:
    """Return whether what listens at a stable port is ours."""
    return _links.is_open(_links.STABLE, stable)


def forget(port: int) -> None:
    """Leave nothing of a release behind that has no traffic any more."""
    _links.close(_links.RELEASE, port)


def look(spec: Spec) -> str:
    """Return what a person may type on the host to see where ports lead."""
    return MEANS[by(spec)].LOOK


def _in_turn(spec: Spec) -> "list[Any]":
    """Return both means, the host's own last."""
    return sorted(MEANS.values(), key=lambda means: means is MEANS[by(spec)])
