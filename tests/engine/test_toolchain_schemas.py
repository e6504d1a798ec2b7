"""The plugins built here offer what the SDKs from PyPI ask them for."""

import importlib
import importlib.metadata
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from homeport import paths

pytestmark = pytest.mark.engine

# A native resource of the official plugin, which no Terraform provider has.
MISSING_RESOURCES = {"docker:index/image:Image"}
# What the SDK's provider has got after the version that is to be had as a module.
MISSING_INPUTS = {"hcloud:index/loadBalancer:LoadBalancer": {"ipv4Id", "ipv6Id"}}
MISSING_FUNCTIONS = {"hcloud:index/getNetworkMembers:getNetworkMembers"}


@cache
def schema(name: str) -> dict[str, Any]:
    version = importlib.metadata.version(f"pulumi-{name}")
    folder = paths.TOOLCHAIN / "home" / "plugins" / f"resource-{name}-v{version}"
    loaded: dict[str, Any] = json.loads((folder / "schema.json").read_text())
    return loaded


def modules(name: str) -> list[str]:
    module = importlib.import_module(f"pulumi_{name}")
    return [path.read_text() for path in sorted(Path(str(module.__file__)).parent.glob("*.py"))]


def resources(name: str) -> dict[str, set[str]]:
    """Return the inputs of each resource of an SDK, by token."""
    found: dict[str, set[str]] = {}
    for text in modules(name):
        declared = re.search(r'@pulumi\.type_token\("([^"]+)"\)\nclass', text)
        arguments = re.search(
            r"^class \w+Args:\n(.*?)(?=^(class|@))", text, re.DOTALL | re.MULTILINE
        )
        if declared and arguments:
            getters = re.findall(
                r'@pulumi\.getter(?:\(name="(\w+)"\))?\n\s+def (\w+)', arguments[1]
            )
            found[declared[1]] = {wire or plain for wire, plain in getters}
    return found


@pytest.mark.parametrize("name", ["docker", "hcloud", "random"])
def test_every_resource_of_the_sdk_is_there_with_all_its_inputs(name: str) -> None:
    wanted = resources(name)
    assert len(wanted) >= 8
    offered = schema(name)["resources"] | {f"pulumi:providers:{name}": schema(name)["provider"]}
    lacking = {
        token: inputs - offered[token].get("inputProperties", {}).keys()
        for token, inputs in wanted.items()
        if token not in MISSING_RESOURCES
    }
    expected = {token: inputs for token, inputs in MISSING_INPUTS.items() if token in wanted}
    assert {token: inputs for token, inputs in lacking.items() if inputs} == expected


@pytest.mark.parametrize("name", ["docker", "hcloud"])
def test_every_function_of_the_sdk_is_there(name: str) -> None:
    called = {token for text in modules(name) for token in re.findall(r"invoke\('([^']+)'", text)}
    assert called - schema(name)["functions"].keys() == MISSING_FUNCTIONS & called


def test_what_is_generated_at_random_is_secret() -> None:
    types = schema("random")["resources"]
    for token, names in {
        "random:index/randomPassword:RandomPassword": ("result", "bcryptHash"),
        "random:index/randomBytes:RandomBytes": ("base64", "hex"),
    }.items():
        assert all(types[token]["properties"][name]["secret"] for name in names)
