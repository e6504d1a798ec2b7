"""Names that are seen outside the program: on hosts, in the cloud, in logs. All pure functions."""

import re
import zlib
from collections.abc import Iterable

import pulumi

STABLE_PORTS = range(10_000, 20_000)
"""Where an app's stable loopback port lies: nothing listens on it, the switch redirects it."""
GIVEN_PORTS = range(1024, 20_000)
"""Where a stable port may lie that is agreed on with others; nothing else may listen there."""
RELEASE_PORTS = range(20_000, 30_000)
"""Where releases listen; below Linux's ephemeral range (32768 and up)."""

_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")


def system() -> str:
    """Return `<project>-<stack>`: the prefix of every physical name this stack makes."""
    return f"{pulumi.get_project()}-{pulumi.get_stack()}"


def check_label(kind: str, value: str) -> str:
    """Return `value` when it can be part of host names, container names and unit names.

    Raises:
        ValueError: naming kind, value and rule.
    """
    if not _LABEL.fullmatch(value):
        msg = (
            f"{kind}: {value!r} is no usable name; use 1 to 40 lower-case letters, digits and "
            "hyphens, starting with a letter and not ending with a hyphen"
        )
        raise ValueError(msg)
    return value


def stable_port(app: str) -> int:
    """Return the stable loopback port of an app (`app` is its full physical name)."""
    return _spread(app, STABLE_PORTS)


def release_port(app: str, release: str) -> int:
    """Return the loopback port on which one release of an app listens."""
    return _spread(f"{app}/{release}", RELEASE_PORTS)


def stable_side_ports(app: str, own: int, sides: Iterable[str]) -> dict[str, int]:
    """Return the stable ports of an app's side ports, by name; none is another one's, or `own`."""
    return _apart(own, {side: f"{app}/{side}" for side in sides}, STABLE_PORTS)


def release_side_ports(app: str, release: str, sides: Iterable[str]) -> dict[str, int]:
    """Return where a release's side ports listen, by name; all of its ports differ."""
    texts = {side: f"{app}/{side}/{release}" for side in sides}
    return _apart(release_port(app, release), texts, RELEASE_PORTS)


def _spread(text: str, ports: range) -> int:
    return ports[zlib.crc32(text.encode()) % len(ports)]


def _apart(own: int, texts: dict[str, str], ports: range) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, text in sorted(texts.items()):
        port = _spread(text, ports)
        while port in (own, *found.values()):
            port = ports[(ports.index(port) + 1) % len(ports)]
        found[name] = port
    return found
