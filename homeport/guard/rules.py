"""The rules that hold for a plan: those of the stack's state, before those that the plan brings.

Who changes the program or the configuration cannot approve that by the same change.
"""

from collections.abc import Mapping
from typing import Any

from components.config.guarding import Guard
from homeport.guard import steps

Values = Mapping[str, Any]


def deployed(state: Values) -> Guard | None:
    """Return the guard that the state holds; None when there is none, or when it was lifted."""
    for resource in state.get("resources") or []:
        if resource["type"] == steps.GUARD:
            found = Guard.model_validate((resource.get("outputs") or {})["rules"])
            return found if found.enforced else None
    return None


def brought(plan: Values) -> Guard | None:
    """Return the guard that a plan brings."""
    for urn, about in (plan.get("resourcePlans") or {}).items():
        if urn.split("::")[2].rpartition("$")[2] != steps.GUARD or not about.get("goal"):
            continue
        diff = about["goal"].get("outputDiff") or {}
        given = steps.applied(about.get("state") or {}, diff)
        return Guard.model_validate(given["rules"])
    return None


def in_force(state: Values, plan: Values) -> Guard | None:
    """Return the rules that a plan is judged by.

    What is vital before or after is vital; who may approve, and how, is as it was before.
    """
    before, after = deployed(state), brought(plan)
    if before is None or after is None:
        return before or (after if after and after.enforced else None)
    both = {
        kind: tuple(dict.fromkeys([*getattr(before.vital, kind), *getattr(after.vital, kind)]))
        for kind in type(before.vital).model_fields
    }
    return before.model_copy(update={"vital": type(before.vital)(**both)})
