"""The list of everything that a plan would do, as it is shown and signed: no secret in it."""

import dataclasses
import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from homeport.guard.steps import GUARD, Step
from homeport.guard.values import SECRET

_SIGNS = {"create": "+", "update": "~", "delete": "-", "unprotect": "~"}
_LONGEST = 40
"""So many lines of one step are shown on a terminal."""
_UNIMPORTANT = frozenset({"__defaults", "addPreviousOutputInEnv", "logging", "__internal"})


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A step, and what it would touch."""

    step: Step
    """What happens."""
    touches: tuple[str, ...]
    """Labels of vital things."""
    restarts: tuple[str, ...] = ()
    """Proxies that are restarted while a stand-in serves their sites."""


def whole(entries: Sequence[Entry]) -> str:
    """Return the list with every line of every step."""
    return "".join(f"{text(number, entry)}\n" for number, entry in enumerate(entries, 1))


def short(entries: Sequence[Entry], file: str) -> str:
    """Return the list as a terminal shows it; where lines are left out, `file` has them."""
    parts = []
    for number, entry in enumerate(entries, 1):
        lines = text(number, entry).splitlines()
        left_out = len(lines) - _LONGEST
        if left_out > 1:
            lines = [*lines[:_LONGEST], f"     … {left_out} lines more, all of them in {file}"]
        parts.append("\n".join(lines) + "\n")
    return "".join(parts)


def text(number: int, entry: Entry) -> str:
    """Return one step: what it is, what it touches, what is run, what changes."""
    step = entry.step
    lines = [f"{number:>3}. {_sign(step)} {step.name}  ({step.kind}: {', '.join(step.operations)})"]
    lines += [f"     TOUCHES {label}" for label in entry.touches]
    lines += [
        f"     RESTARTS {service}, once nobody is connected; a stand-in serves its sites meanwhile"
        for service in entry.restarts
    ]
    if step.unseen:
        lines.append("     CANNOT BE SHOWN: what it is told is known only when it runs")
    if step.goes_with:
        lines.append(f"     goes with {step.goes_with}, nothing is run")
    lines += [f"     runs: {line}" for command in step.runs for line in command.splitlines()]
    lines += [f"     {line}" for line in changes(step)]
    return "\n".join(lines)


def _sign(step: Step) -> str:
    if step.kind == GUARD:
        return "!"
    return _SIGNS.get(step.operations[0], "±") if len(step.operations) == 1 else "±"


def changes(step: Step) -> list[str]:
    """Return the differing lines of what a resource was and becomes."""
    before, after = (list(_lines(_told(side, step))) for side in (step.before, step.after))
    if not before or not after:
        return [f"{'+' if after else '-'} {line}" for line in after or before]
    found = list(difflib.unified_diff(before, after, lineterm="", n=2))[2:]
    masked = [f"~ {key}: {SECRET}, changed" for key in step.secret_changes]
    return [*(f"{line[:1]} {line[1:]}" for line in found if not line.startswith("@@")), *masked]


def _told(side: Mapping[str, Any], step: Step) -> dict[str, Any]:
    """Return what is worth a line; what is run has been said already."""
    said = {"create", "update", "delete"} if step.runs else set()
    return {
        key: item
        for key, item in side.items()
        if key not in _UNIMPORTANT and not (key in said and item in step.runs)
    }


def _lines(value: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Yield a value as lines, one a leaf, texts of several lines as such."""
    if isinstance(value, Mapping) and value:
        for key in sorted(value):
            yield from _lines(value[key], f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _lines(item, f"{path}[{index}]")
    elif isinstance(value, str) and "\n" in value:
        yield f"{path}:"
        yield from (f"  | {line}" for line in value.splitlines())
    elif path:
        shown = value if isinstance(value, str) else json.dumps(value)
        yield f"{path}: {shown}"
