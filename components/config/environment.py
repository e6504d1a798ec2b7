"""Variables in a configuration, of a process or of a Dockerfile: names that work, and no secret."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from ..image_build import BASE
from .explain import SECRET_NAME
from .problems import refuse

_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
_RESERVED = re.compile(r"PORT|HOST|RELEASE|DATABASE_\w+|PG(HOST|PORT|DATABASE|USER|PASSWORD)")
_CREDENTIALS = re.compile(r"://[^/\s@]+@")
_ARGUMENT = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_LONGEST = 4096


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        cure = "use capital letters, digits and underscores, not starting with a digit"
        refuse("is no name of an environment variable", cure)
    if SECRET_NAME.search(value) and not value.endswith(("_FILE", "_PATH")):
        cure = (
            "remove it, change it where it is used, and give it to the app as a secret in "
            "__main__.py: it then reaches the app as a file"
        )
        refuse("is a secret by its name, which plans would show", cure)
    if _RESERVED.fullmatch(value):
        refuse("is set by the program", "remove it")
    return value


def _argument(value: str) -> str:
    if not _ARGUMENT.fullmatch(value):
        refuse("is no name of an argument", "use letters, digits and underscores, first a letter")
    if SECRET_NAME.search(value):
        cure = "remove it, and change it where it is used; whoever has the image can read it"
        refuse("is a secret by its name, which the image would hold", cure)
    if value == BASE:
        refuse("is set by base", "remove it, and give base")
    return value


def _value(value: object) -> str:
    """Check a value, which may be a secret by mistake and so is never shown."""
    if not isinstance(value, str):
        refuse("is no text", 'write it in quotes, such as "1"', show=False)
    if _CREDENTIALS.search(value):
        cure = "remove them from the URL, and give them to the app as a secret in __main__.py"
        refuse("is a URL with credentials in it", cure, show=False)
    if "PRIVATE KEY-----" in value:
        refuse("is a private key", "give it to the app as a secret", show=False)
    if "\x00" in value or len(value) > _LONGEST:
        cure = f"use up to {_LONGEST} characters; longer content belongs in a file of the image"
        refuse("is no usable value", cure, show=False)
    if value != value.strip():
        refuse("starts or ends with a blank", "remove the blanks", show=False)
    return value


Environment = dict[Annotated[str, AfterValidator(_name)], Annotated[str, BeforeValidator(_value)]]
"""Environment variables by name."""
Arguments = dict[Annotated[str, AfterValidator(_argument)], Annotated[str, BeforeValidator(_value)]]
"""Arguments of a Dockerfile by name."""
