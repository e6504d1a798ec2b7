"""What the recorder refuses although the mocked engine would accept it."""

import base64
import contextlib
import functools
import json
import re
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi import _types

from tests.recorder_wire import Secret

if TYPE_CHECKING:
    from tests.recorder import Deployment, Record

ASSETS = Path(__file__).parent.parent / "assets"
STACK = "pulumi:pulumi:Stack"

_LOST = re.compile(
    r"\bNone\b|Output\[|Calling __str__ on an Output|<pulumi\.output\.Output|object at 0x"
)
_SHORTEST_SECRET = 8
"""Shorter values occur by chance."""


def findings(deployment: "Deployment") -> list[str]:
    """Return one line per finding, naming resource and property."""
    needles = _needles(deployment.secrets)
    found: list[str] = []
    for made in deployment.resources:
        label = f"{made.type} {made.name}"
        found += [f"{label}: {text}" for text in _shape(made)]
        found += [f"{label}: {text}" for text in _texts(made)]
        found += [f"{label}: {text}" for text in _leaks(made, needles)]
    shown = [("export", *pair) for pair in _strings(deployment.outputs, "")]
    shown += [("log", message.severity, message.text) for message in deployment.messages]
    for kind, where, text in shown:
        if any(needle in text for needle in needles):
            found.append(f"{kind} {where}: shows a secret value")
        if kind == "export" and _LOST.search(text):
            found.append(f"export {where}: holds a lost output: {text!r}")
    return found


def _shape(made: "Record") -> Iterator[str]:
    if made.custom and made.parent.split("::")[2:3] in ([], [STACK]):
        yield "has no component as its parent; pass opts=ResourceOptions(parent=self)"
    if not made.custom and made.outputs is None:
        yield "never called register_outputs; it must be the last line of __init__"
    if made.custom and made.options.ignore_changes:
        known = _properties(made.type)
        for path in made.options.ignore_changes:
            if re.split(r"[.\[]", path)[0] not in known:
                yield f"ignore_changes names {path!r}, which is none of its properties"


def _texts(made: "Record") -> Iterator[str]:
    for where, text in [("name", made.name), *_strings(made.inputs, "", secrets=True)]:
        for line in text.splitlines():
            match = _LOST.search(line)
            if match and line.strip() not in _asset_lines():
                # The line itself may be part of a secret, so only the place is told.
                yield f"{where}: holds a lost output (the text {match.group()!r})"


def _leaks(made: "Record", needles: frozenset[str]) -> Iterator[str]:
    for where, text in [("name", made.name), ("id", made.id), *_strings(made.inputs, "")]:
        if any(needle in text for needle in needles):
            yield f"{where}: shows a secret value"


def _strings(value: Any, where: str, *, secrets: bool = False) -> Iterator[tuple[str, str]]:
    """Yield every text with its path, looking into JSON documents; secrets only when asked."""
    if isinstance(value, Secret):
        if secrets:
            yield from _strings(value.value, where, secrets=True)
    elif isinstance(value, dict):
        for key, item in value.items():
            path = f"{where}.{key}" if where else str(key)
            yield path, str(key)
            yield from _strings(item, path, secrets=secrets)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, f"{where}[{index}]", secrets=secrets)
    elif isinstance(value, str):
        before, opened = document(value)
        if before:
            yield where, before
        yield from _strings(opened, where, secrets=secrets)


def document(text: str) -> tuple[str, Any]:
    """Return what stands before a JSON document, and the document; the whole text if there is none.

    A document that brings its own tool may follow the line that a password prompt reads.
    """
    before, _, last = text.rpartition("\n#homeport\n")
    if last[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            return before, json.loads(last)
    return text, None


def _needles(secrets: frozenset[str]) -> frozenset[str]:
    """Return the secrets in every form in which one would pass through a text unnoticed."""
    found: set[str] = set()
    for secret in (s for s in secrets if len(s) >= _SHORTEST_SECRET):
        plain = secret.encode()
        found |= {secret, json.dumps(secret)[1:-1], urllib.parse.quote(secret, safe="")}
        found |= {base64.b64encode(plain).decode(), plain.hex()}
    return frozenset(found)


@functools.cache
def _asset_lines() -> frozenset[str]:
    """Return the lines of all asset files: a script may well say None."""
    return frozenset(
        line.strip()
        for path in ASSETS.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
        for line in path.read_text(errors="replace").splitlines()
    )


@functools.cache
def _properties(token: str) -> frozenset[str]:
    """Return the property names that the SDK's class for a type token has."""
    package, _, name = token.split(":")
    module = f"pulumi_{package}"
    for resource in _subclasses(pulumi.CustomResource):
        if resource.__name__ == name and resource.__module__.split(".")[0] == module:
            return frozenset(_types.resource_types(resource))
    return frozenset()


def _subclasses(parent: type) -> Iterator[type]:
    for child in parent.__subclasses__():
        yield child
        yield from _subclasses(child)
