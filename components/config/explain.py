"""Turns what pydantic found into problems that people can act on."""

import difflib
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .problems import Problem, shown

SECRET_NAME = re.compile(
    r"(^|_)(password|passwd|pwd|passphrase|secret|token|credentials?|api_?key|private_?key)(_|$)",
    re.IGNORECASE,
)
"""Names of what should never be written in plain text."""

_TYPES = {
    "int_type": ("is no whole number", "write it without quotes and unit, such as 512"),
    "int_from_float": ("is no whole number", "write it without a fraction"),
    "bool_type": ("is neither true nor false", "write true or false, without quotes"),
    "string_type": ("is no text", "write it in quotes"),
    "list_type": ("is no list", "write one entry a line, each starting with `- `"),
    "tuple_type": ("is no list", "write one entry a line, each starting with `- `"),
    "dict_type": ("is no object", "write one `key: value` a line below it"),
    "mapping_type": ("is no object", "write one `key: value` a line below it"),
    "model_type": ("is no object", "write one `key: value` a line below it"),
    "model_attributes_type": ("is no object", "write one `key: value` a line below it"),
}
_LIMITS = {
    "greater_than_equal": ("is less than {ge}", "use {ge} or more"),
    "less_than_equal": ("is more than {le}", "use {le} or less"),
    "literal_error": ("is none of the choices", "use {expected}"),
}


def explain(
    root: object, errors: Iterable[Mapping[str, Any]], field: FieldInfo
) -> Iterator[Problem]:
    """Return one problem for each of pydantic's errors.

    Args:
        root: the type of the top-level key that `loc` starts with.
        errors: as `ValidationError.errors()` gives them, `loc` starting with that key.
        field: the field of that key.
    """
    for error in errors:
        # What stands in brackets is of pydantic: a key as such, or one of several types.
        loc = [part for part in error["loc"] if not str(part).startswith("[")]
        path = _path(loc)
        context = error.get("ctx") or {}
        if error["type"] == "missing":
            yield _missing(path, _field(root, loc, field))
        elif error["type"] == "extra_forbidden":
            model = _model(root, loc[:-1])
            yield unknown_key(str(loc[-1]), model, path=path)
        else:
            wrong, cure = _words(error, context)
            got = shown(error.get("input")) if context.get("show", True) else ""
            yield Problem(path, wrong, cure, got)


def unknown_key(
    key: str, model: type[BaseModel] | None, *, path: str = "", top: bool = False
) -> Problem:
    """Return the problem of a key that does not exist; its value is never shown."""
    known = [*model.model_fields] if model else []
    close = difflib.get_close_matches(key, known, n=1)
    if SECRET_NAME.search(key) and not top:
        wrong = "is a secret inside an object, which Pulumi would show in plans"
        cure = "remove it, change it where it is used, and set it as a top-level key by --secret"
    elif close:
        wrong, cure = "is no known key", f"did you mean {close[0]}?"
    else:
        wrong, cure = "is no known key", f"remove it, or use one of {', '.join(known)}"
    return Problem(path or key, wrong, cure)


def _words(error: Mapping[str, Any], context: Mapping[str, Any]) -> tuple[str, str]:
    if "wrong" in context:
        return str(context["wrong"]), str(context["cure"])
    if error["type"] in _TYPES:
        return _TYPES[error["type"]]
    if error["type"] in _LIMITS:
        wrong, cure = _LIMITS[error["type"]]
        return wrong.format(**context), cure.format(**context)
    return f"is refused: {error['msg']}", "see docs/configuration.md for what it may hold"


def _missing(path: str, field: FieldInfo) -> Problem:
    example = (field.examples or ["VALUE"])[0]
    option = "--path " if "." in path else ""
    secret = "" if field.examples else " (docs/configuration.md tells what it holds)"
    if isinstance(example, dict | list):
        cure = f"add it to the stack's file; docs/configuration.md lists what {path} holds"
    else:
        cure = f"set it, for example by `pulumi config set {option}{path} {example}`{secret}"
    return Problem(path, "is missing", cure)


def _path(loc: Iterable[Any]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _model(root: object, loc: list[Any]) -> type[BaseModel] | None:
    """Return the model that the path (beginning with the top-level key) leads to."""
    here = root
    for part in loc[1:]:
        if typing.get_origin(here) is dict:
            here = _bare(typing.get_args(here)[1])
        elif isinstance(here, type) and issubclass(here, BaseModel):
            here = _bare(here.model_fields[part].annotation) if part in here.model_fields else None
    return here if isinstance(here, type) and issubclass(here, BaseModel) else None


def _field(root: object, loc: list[Any], field: FieldInfo) -> FieldInfo:
    model = _model(root, loc[:-1])
    return model.model_fields[loc[-1]] if model and len(loc) > 1 else field


def _bare(annotation: object) -> object:
    """Return a type without Optional and Annotated; of several, the one that is an object."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _bare(arguments[0])
    if origin in (typing.Union, types.UnionType):
        options = [_bare(option) for option in arguments if option is not type(None)]
        objects = [o for o in options if isinstance(o, type) and issubclass(o, BaseModel)]
        return (objects or options)[0]
    return annotation
