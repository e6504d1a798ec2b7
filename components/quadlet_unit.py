"""The text of Quadlet units: pure functions, which quote so that nothing is read as more than text.

A value passes two readers: Quadlet splits it into words, and systemd expands `%` and `$` in the
command line that Quadlet makes of them.
"""

from collections.abc import Mapping, Sequence

from .unit_words import quoted

Lines = Sequence[tuple[str, str]]


_NO_WAIT: dict[str, Lines] = {"Quadlet": [("DefaultDependencies", "false")]}
"""Images are there already: nothing has to wait until the host calls its network online, which
some hosts never do."""


def unit(sections: Mapping[str, Lines]) -> str:
    """Return a unit of sections, each a list of keys and values that are quoted where needed."""
    blocks = [
        "".join([f"[{name}]\n", *(f"{key}={value}\n" for key, value in lines)])
        for name, lines in {**sections, **_NO_WAIT}.items()
    ]
    return "\n".join(blocks)


def literal(text: str) -> str:
    """Return a value that is one text, not words, without anything for systemd to expand."""
    return text.replace("%", "%%").replace("$", "$$")


def word(text: str) -> str:
    """Return one word of a value, in quotes."""
    return quoted(text, run=True)


def words(texts: Sequence[str]) -> str:
    """Return a value of several words."""
    return " ".join(word(text) for text in texts)
