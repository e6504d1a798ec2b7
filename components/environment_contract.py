"""What the environment of an app or worker has to hold, as data: checked twice.

A preview checks what the program gives; the host checks what the release really got, its image's
own variables and the content of its secrets included, before any traffic goes there.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from .secrets import Secret

Presence = Literal["required", "optional", "forbidden"]
"""Whether a variable has to be there, may be there, or must not be."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What a value looks like, and how that is called in an error."""

    pattern: str
    """A regular expression that the whole value has to match, read by Python."""
    words: str
    """Completes `NAME must be …`."""

    def __post_init__(self) -> None:
        """Refuse an expression that cannot be read.

        Raises:
            ValueError: naming the expression and what is wrong with it.
        """
        try:
            re.compile(self.pattern)
        except re.error as error:
            msg = f"shape: {self.pattern!r} is no regular expression: {error}"
            raise ValueError(msg) from None


_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = rf"{_LABEL}(\.{_LABEL})*"
HOST = Shape(pattern=_NAME, words="a host name alone, without scheme, port and path")
ORIGIN = Shape(pattern=rf"https://{_NAME}(:\d+)?", words="an https:// address without a path")
URL = Shape(pattern=rf"https?://{_NAME}(:\d+)?(/\S*)?", words="an http:// or https:// address")
EMAIL = Shape(pattern=rf"[^@\s]+@{_NAME}", words="an e-mail address")
NUMBER = Shape(pattern=r"\d+", words="a whole number")


def one_of(*values: str) -> Shape:
    """Return the shape of a value that is one of these."""
    return Shape(pattern="|".join(map(re.escape, values)), words=f"one of {', '.join(values)}")


def at_least(characters: int) -> Shape:
    """Return the shape of a value that is so long, and has no blanks."""
    return Shape(
        pattern=rf"\S{{{characters},}}", words=f"at least {characters} characters without blanks"
    )


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """What is agreed on about one variable."""

    presence: Presence = "required"
    """Whether it has to be there at all; an empty value counts as none."""
    secret: bool | None = None
    """Whether it is given as a secret (then NAME_FILE says where it is) or must not be; None is
    either."""
    shape: Shape | None = None
    """What its value looks like."""
    same_as: Secret | None = dataclasses.field(default=None, repr=False)
    """The very secret that it has to be, which another app, perhaps on another server, has too."""


Contract = Mapping[str, Variable]
"""Variables by name; others are nobody's concern."""


def check(
    contract: Contract, environment: Mapping[str, str], secrets: Mapping[str, object]
) -> None:
    """Refuse what a program gives when it is not what was agreed on.

    Variables of the image itself are known on the host alone, so that a required one which nobody
    gives is refused here: give it, or make it optional.

    Raises:
        ValueError: naming every variable that is wrong, the rule and, of plain ones, the value.
    """
    problems = list(_problems(contract, environment, secrets))
    if problems:
        msg = f"contract: {'; '.join(problems)}"
        raise ValueError(msg)


def _problems(
    contract: Contract, environment: Mapping[str, str], secrets: Mapping[str, object]
) -> Iterator[str]:
    for name, variable in contract.items():
        plain, secret = environment.get(name), name in secrets
        there = bool(plain) or secret
        if variable.presence == "forbidden" and there:
            yield f"{name} must not be set here; remove it from {_place(secret)}"
        elif variable.presence == "required" and not there:
            yield f"{name} is missing; give it in {_place(bool(variable.secret))}"
        elif variable.secret is not None and there and variable.secret != secret:
            yield f"{name} belongs in {_place(variable.secret)}, not in {_place(secret)}"
        elif variable.same_as and secret and secrets[name] is not variable.same_as:
            yield f"{name} must be the secret that another app has; give both the same"
        elif variable.shape and plain and not re.fullmatch(variable.shape.pattern, plain):
            yield f"{name} must be {variable.shape.words} (got {plain!r})"


def _place(secret: bool) -> str:
    return "secrets" if secret else "environment"


def document(contract: Contract) -> list[dict[str, Any]]:
    """Return the contract as the host's tools take it."""
    return [
        {
            "name": name,
            "presence": variable.presence,
            "secret": variable.secret,
            **({"shape": dataclasses.asdict(variable.shape)} if variable.shape else {}),
        }
        for name, variable in sorted(contract.items())
    ]
