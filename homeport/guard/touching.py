"""Which vital things a step would touch: what it acts on, compared by kind and name.

Looked at is what a step names as its own: containers, volumes, databases, paths, arguments of
commands, the host names of a proxy's site. What a file, an environment or a label merely mentions
is no touch: an app may be told where the signing service is. A step that stops a whole service
touches everything that runs in it. In doubt it is a touch. A proxy that restarts behind a stand-in
(docs/adr/0019) is named, and is no touch: every site is served on.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from components.proxies import standin
from homeport.guard.steps import COMMANDS, GUARD, Step

_MENTIONS = frozenset({"env", "envs", "environment", "labels", "meta", "connection"})
"""Keys below which names are only mentioned."""
_TOOLS = frozenset({"program", "tools"})
"""Keys of the tools themselves, which do nothing before a step runs them."""
_STATEMENTS = frozenset({"sql", "up", "down"})
"""Keys of SQL."""
_READERS = frozenset(
    {"dump", "probe", "verifysite", "settle", "cutover", "stagedbackup", "stagedtrial"}
)
"""Tools of a host that change nothing there but files and copies of their own."""
_STOPS = re.compile(
    r"\b(?:restart|try-restart|stop|kill|disable|mask)\b(?:\s+-\S+)*\s+([\w@-]+)(?:\.service)?\b"
)
"""A command that takes a service away, if only for a moment."""
_SERVICES: Mapping[str, tuple[str, ...]] = {
    "docker": ("container",),
    "containerd": ("container",),
    "podman": ("container",),
    "nginx": ("vhost",),
    "caddy": ("vhost",),
}
"""What stops with a service."""
_SERVES = re.compile(r"^\s*server_name\s+([^;]+);|^([^\s#{][^{]*)\{\s*$", re.MULTILINE)
"""Where nginx and Caddy are told which names a site has."""
_WORD = re.compile(r"[\w.-]+")
_PATH = re.compile(r"/[\w.@%+~/-]+")
_CERTIFICATE = re.compile(r"/(?:live|archive|renewal)/([\w.-]+?)(?:\.conf)?(?:/|$)")
_MOUNTS = ("hostPath", "source")


def touched(step: Step, vital: Iterable[str]) -> list[str]:
    """Return the labels of those vital things that a step would touch, in their order."""
    if step.kind == GUARD or step.tool in _READERS or step.goes_with:
        return []
    if step.kind in COMMANDS and not step.runs:
        # It leaves as a mark in the order, or as what was done and stays.
        return []
    named = set(_named(step.acts_on, ""))
    for command in step.runs:
        named |= set(_words(command))
        if not step.tool:
            # Nobody knows what becomes of what lies below.
            named |= {("mount", path.rstrip("/")) for path in _PATH.findall(command)}
    return [label for label in vital if _is_meant(label, named)]


def restarted(step: Step) -> list[str]:
    """Return the proxies that a step restarts behind a stand-in: their sites are served on."""
    if not step.runs:
        return []
    commands = [*_argvs(step.acts_on)]
    return sorted({service for argv in commands if (service := standin.reloaded(argv))})


def _argvs(value: Any) -> Iterator[Sequence[str]]:  # noqa: ANN401 - any JSON
    """Yield every list of texts below a value."""
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _argvs(item)


def _is_meant(label: str, named: set[tuple[str, str]]) -> bool:
    kind, _, name = label.partition(":")
    if ("name", name) in named and kind not in ("vhost", "file"):
        return True
    if kind == "file":
        paths = [path for how, path in named if how == "path"]
        inside = any(path == name or path.startswith(f"{name}/") for path in paths)
        return inside or any(name.startswith(f"{m}/") for how, m in named if how == "mount")
    return (kind, name) in named or ("every", kind) in named


def _named(value: Any, key: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON
    """Yield what a value names: `name`, `path`, `mount`, `vhost` … and what it is."""
    if key in _MENTIONS | _TOOLS:
        return
    if isinstance(value, Mapping):
        for below, item in value.items():
            yield from _named(item, str(below))
    elif isinstance(value, list):
        yield from _stopped(" ".join(item for item in value if isinstance(item, str)))
        for item in value:
            yield from _named(item, key)
    elif isinstance(value, str):
        yield from _text(value, key)


def _text(text: str, key: str) -> Iterator[tuple[str, str]]:
    if key == "content":
        # Of a whole file only the sites that it serves count.
        yield from _sites(text)
        return
    yield ("name", text)
    if key in _STATEMENTS or " " in text:
        yield from _words(text)
    else:
        yield from _path(text)
    if key in _MOUNTS and text.startswith("/"):
        yield ("mount", text.rstrip("/"))
    if key in ("hostname", "hostnames", "domain", "names"):
        yield ("vhost", text)


def _words(text: str) -> Iterator[tuple[str, str]]:
    """Yield every word and path of a command, whatever quotes it stands in."""
    yield from _stopped(text)
    for word in _WORD.findall(text):
        yield ("name", word.rstrip("."))
    for path in _PATH.findall(text):
        yield from _path(path)
    try:
        parts = shlex.split(text)
    except ValueError:
        return
    for part in parts:
        if part != text and " " in part:
            yield from _words(part)


def _path(text: str) -> Iterator[tuple[str, str]]:
    if not text.startswith("/"):
        return
    yield ("path", text.rstrip("/"))
    for name in _CERTIFICATE.findall(text):
        yield ("certificate", name)
    # An engine keeps a volume in a folder of that name.
    for name in re.findall(r"/volumes/([\w.-]+)", text):
        yield ("volume", name)


def _stopped(command: str) -> Iterator[tuple[str, str]]:
    for service in _STOPS.findall(command):
        for kind in _SERVICES.get(service, ()):
            yield ("every", kind)


def _sites(content: str) -> Iterator[tuple[str, str]]:
    """Yield the host names that a proxy's file serves."""
    for nginx, caddy in _SERVES.findall(content):
        for address in re.split(r"[\s,]+", nginx or caddy):
            yield ("vhost", re.sub(r"^https?://|:\d+$", "", address))
