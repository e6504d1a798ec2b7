"""Makes a plan with the engine, and says what it would do, so that two plans can be compared."""

import contextlib
import dataclasses
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from components import sketch
from components.config.guarding import Guard
from homeport import engine, stacks
from homeport.guard import listing, rules, steps, touching, values


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A plan with all that an approval depends on."""

    guard: Guard
    """The rules that it is judged by."""
    entries: tuple[listing.Entry, ...]
    """Everything that it would do."""
    text: str
    """The list, complete."""
    meaning: str
    """SHA-256 of what it would do."""
    config: str
    """SHA-256 of the configuration."""
    state: str
    """SHA-256 of the state."""
    deployment: Mapping[str, Any] = dataclasses.field(repr=False)
    """The state itself, secrets shown."""
    hidden: frozenset[str] = dataclasses.field(repr=False)
    """What must not be shown."""

    def short(self, file: Path) -> str:
        """Return the list as a terminal shows it."""
        return values.blotted(listing.short(self.entries, str(file)), self.hidden)


def prepared(aim: stacks.Target, operation: str, file: Path) -> Prepared:
    """Plan an operation, and write the engine's plan into `file`; changes nothing anywhere.

    Raises:
        StackError: the stack is not guarded, or cannot be planned.
    """
    # The stack of a local cloud is made together with its copy of the stack file.
    stacks.config_file(aim)
    state = _state(aim)
    plan: dict[str, Any] = {}
    told: dict[str, Any] = {}
    if operation == "up":
        plan, told = _planned(aim, file)
    guard = rules.in_force(state, plan)
    if guard is None:
        msg = (
            f"{aim.name}/{aim.stack} is not guarded, so that nothing there needs an approval: run "
            f"`homeport {operation}`, or declare a guard (docs/guard.md)"
        )
        raise stacks.StackError(msg)
    if operation == "destroy":
        refuse_protected(state)
    found = steps.planned(plan, state, told) if operation == "up" else steps.destroyed(state)
    labels = [*guard.vital.labels()]
    entries = tuple(
        listing.Entry(
            step=step,
            touches=tuple(touching.touched(step, labels)),
            restarts=tuple(touching.restarted(step)),
        )
        for step in found
    )
    hidden = frozenset([*values.secrets(state), *_given_secrets(aim)])
    text = values.blotted(listing.whole(entries), hidden)
    meaning = {"list": text, "told": told, "goals": demanded(plan)}
    return Prepared(
        guard=guard,
        entries=entries,
        text=text,
        meaning=values.digest(meaning),
        config=values.digest(_config(aim)),
        state=values.digest(values.masked(state)),
        deployment=state,
        hidden=hidden,
    )


def refuse_protected(state: Mapping[str, Any]) -> None:
    """Refuse to destroy what is protected: the engine would find that out after other things went.

    Raises:
        StackError: something is; with all of it.
    """
    resources = state.get("resources", [])
    names = [str(each["urn"]).rpartition("::")[2] for each in resources if each.get("protect")]
    if names:
        msg = (
            f"protected, and not to be destroyed: {', '.join(names)}; set what protects them to "
            "false in the stack file, run `homeport up`, and only then destroy"
        )
        raise stacks.StackError(msg)


def _planned(aim: stacks.Target, file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a plan, and what steps on hosts would be told."""
    with _sketching() as (sketched, extra):
        options = ["--stack", aim.stack, *stacks.config_file(aim), f"--save-plan={file}"]
        done = engine.run(
            ["preview", *options, "--non-interactive", "--color=never"],
            cwd=aim.project,
            extra={**aim.environment, **extra},
            quiet=True,
        )
        if done.returncode != 0:
            msg = f"no plan could be made:\n{done.stdout.strip()}\n{done.stderr.strip()}"
            raise stacks.StackError(msg.strip())
        lines = [json.loads(line) for line in sketched.read_text().splitlines()]
    file.chmod(0o600)
    return json.loads(file.read_text()), {line["step"]: line["document"] for line in lines}


@contextlib.contextmanager
def _sketching() -> Iterator[tuple[Path, dict[str, str]]]:
    """Give the program a file to write down what steps are told, and what names it."""
    descriptor, name = tempfile.mkstemp(prefix="homeport-sketch-")
    os.close(descriptor)
    try:
        yield Path(name), {sketch.FILE: name}
    finally:
        Path(name).unlink()


def demanded(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a plan demands of every resource, without what differs from run to run."""
    return {
        urn: values.masked({"goal": _ordered(about.get("goal")), "steps": about.get("steps")})
        for urn, about in (plan.get("resourcePlans") or {}).items()
    }


def _ordered(goal: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return what is demanded of a resource, its dependencies in an order of their own."""
    if not goal:
        return goal
    by_property = goal.get("propertyDependencies") or {}
    return {
        **goal,
        "dependencies": sorted(goal.get("dependencies") or []),
        "propertyDependencies": {key: sorted(urns) for key, urns in by_property.items()},
    }


def _state(aim: stacks.Target) -> dict[str, Any]:
    """Return the stack's state, with its secrets; it is not written down anywhere."""
    exported = json.loads(stacks.answer(aim, ["stack", "export", "--show-secrets"]))
    deployment: dict[str, Any] = exported.get("deployment") or {}
    return deployment


def _stack_file(aim: stacks.Target) -> Path:
    given = stacks.config_file(aim)
    return Path(given[-1]) if given else aim.project / f"Pulumi.{aim.stack}.yaml"


def _config(aim: stacks.Target) -> dict[str, Any]:
    """Return the stack's configuration as its file has it, secrets encrypted."""
    found = yaml.safe_load(_stack_file(aim).read_text()) or {}
    config: dict[str, Any] = found.get("config") or {}
    return config


def _given_secrets(aim: stacks.Target) -> Iterator[str]:
    """Yield the secrets of the configuration, so that none of them is shown."""
    argv = ["config", "--show-secrets", "--json", *stacks.config_file(aim)]
    for entry in json.loads(stacks.answer(aim, argv)).values():
        text = entry.get("value") or ""
        if entry.get("secret") and len(text) >= values.FEWEST:
            yield text
