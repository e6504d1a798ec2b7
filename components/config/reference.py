"""Writes docs/configuration.md from the configuration classes."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .loading import Settings, bare, secret_mark, type_of

_HEAD = """# Configuration

Every key of a stack file (`Pulumi.<stack>.yaml`), generated from `components/config/` by
`python -m components.config > docs/configuration.md`.

Set a key by `pulumi config set [--path] KEY VALUE --stack STACK`, or edit the stack's file. Every
problem is found by `pulumi preview`, all of them at once, before anything is touched.

Secrets (marked **secret**) are set by `pulumi config set --secret KEY`, which asks for the value;
they are encrypted in the file, and refused in plain text or inside an object.

The other stacks' files are compared with: a domain, a zone to make, a server (unless both say
`shared`), a folder of data or a secret that two stacks share is refused. Secrets are encrypted, so
only a copied line, or a secret that one of the files holds in plain text, can be recognised; the
same secret set twice by hand cannot.
"""
_PLAIN: Mapping[object, str] = {str: "text", int: "whole number", bool: "true or false"}


def markdown(settings: type[Settings]) -> str:
    """Return the whole page for a configuration class."""
    rows = "\n".join(_rows(settings))
    table = f"| key | type | default | what | example |\n| --- | --- | --- | --- | --- |\n{rows}\n"
    return f"{_HEAD}\n## Keys\n\n{table}"


def _rows(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = type_of(field)
        key = f"{prefix}{name}"
        secret = secret_mark(field)
        what = " ".join((field.description or _about(kind)).split())
        cells = (
            f"`{key}`",
            "**secret**" if secret else _type(field.rebuild_annotation()) + _limits(field),
            _default(field),
            what,
            "" if secret else _example(field),
        )
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _rows(kind, f"{key}.")


def _about(kind: object) -> str:
    documented = isinstance(kind, type) and issubclass(kind, BaseModel)
    return str(kind.__doc__) if documented else ""


def _type(annotation: object) -> str:
    kind = bare(annotation)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in arguments)
    if origin is tuple:
        return f"list: {_type(arguments[0])}"
    if origin is dict or kind is Mapping:
        return "object: name, text"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "object"
    if origin is Union:
        return " or ".join(_type(argument) for argument in arguments)
    return _PLAIN[kind]


def _limits(field: FieldInfo) -> str:
    parts = [*field.metadata]
    for argument in get_args(field.annotation):
        if get_origin(argument) is Annotated:
            for item in get_args(argument)[1:]:
                parts += item.metadata if isinstance(item, FieldInfo) else [item]
    lows = [int(str(part.ge)) for part in parts if isinstance(part, Ge)]
    highs = [int(str(part.le)) for part in parts if isinstance(part, Le)]
    return f", {max(lows)} to {min(highs)}" if lows and highs else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or isinstance(value, BaseModel):
        return "" if value is None else "see below"
    if value in ((), {}):
        return "none"
    return (
        f"`{json.dumps(value, ensure_ascii=False)}`" if not isinstance(value, str) else f"`{value}`"
    )


def _example(field: FieldInfo) -> str:
    if not field.examples:
        return ""
    example = field.examples[0]
    return (
        f"`{example}`"
        if isinstance(example, str)
        else f"`{json.dumps(example, ensure_ascii=False)}`"
    )
