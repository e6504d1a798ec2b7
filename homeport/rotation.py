"""New secrets of a stack: raises the numbers that its program makes them by, and nothing else.

A program reads those numbers from its key `secret_rotation`; the next `up` makes what they ask for.
"""

from collections.abc import Sequence
from typing import Any

import yaml

from homeport import stacks

KEY = "secret_rotation"


def numbers(aim: stacks.Target) -> dict[str, int]:
    """Return the present number of each secret of a stack.

    Raises:
        StackError: its stack file has none.
    """
    file = aim.project / f"Pulumi.{aim.stack}.yaml"
    config: dict[str, Any] = yaml.safe_load(file.read_text()).get("config") or {}
    found = config.get(f"{aim.name}:{KEY}")
    if not isinstance(found, dict) or not found:
        msg = f"{file.name} of {aim.name} has no {KEY}: it names no secret to be rotated"
        raise stacks.StackError(msg)
    return {str(name): int(number) for name, number in found.items()}


def rotate(aim: stacks.Target, secrets: Sequence[str]) -> dict[str, int]:
    """Raise the numbers of some secrets, or of all, in the stack's configuration; return them.

    Raises:
        StackError: there is no such secret; naming those there are.
    """
    present = numbers(aim)
    for name in secrets:
        if name not in present:
            msg = f"{aim.name} has no secret {name!r} to rotate; there are: {', '.join(present)}"
            raise stacks.StackError(msg)
    raised = {name: present[name] + 1 for name in dict.fromkeys(secrets or present)}
    file = aim.project / f"Pulumi.{aim.stack}.yaml"
    plain = [f"--plaintext={aim.name}:{KEY}.{name}={number}" for name, number in raised.items()]
    stacks.answer(aim, ["config", "set-all", "--config-file", str(file), "--path", *plain])
    return raised
