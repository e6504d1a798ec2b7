"""What users of the components see: classes, inputs and outputs, with their descriptions."""

import ast
import dataclasses
import importlib
import inspect
import itertools
import pkgutil
import textwrap
import warnings
from collections.abc import Iterator
from typing import Any

import pulumi
from pulumi.provider.experimental.analyzer import Analyzer

import components

Surface = dict[str, dict[str, Any]]


def classes() -> list[type[pulumi.ComponentResource]]:
    """Return every component class, by name."""
    found = []
    for module in pkgutil.walk_packages(components.__path__, "components."):
        if not module.name.endswith("__main__"):
            members = vars(importlib.import_module(module.name)).values()
            found += [c for c in members if _is_component(c) and c.__module__ == module.name]
    return sorted(found, key=lambda c: c.__name__)


def _is_component(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, pulumi.ComponentResource)


def surface() -> Surface:
    """Return inputs and outputs of every component: annotation and description by name."""
    shown: Surface = {}
    for component in classes():
        args = inspect.signature(component).parameters.get("args")
        assert args, f"{component.__name__}: __init__ has no parameter called args"
        shown[component.__name__] = {
            "description": inspect.getdoc(component) or "",
            "inputs": dict(_fields(args.annotation)),
            "outputs": dict(_fields(component)),
        }
    return shown


def _fields(owner: type) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the annotated names of a class, inherited ones first, with the literal below each."""
    for base in reversed(owner.__mro__):
        if base.__module__.startswith("components."):
            yield from _own_fields(base)


def _own_fields(owner: type) -> Iterator[tuple[str, dict[str, str]]]:
    [definition] = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    assert isinstance(definition, ast.ClassDef)
    body = [*definition.body, ast.Pass()]
    for field, below in itertools.pairwise(body):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if not field.target.id.startswith("_"):
            shown = {"type": ast.unparse(field.annotation), "description": _literal(below)}
            if field.value is not None:
                shown["default"] = ast.unparse(field.value)
            yield field.target.id, shown


def _literal(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return " ".join(str(statement.value.value).split())
    return ""


def schema(component: type[pulumi.ComponentResource]) -> dict[str, Any]:
    """Return what Pulumi's analyzer makes of a component, or why it makes nothing of it.

    Most of ours take handles of this program (a network, a database server) that no other language
    could pass; the analyzer refuses those, and they cannot be packaged for other languages.
    """
    try:
        with warnings.catch_warnings():
            # The analyzer leaves a file open.
            warnings.simplefilter("ignore", ResourceWarning)
            found = Analyzer("homeport").analyze([component])["component_definitions"]
    except Exception as refused:
        return {"refused": str(refused).split(": '")[0]}
    definition = dataclasses.asdict(found[component.__name__])
    return {
        side: {name: _property(item) for name, item in sorted(definition[side].items())}
        for side in ("inputs", "outputs")
    }


def _property(item: dict[str, Any]) -> str:
    kind = item["type"].value if item["type"] else item["ref"]
    return f"{kind}{' (optional)' if item['optional'] else ''}"
