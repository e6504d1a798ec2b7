"""What a deploy was in the middle of when it was killed, and how the engine's state recovers.

The engine writes down what it begins. What was being made is forgotten: steps are safe to repeat,
and what Docker has made by then gives way once its name is needed (components/leftovers.py). What
was being changed or removed is read again, since the state still has it as it was before.
"""

from typing import Any

_REPEATABLE = ("command", "docker", "random")
"""The providers whose resources may be made again without asking what became of the first try."""

Deployment = dict[str, Any]


def recovery(deployment: Deployment) -> list[str]:
    """Return the arguments for `pulumi` that make the state sure; none when it is."""
    pending = deployment.get("pending_operations") or []
    if not pending:
        return []
    began = {operation["resource"]["urn"] for operation in pending}
    known = [resource["urn"] for resource in deployment.get("resources") or []]
    # The stack itself is in the list so that a refresh never takes an empty one for everything.
    targets = [*known[:1], *(urn for urn in known[1:] if urn in began)]
    named = [f"--target={urn}" for urn in dict.fromkeys(targets)]
    return ["refresh", "--yes", "--skip-preview", "--clear-pending-creates", *named]


def remarks(deployment: Deployment) -> list[str]:
    """Return a line for each thing that may exist in the cloud without being in the state."""
    pending = deployment.get("pending_operations") or []
    made = [found["resource"] for found in pending if found["type"] == "creating"]
    return [
        f"{one['type']} {one['urn'].rpartition('::')[2]} was being made: if its name turns out to "
        "be taken, remove it at the provider"
        for one in made
        if one["type"].partition(":")[0] not in _REPEATABLE
    ]
