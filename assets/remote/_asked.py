"""The answer to the question how an instance is, the same for all kinds of instances."""

import dataclasses
import urllib.parse
from collections.abc import Mapping


@dataclasses.dataclass
class Look:
    """How an instance is."""

    there: bool
    """Whether it exists at all."""
    running: bool = False
    """Whether its process runs now."""
    ended: bool = False
    """Whether it ended, and nothing will start it again."""
    restarts: int = 0
    """How often it was started again by itself."""
    exit_code: int | None = None
    """How it ended last."""
    out_of_memory: bool = False
    """Whether it was stopped because it needed more than its limit."""
    check: list[str] = dataclasses.field(default_factory=list)
    """The command, to be run on the host, that checks its health from inside; empty: none."""


def hide(text: str, secrets: Mapping[str, str]) -> str:
    """Return the text with every value of a secret replaced by the secret's name."""
    for name, content in secrets.items():
        value = content.strip()
        for shape in {value, urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value)}:
            if shape:
                text = text.replace(shape, f"[{name}]")
    return text
