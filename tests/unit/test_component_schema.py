"""The components' public face, as reviewed: what changes here, users of the components notice."""

import inspect
import json
from pathlib import Path

import pytest

from tests import component_surface, snapshots

STORED = Path(__file__).parent / "snapshots"


def test_inputs_and_outputs_are_as_reviewed(update_snapshots: bool) -> None:
    found = json.dumps(component_surface.surface(), indent=2, sort_keys=True) + "\n"
    snapshots.check(found, STORED / "components.json", update=update_snapshots)


def test_what_the_analyzer_makes_of_them_is_as_reviewed(update_snapshots: bool) -> None:
    schemas = {c.__name__: component_surface.schema(c) for c in component_surface.classes()}
    found = json.dumps(schemas, indent=2, sort_keys=True) + "\n"
    snapshots.check(found, STORED / "schema.json", update=update_snapshots)


def test_every_component_input_and_output_is_described() -> None:
    silent = [
        f"{name}.{field}"
        for name, shown in component_surface.surface().items()
        for side in ("inputs", "outputs")
        for field, about in shown[side].items()
        if not about["description"].endswith((".", ":"))
    ]
    silent += [
        name for name, shown in component_surface.surface().items() if not shown["description"]
    ]
    assert silent == []


@pytest.mark.parametrize("component", component_surface.classes(), ids=lambda c: c.__name__)
def test_a_component_is_named_by_its_module_and_class(component: type) -> None:
    module = component.__module__.removeprefix("components.").replace(".", "/")
    source = Path(inspect.getsourcefile(component) or "").read_text()
    assert f'"homeport:{module.rpartition("/")[2]}:{component.__name__}"' in source
