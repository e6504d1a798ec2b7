"""What every step will be told, for whoever has to approve it: leaf by leaf, secrets masked.

A secret or a value that does not exist yet hides a step's whole document from a plan. Here the
program writes down the rest, when `homeport approve` asks for it; otherwise nothing happens.
"""

import inspect
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi

from . import secrets

FILE = "HOMEPORT_SKETCH"
"""Names the file that gets one line of JSON a step; set by `homeport approve`."""

SECRET = "[secret]"  # noqa: S105 - what stands in place of one
UNKNOWN = "[known when it runs]"


def note(name: str, document: Mapping[str, Any]) -> None:
    """Write down a step's document, if somebody has asked for it.

    Args:
        name: the step's logical name.
        document: what it gets on standard input; may hold Outputs.
    """
    file = os.environ.get(FILE)
    if file:
        # The engine waits for every Output before the program may end.
        pulumi.Output(set(), _write(Path(file), name, document), _yes())


async def _write(file: Path, name: str, document: Mapping[str, Any]) -> None:
    line = json.dumps({"step": name, "document": await shown(document, name)}, sort_keys=True)
    with file.open("a") as lines:
        lines.write(f"{line}\n")


async def _yes() -> bool:
    return True


async def shown(value: Any, step: str) -> Any:  # noqa: ANN401 - any JSON
    """Return a value in which every secret, and what is not known yet, is masked.

    A secret leaves its version, which tells that it has changed (docs/adr/0004).
    """
    if isinstance(value, pulumi.Output):
        return await _output(value, step)
    if inspect.isawaitable(value):
        return await shown(await value, step)
    if isinstance(value, Mapping):
        return {str(key): await shown(item, step) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [await shown(item, step) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else UNKNOWN


async def _output(value: "pulumi.Output[Any]", step: str) -> Any:  # noqa: ANN401 - any JSON
    known, inner = await value.is_known(), await value.future(with_unknowns=True)
    if not await value.is_secret():
        # Of what is known in part, the rest is marked leaf by leaf.
        return await shown(inner, step) if known or isinstance(inner, dict | list) else UNKNOWN
    if not known:
        return f"{SECRET} {UNKNOWN}"
    return f"{SECRET} {secrets.version(step, json.dumps(inner, default=str), context='step')}"
