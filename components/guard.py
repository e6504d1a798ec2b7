"""The guard of a stack: what is vital, and that nothing runs but an approved plan.

Its rules lie in the stack's state, so that a plan which changes them is judged by those before it
(homeport/guard). Here the program itself refuses an `up` or `destroy` that nobody approved.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence

import pulumi
from pydantic import ValidationError

from .config.guarding import Guard as Rules

APPROVED = "HOMEPORT_APPROVED"
"""Set by `homeport up` and `homeport destroy` while an approved plan runs: project/stack."""

TYPE = "homeport:guard:Guard"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class GuardArgs:
    """Who approves, for how long, and what is vital."""

    approvers: Mapping[str, str]
    """Public SSH keys by the names of who may approve."""
    vital: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    """Names by kind: `containers`, `volumes`, `databases`, `certificates`, `vhosts`, `files`."""
    valid_minutes: int = 30
    """How long an approval can be used."""
    backup_hours: int = 24
    """How old the backup of a vital thing may be when a plan that touches it is approved."""
    enforced: bool = True
    """Whether it holds; set to False, approved, and only then can the guard be removed."""

    def __post_init__(self) -> None:
        """Refuse what the same keys of a configuration would refuse.

        Raises:
            ValueError: naming each field, what is wrong with it and the cure.
        """
        try:
            Rules.model_validate(dataclasses.asdict(self))
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
                + (f": {cure}" if (cure := one.get("ctx", {}).get("cure")) else "")
                for one in error.errors(include_url=False)
            )
            msg = f"Guard: {wrong}"
            raise ValueError(msg) from None


class Guard(pulumi.ComponentResource):
    """Nothing of the stack is created, changed or deleted without an approved plan.

    Make it first, before anything else: a program that has registered something already has perhaps
    made it, too. `pulumi destroy` without the program is refused by the engine, because of a hook.
    """

    rules: pulumi.Output[Mapping[str, object]]
    """The rules, as `homeport approve` reads them from the state."""

    def __init__(
        self, name: str, args: GuardArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        if args.enforced:
            refuse_unapproved()
        own = pulumi.ResourceOptions(hooks=_before_delete(name) if args.enforced else None)
        super().__init__(TYPE, name, {}, pulumi.ResourceOptions.merge(own, opts))
        rules = Rules.model_validate(dataclasses.asdict(args)).model_dump(mode="json")
        self.rules = pulumi.Output.from_input(rules)
        self.register_outputs({"rules": self.rules})


def refuse_unapproved() -> None:
    """End the program unless it only plans, or runs what was approved.

    Raises:
        RunError: with the way to an approval; printed by Pulumi without a traceback.
    """
    project, stack = pulumi.get_project(), pulumi.get_stack()
    if pulumi.runtime.is_dry_run() or os.environ.get(APPROVED) == f"{project}/{stack}":
        return
    msg = (
        f"the stack {stack} of {project} is guarded: only an approved plan runs, and this is none\n"
        f"next: `homeport approve --stack {stack}`, then `homeport up --stack {stack}`; "
        "with --destroy and `homeport destroy` to remove everything (docs/guard.md)"
    )
    raise pulumi.RunError(msg)


def _before_delete(name: str) -> pulumi.ResourceHookBinding:
    """Return what makes the engine refuse to delete the guard without the program."""

    def nothing(_args: pulumi.ResourceHookArgs) -> None:
        """Do nothing: the program has refused already, or the plan is approved."""

    return pulumi.ResourceHookBinding(before_delete=[pulumi.ResourceHook(f"{name}-kept", nothing)])
