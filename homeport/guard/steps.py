"""What a plan would do, step by step: read from the engine's saved plan and the stack's state.

A plan holds what each resource is to become, a state what it is. What a step on a host is told lies
in its standard input; where a secret hides that, the program's sketch tells the rest.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

from homeport.guard import values
from homeport.guard.values import SECRET, UNKNOWN

GUARD = "homeport:guard:Guard"
_REMOTE = "command:remote:Command"
COMMANDS = (_REMOTE, "command:local:Command")
_MARK = "#homeport"
"""Ends what a password prompt may read of standard input; the document follows."""
_NOTHING = frozenset({"same", "read", "refresh"})
"""Operations that change nothing anywhere."""

UNPROTECT = "unprotect"
"""Our own word: nothing happens now, but from then on the thing may be deleted."""

Values = Mapping[str, Any]
Sketches = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One resource that a plan creates, changes or deletes."""

    urn: str
    """The engine's name."""
    operations: tuple[str, ...]
    """What the engine does, in order: create, update, delete, replace …"""
    before: Values = dataclasses.field(default_factory=dict)
    """What it is, masked; empty for what is new."""
    after: Values = dataclasses.field(default_factory=dict)
    """What it becomes, masked; empty for what goes."""
    acts_on: Values = dataclasses.field(default_factory=dict, repr=False)
    """Everything it names, before and after, secrets in clear: for looking, never for showing."""
    runs: tuple[str, ...] = ()
    """The commands that a host is given, to the letter."""
    secret_changes: tuple[str, ...] = ()
    """Names of what changes without being shown."""
    unseen: bool = False
    """Whether what a host is told cannot be known before it is told."""
    goes_with: str = ""
    """The name of the machine with which it goes, so that nothing is run."""

    @property
    def kind(self) -> str:
        """The resource's type, without its parents'."""
        return self.urn.split("::")[2].rpartition("$")[2]

    @property
    def name(self) -> str:
        """The logical name."""
        return self.urn.rpartition("::")[2]

    @property
    def leaves(self) -> bool:
        """Whether nothing stays of it."""
        return set(self.operations) <= {"delete"}

    @property
    def tool(self) -> str:
        """The tool of `assets/remote` that a host runs; empty for what runs none."""
        first = (self.runs or ("",))[0].split(" ")
        found = [word.rpartition("/bin/")[2] for word in first if "/bin/" in word]
        return found[-1] if found and first[-1] in ("up", "down") else ""


def planned(plan: Values, state: Values, sketches: Sketches) -> list[Step]:
    """Return the steps of a saved plan, what goes last at the end.

    Args:
        plan: the engine's file.
        state: the deployment, secrets shown.
        sketches: the documents of the steps on hosts, masked, by logical name.
    """
    old = _resources(state)
    plans: Mapping[str, Values] = plan.get("resourcePlans") or {}
    depths: dict[str, int] = {}
    found = []
    for urn in sorted(plans, key=lambda urn: (_depth(urn, plans, depths), urn)):
        about = plans[urn]
        operations = tuple(op for op in about.get("steps") or [] if op not in _NOTHING)
        goal = about.get("goal") or {}
        rules = urn.split("::")[2].endswith(GUARD) and _changed(goal.get("outputDiff") or {})
        custom = goal.get("custom", old.get(urn, {}).get("custom", True)) and not _default(urn)
        if goal and not operations and old.get(urn, {}).get("protect") and not goal.get("protect"):
            operations = (UNPROTECT,)
        if rules or (operations and custom):
            found.append(_step(urn, operations or ("update",), goal, old.get(urn, {}), sketches))
    staying = [step for step in found if not step.leaves]
    order = list(old)
    leaving = sorted((s for s in found if s.leaves), key=lambda s: -order.index(s.urn))
    return [*staying, *_without_their_machine(leaving, old)]


def destroyed(state: Values) -> list[Step]:
    """Return the steps that remove everything of a state, the last made first."""
    resources = {
        urn: one
        for urn, one in _resources(state).items()
        if one.get("custom") and not _default(urn)
    }
    found = [_step(urn, ("delete",), {}, one, {}) for urn, one in reversed(resources.items())]
    return _without_their_machine(found, resources)


