"""Tenants of a stack, as its configuration names them: what is changed there, the next `up` does.

A program that has tenants reads them from its key `tenants`, an object by name whose `suspended`
and `protect` say what may happen to each, and tells of them in its output of the same name.
"""

from pathlib import Path
from typing import Any

import yaml

from homeport import stacks

KEY = "tenants"


def named(aim: stacks.Target) -> dict[str, dict[str, Any]]:
    """Return the tenants of a stack file by name.

    Raises:
        StackError: the system has none.
    """
    file = _file(aim)
    config: dict[str, Any] = yaml.safe_load(file.read_text()).get("config") or {}
    found = config.get(f"{aim.name}:{KEY}")
    if not isinstance(found, dict):
        msg = f"{file.name} of {aim.name} has no {KEY}: it is no system of many tenants"
        raise stacks.StackError(msg)
    return {str(name): about or {} for name, about in found.items()}


def create(aim: stacks.Target, name: str) -> None:
    """Name a new tenant.

    Raises:
        StackError: it is there already.
    """
    if name in named(aim):
        msg = f"{aim.name}/{aim.stack} has a tenant {name} already"
        raise stacks.StackError(msg)
    _set(aim, name, "suspended", value=False)


def suspend(aim: stacks.Target, name: str, *, suspended: bool) -> None:
    """Let nobody work at a tenant, or let them again.

    Raises:
        StackError: there is no such tenant, or it is so already.
    """
    if bool(_one(aim, name).get("suspended")) is suspended:
        msg = f"{name} is {'suspended' if suspended else 'not suspended'} already"
        raise stacks.StackError(msg)
    _set(aim, name, "suspended", value=suspended)


def release(aim: stacks.Target, name: str) -> None:
    """Let a tenant be deleted by an `up` after the next one.

    Raises:
        StackError: there is no such tenant.
    """
    _one(aim, name)
    _set(aim, name, "protect", value=False)


def forget(aim: stacks.Target, name: str) -> None:
    """Name a tenant no longer: the next `up` deletes its database and its files.

    Raises:
        StackError: there is no such tenant.
    """
    _one(aim, name)
    path = f"{aim.name}:{KEY}.{name}"
    stacks.answer(aim, ["config", "rm", "--config-file", str(_file(aim)), "--path", path])


def _one(aim: stacks.Target, name: str) -> dict[str, Any]:
    known = named(aim)
    if name not in known:
        listed = ", ".join(known) or "none yet"
        msg = f"{aim.name}/{aim.stack} has no tenant {name!r}; there are: {listed}"
        raise stacks.StackError(msg)
    return known[name]


def _set(aim: stacks.Target, name: str, key: str, *, value: bool) -> None:
    words = f"--plaintext={aim.name}:{KEY}.{name}.{key}={'true' if value else 'false'}"
    file = str(_file(aim))
    stacks.answer(aim, ["config", "set-all", "--config-file", file, "--path", words])


def _file(aim: stacks.Target) -> Path:
    return aim.project / f"Pulumi.{aim.stack}.yaml"
