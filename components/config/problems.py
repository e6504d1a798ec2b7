"""What is wrong with a configuration: a sentence a problem, all of them together, no secret."""

import dataclasses
import re
from collections.abc import Iterable
from typing import NoReturn

import pulumi
from pydantic_core import PydanticCustomError

_CREDENTIALS = re.compile(r"://[^/\s:@]*:[^/\s@]+@|PRIVATE KEY|-----BEGIN")
_LONGEST_SHOWN = 60


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right."""

    path: str
    """The key, with its path inside an object: `server.type`, `server.admin_keys[0]`."""
    wrong: str
    """What is wrong, continuing the path to a sentence: `is no whole number`."""
    cure: str
    """What would be right, or what to do."""
    got: str = ""
    """The value as it may be shown; empty when it may not, or when there is none."""

    def text(self, project: str) -> str:
        """Return the line that people read."""
        got = f" (got {self.got})" if self.got else ""
        return f"{project}:{self.path}: {self.wrong}{got}: {self.cure}"


class ConfigError(pulumi.RunError):
    """Lists every problem of a stack's configuration; Pulumi prints it without a traceback."""

    def __init__(self, project: str, stack: str, problems: Iterable[Problem]) -> None:
        """Put the problems in the order of their keys."""
        self.problems = sorted(set(problems), key=lambda problem: (problem.path, problem.wrong))
        count = len(self.problems)
        things = "1 thing" if count == 1 else f"{count} things"
        lines = "\n".join(f"  {problem.text(project)}" for problem in self.problems)
        super().__init__(
            f"the configuration of stack {stack} has {things} to put right "
            f"(Pulumi.{stack}.yaml; docs/configuration.md lists every key):\n{lines}"
        )


def refuse(wrong: str, cure: str, *, show: bool = True) -> NoReturn:
    """End the check of one value.

    Args:
        wrong: continues the key to a sentence; must not hold the value, which is shown apart.
        cure: what would be right.
        show: whether the message may show the value.

    Raises:
        PydanticCustomError: carrying the three; a ValueError.
    """
    context = {"wrong": wrong, "cure": cure, "show": show}
    kind = "refused"
    raise PydanticCustomError(kind, "{wrong}", context) from None


def shown(value: object) -> str:
    """Return a value as a message may hold it: short, and hidden where it carries credentials."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    text = repr(value)
    if _CREDENTIALS.search(text):
        return "[hidden]"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
