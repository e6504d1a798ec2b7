"""Reads a stack's configuration once, into one frozen object, with every problem told at once.

`Settings` is the base of a program's configuration class: its fields are the top-level keys.
Secrets are fields of type `Given` or `GivenKey`; they can only be top-level keys, because Pulumi
hands out what lies inside an object without its secret mark.
"""

import dataclasses
import inspect
import json
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from .. import secrets
from .explain import explain, unknown_key
from .problems import ConfigError, Problem
from .ssh_keys import check_private_key
from .values import check_hashable, check_one_line

Rule = Callable[..., Iterable[Problem]]
"""Looks at several keys together. Its parameters name the keys it needs, and `context`; it is asked
only when all of them are valid by themselves. One with a default stands for a key that not every
system has."""


class Part(BaseModel):
    """An object of the configuration: frozen, and without room for unknown keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        arbitrary_types_allowed=True,
        validate_default=True,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class SecretKey:
    """Marks a field as one that must be set with `--secret`."""

    check: Callable[[str], object] = check_one_line
    """Raises when the value cannot be right; must not show it."""


Given = Annotated[secrets.Secret, SecretKey()]
"""A password or token."""
GivenHashed = Annotated[secrets.Secret, SecretKey(check_hashable)]
"""A password of which a host gets the bcrypt hash."""
GivenKey = Annotated[secrets.Secret, SecretKey(check_private_key)]
"""A private SSH key."""


@dataclasses.dataclass(frozen=True, slots=True)
class Context:
    """What a rule may know beside the values."""

    project: str
    """Pulumi's project; the namespace of the keys."""
    stack: str
    """The stack being planned."""
    folder: Path
    """Where Pulumi.yaml and the stack files lie."""
    raw: dict[str, str] = dataclasses.field(repr=False)
    """Every key of the namespace as text, secrets in clear."""
    secret_keys: frozenset[str]
    """Which of them were set with `--secret`."""

    def hidden(self) -> frozenset[str]:
        """Return the texts that no message may hold."""
        return frozenset(self.raw[key] for key in self.secret_keys if self.raw[key])


class Settings(Part):
    """The base of a configuration class."""

    rules: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    def load(cls, config: pulumi.Config | None = None) -> Self:
        """Read every key of the project's namespace.

        Raises:
            ConfigError: with all problems; printed by Pulumi as it is, without a traceback.
        """
        context = _context((config or pulumi.Config()).name)
        problems = [*unknown_keys(cls, context)]
        values: dict[str, Any] = {}
        for name, field in cls.model_fields.items():
            try:
                values[name] = _read(name, field, context)
            except _Refused as refused:
                problems += refused.problems
        for rule in cls.rules:
            parameters = inspect.signature(rule).parameters.values()
            keys = {"context", *cls.model_fields}
            needs = [p.name for p in parameters if p.default is p.empty or p.name in keys]
            have = {"context": context, **values}
            if all(name in have for name in needs):
                problems += rule(**{name: have[name] for name in needs})
        if problems:
            raise ConfigError(context.project, context.stack, _safe(problems, context))
        return cls(**values)


class _Refused(Exception):  # noqa: N818 (never leaves this module)
    def __init__(self, problems: Iterable[Problem]) -> None:
        super().__init__()
        self.problems = tuple(problems)


def _context(project: str) -> Context:
    everything = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    prefix = f"{project}:"
    raw = {k.removeprefix(prefix): str(v) for k, v in everything.items() if k.startswith(prefix)}
    marked = {*runtime_config.get_config_secret_keys_env()}
    marked |= {key for key in everything if runtime_config.is_config_secret(key)}
    return Context(
        project=project,
        stack=pulumi.get_stack(),
        # Not every language host tells; a program starts in its project's folder then.
        folder=Path(pulumi.runtime.get_root_directory() or Path.cwd()),
        raw=raw,
        secret_keys=frozenset(key for key in raw if f"{prefix}{key}" in marked),
    )


def _read(name: str, field: FieldInfo, context: Context) -> object:
    text = context.raw.get(name)
    secret = secret_mark(field)
    if text is None:
        if field.is_required():
            raise _Refused(explain(type_of(field), [{"type": "missing", "loc": (name,)}], field))
        return field.get_default(call_default_factory=True)
    if secret:
        return _secret(name, text, secret, context)
    if name in context.secret_keys:
        wrong = "is set as a secret, or has one inside, but is shown in plans"
        cure = "set it without --secret; secrets are top-level keys of their own"
        raise _Refused([Problem(name, wrong, cure)])
    try:
        return TypeAdapter(field.rebuild_annotation()).validate_python(_parsed(field, text))
    except ValidationError as error:
        raise _Refused(_located(name, field, error)) from None


def _located(name: str, field: FieldInfo, error: ValidationError) -> Iterator[Problem]:
    errors = [{**item, "loc": (name, *item["loc"])} for item in error.errors(include_url=False)]
    return explain(type_of(field), errors, field)


def _secret(name: str, text: str, mark: SecretKey, context: Context) -> secrets.Secret:
    command = f"pulumi config set --secret {name}"
    if name not in context.secret_keys:
        wrong = "is a secret in plain text"
        cure = f"change it where it is used, since it is in a file now, and set it by `{command}`"
        raise _Refused([Problem(name, wrong, cure)])
    try:
        mark.check(text)
    except ValueError as error:
        details = getattr(error, "context", None) or {}
        cure = str(details.get("cure", f"set it again by `{command}`"))
        raise _Refused([Problem(name, str(details.get("wrong", "is unusable")), cure)]) from None
    return secrets.given(name, text, context=f"{context.project}-{context.stack}")


def _parsed(field: FieldInfo, text: str) -> object:
    """Return what the engine turned into text: objects, lists, numbers and flags, as JSON."""
    if type_of(field) is str:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def secret_mark(field: FieldInfo) -> SecretKey | None:
    """Return how a field is secret, None when it is not."""
    inner = (item for arg in typing.get_args(field.annotation) for item in typing.get_args(arg))
    return next((item for item in (*field.metadata, *inner) if isinstance(item, SecretKey)), None)


def type_of(field: FieldInfo) -> object:
    """Return the type of a field without Optional and Annotated."""
    return bare(field.annotation)


def bare(annotation: object) -> object:
    """Return a type without Optional and Annotated."""
    if typing.get_origin(annotation) is Annotated:
        return bare(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        options = [arg for arg in typing.get_args(annotation) if arg is not type(None)]
        return bare(options[0]) if len(options) == 1 else annotation
    return annotation


def unknown_keys(settings: type[BaseModel], context: Context) -> Iterator[Problem]:
    """Return a problem for each top-level key that the configuration class does not have."""
    for key in context.raw:
        if key not in settings.model_fields:
            yield unknown_key(key, settings, top=True)


def _safe(problems: Iterable[Problem], context: Context) -> Iterator[Problem]:
    """Hide values that are, or hold, one of the stack's secrets."""
    for problem in problems:
        held = any(text in problem.got for text in context.hidden())
        yield dataclasses.replace(problem, got="[hidden]") if held else problem
