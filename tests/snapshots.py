"""Whole programs as sorted JSON that people can review: what a change of code means in a stack."""

import dataclasses
import difflib
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from tests.recorder import Deployment, Options, Record, Secret
from tests.recorder_rules import ASSETS, document

_NOW = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")
_LONGEST_LINE = 400
_LONGEST_DIFF = 80


def text(deployment: Deployment) -> str:
    """Return a deployment as JSON: a secret as [secret], an asset by its name, a time as [now]."""
    assets = {path.read_text(): str(path.relative_to(ASSETS)) for path in ASSETS.rglob("*.py")}
    resources = [_resource(made, assets) for made in deployment.resources]
    shown = {"resources": resources, "outputs": _plain(deployment.outputs, assets)}
    written = json.dumps(shown, indent=2, sort_keys=True, ensure_ascii=False)
    return _NOW.sub("[now]", written) + "\n"


def _resource(made: Record, assets: dict[str, str]) -> dict[str, Any]:
    return {
        "name": made.name,
        "type": made.type,
        "parent": _short(made.parent),
        "inputs": _plain(made.inputs, assets),
        "options": _options(made.options),
    }


def _options(options: Options) -> dict[str, Any]:
    """Return what was asked for beyond the defaults; versions change with every upgrade."""
    default = dataclasses.asdict(Options())
    left_out = ("version", "property_dependencies")
    return {
        key: _short(value)
        for key, value in dataclasses.asdict(options).items()
        if value != default[key] and key not in left_out
    }


def _short(value: Any) -> Any:
    """Return URNs as `Type name`."""
    if isinstance(value, tuple | list):
        return [_short(item) for item in value]
    if isinstance(value, str) and value.startswith("urn:pulumi:"):
        _, _, path, name = value.split("::", 3)
        return f"{path.rsplit(':', 1)[-1]} {name}"
    return value


def _plain(value: Any, assets: dict[str, str]) -> Any:
    if isinstance(value, Secret):
        return "[secret]"
    if isinstance(value, dict):
        return {key: _plain(item, assets) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, assets) for item in value]
    if isinstance(value, str):
        return _text(value, assets)
    return value


def _text(value: str, assets: dict[str, str]) -> Any:
    """Return JSON opened, long text by line, and an asset by its name."""
    if value in assets:
        return f"[asset {assets[value]}]"
    before, opened = document(value)
    if opened is not None:
        return {"json": _plain(opened, assets), **({"before": before} if before else {})}
    if "\n" in value:
        return [_line(line) for line in value.splitlines()]
    return _line(value)


def _line(line: str) -> str:
    if len(line) <= _LONGEST_LINE:
        return line
    digest = hashlib.sha256(line.encode()).hexdigest()[:16]
    return f"{line[:60]}… [{len(line)} characters, sha256 {digest}…]"


def check(found: str, path: Path, *, update: bool) -> None:
    """Compare with the stored snapshot, or store it.

    Raises:
        AssertionError: they differ; says how to store the new one.
    """
    if update:
        path.parent.mkdir(exist_ok=True)
        path.write_text(found)
    stored = path.read_text() if path.exists() else ""
    names = (f"{path.name} (reviewed)", f"{path.name} (found)")
    diff = [*difflib.unified_diff(stored.splitlines(), found.splitlines(), *names, lineterm="")]
    shown = "\n".join(diff[:_LONGEST_DIFF])
    hint = "look at the difference, and if it is meant: pytest tests --update-snapshots -k reviewed"
    assert not diff, f"{shown}\n{hint}"
