"""Whether the environment that an instance really has is the one that was agreed on.

It is read from the kernel, of the process that runs: what its image sets counts too, and a secret's
value is the content of the file that NAME_FILE names, as the process sees it. No value is ever
told.
"""

import re
from pathlib import Path
from typing import Any

from _homeport import Spec, at, fail
from _instances import KINDS, hint

CURE = "give the release what its contract asks for"


def check(spec: Spec) -> None:
    """Refuse a release whose environment is not as its contract says."""
    if not spec.get("contract"):
        return
    found = problems(spec["instance"], spec["contract"])
    if found:
        name = spec["instance"]["name"]
        what = f"the environment of {name} is not as agreed: {'; '.join(found)}"
        fail(what, "", f"{CURE}; {hint(spec['instance'])}")


def problems(instance: "dict[str, str]", contract: "list[dict[str, Any]]") -> "list[str]":
    """Return what is wrong, a sentence for each variable."""
    number = KINDS[instance["kind"]].first_process(instance)
    environment = read(at(f"/proc/{number}"))
    found = []
    for variable in contract:
        name = variable["name"]
        plain, file = environment.get(name, ""), environment.get(f"{name}_FILE", "")
        value = plain or (content(instance, f"/proc/{number}/root{file}") if file else "")
        shape = variable.get("shape")
        if variable["presence"] == "forbidden" and value:
            found.append(f"{name} is set and must not be")
        elif variable["presence"] == "required" and not value:
            found.append(f"{name} is missing or empty")
        elif value and variable["secret"] is True and plain:
            found.append(f"{name} is a plain variable and should be a secret")
        elif value and variable["secret"] is False and not plain:
            found.append(f"{name} is a secret and should be a plain variable")
        elif value and shape and not re.fullmatch(shape["pattern"], value):
            found.append(f"{name} must be {shape['words']}")
    return found


def read(process: Path) -> "dict[str, str]":
    """Return the variables that a process was started with."""
    try:
        text = (process / "environ").read_text(errors="replace")
    except OSError as error:
        fail("the environment of the release cannot be read", str(error), "run `pulumi up` again")
    pairs = (line.partition("=") for line in text.split("\0") if line)
    return {name: value for name, _, value in pairs}


def content(instance: "dict[str, str]", path: str) -> str:
    """Return what a file holds that an instance sees; empty where it sees none."""
    try:
        return KINDS[instance["kind"]].read_inside(instance, path).strip()
    except OSError:
        return ""