def _without_their_machine(leaving: list[Step], old: Mapping[str, Values]) -> list[Step]:
    """Return what leaves; nothing is run for that of which the machine leaves too."""
    going = {step.urn for step in leaving}
    machines = {step.urn: str(old[step.urn].get("deletedWith") or "") for step in leaving}
    return [
        dataclasses.replace(step, goes_with=machine.rpartition("::")[2], runs=())
        if (machine := machines[step.urn]) in going
        else step
        for step in leaving
    ]


def _resources(state: Values) -> dict[str, Values]:
    """Return what there is by its URN; what only waits for its removal where there is no other."""
    found: dict[str, Values] = {}
    for one in state.get("resources") or []:
        if not one.get("delete") or one["urn"] not in found:
            found[one["urn"]] = one
    return found


def _default(urn: str) -> bool:
    """Return whether this is a provider without settings, which reaches nothing by itself."""
    return "::pulumi:providers:" in urn and urn.rpartition("::")[2].startswith("default_")


def _changed(diff: Values) -> bool:
    return any(diff.get(part) for part in ("adds", "updates", "deletes"))


def _depth(urn: str, plans: Mapping[str, Values], known: dict[str, int]) -> int:
    """Return how many resources have to be there one after another before this one."""
    if urn not in known:
        known[urn] = 0  # whatever leads back here
        goal = plans.get(urn, {}).get("goal") or {}
        needs = [*(goal.get("dependencies") or []), goal.get("parent") or ""]
        known[urn] = 1 + max(
            (_depth(one, plans, known) for one in needs if one in plans), default=0
        )
    return known[urn]


def _step(
    urn: str, operations: tuple[str, ...], goal: Values, old: Values, sketches: Sketches
) -> Step:
    name, kind = urn.rpartition("::")[2], urn.split("::")[2].rpartition("$")[2]
    was, rules = old.get("inputs") or {}, kind == GUARD
    diff = goal.get("outputDiff" if rules else "inputDiff") or {}
    was = (old.get("outputs") or {}) if rules else was
    becomes = {} if set(operations) <= {"delete"} else applied(was, diff)
    before, after = values.masked(was), values.masked(becomes)
    told = values.clear({"before": was, "after": becomes})
    secret = [key for key in diff.get("updates") or {} if before.get(key) == after[key] == SECRET]
    step = Step(
        urn=urn,
        operations=operations,
        before=before,
        after=after,
        acts_on=told,
        secret_changes=tuple(sorted(secret)),
    )
    if kind not in COMMANDS:
        return step
    documents = {"before": document(before), "after": sketches.get(name, document(after))}
    hidden = [after.get(key) == UNKNOWN for key in ("create", "update", "delete", "triggers")]
    return dataclasses.replace(
        step,
        before={**before, **({"stdin": documents["before"]} if "stdin" in before else {})},
        after={**after, **({"stdin": documents["after"]} if "stdin" in after else {})},
        acts_on={
            "before": {**told["before"], "stdin": document(told["before"])},
            "after": {**told["after"], "stdin": documents["after"]},
        },
        runs=tuple(_commands(operations, was, becomes)),
        unseen=bool(after) and (documents["after"] in (UNKNOWN, SECRET) or any(hidden)),
    )


def applied(before: Values, diff: Values) -> dict[str, Any]:
    """Return what something becomes by a plan's difference."""
    gone = set(diff.get("deletes") or [])
    kept = {key: value for key, value in before.items() if key not in gone}
    return {**kept, **(diff.get("adds") or {}), **(diff.get("updates") or {})}


def document(inputs: Values) -> Any:  # noqa: ANN401 - any JSON
    """Return what a command gets on standard input, parsed where it is a document."""
    text = inputs.get("stdin")
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text.rpartition(_MARK)[2])
    except ValueError:
        return text


def _commands(operations: tuple[str, ...], was: Values, becomes: Values) -> Iterator[str]:
    """Yield what a host is given to run; a step that only marks a place in the order runs nothing.

    As the command provider does it: an update without a command of its own creates again.
    """
    create, delete = becomes.get("create"), was.get("delete")
    for operation in operations:
        if operation in ("create", "create-replacement"):
            command = create
        elif operation == "update":
            command = becomes.get("update") or create
        elif operation in ("delete", "delete-replaced"):
            command = delete
        else:
            continue
        if command:
            yield str(values.masked(command))
