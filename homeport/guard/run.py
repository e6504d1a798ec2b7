"""`homeport approve`, and what `up` and `destroy` do with an approval: all of it in this order.

Approve: plan, show, check what is touched, sign. Run: check that a new plan would mean the same,
the signature and the time; use the approval up; have the engine do that plan and nothing else.
"""

import dataclasses
import difflib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from components.guard import APPROVED
from homeport import stacks
from homeport.guard import approvals, backups, plans
from homeport.guard.approvals import Approval, Place
from homeport.guard.plans import Prepared

_AGAIN = "next: `homeport approve` shows the new plan"
_MOST_SHOWN = 30


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What somebody asks to have approved, and with what in hand."""

    operation: str = "up"
    """`up` or `destroy`."""
    touch: Sequence[str] = ()
    """Labels of the vital things that it may touch."""
    receipts: Sequence[Path] = ()
    """Receipts of backups."""
    key: Path
    """The approver's SSH key; a public one has the agent sign."""


def approve(
    aim: stacks.Target,
    asked: Asked,
    *,
    show: Callable[[str], None],
    agreed: Callable[[], bool],
    now: datetime | None = None,
) -> tuple[Approval, str] | None:
    """Show a plan and sign it; return the approval and who gave it.

    None when there is nothing to do, or when it was not agreed to.

    Args:
        aim: the stack.
        asked: what to approve.
        show: gets the list, before anything is refused.
        agreed: returns whether it is to be signed.
        now: the time; None is the clock's.

    Raises:
        StackError: it must not be approved; with the reason and the cure.
    """
    now = now or approvals.now()
    where = approvals.place(aim).cleared()
    plan = plans.prepared(aim, asked.operation, where.plan)
    if not plan.entries:
        where.cleared()
        return None
    approvals.write_private(where.listing, plan.text)
    show(plan.short(where.listing))
    proof = check(plan, asked, now)
    if not agreed():
        where.cleared()
        return None
    made = Approval(
        project=aim.name,
        stack=aim.stack,
        operation=asked.operation,
        listing=approvals.digest_of(where.listing),
        plan=approvals.digest_of(where.plan),
        meaning=plan.meaning,
        config=plan.config,
        state=plan.state,
        touches=tuple(sorted(asked.touch)),
        backups=tuple(f"{backup.file} {backup.sha256}" for backup in proof),
        made=now,
        until=now + timedelta(minutes=plan.guard.valid_minutes),
    )
    try:
        approvals.write_private(where.document, made.text())
        approvals.sign(where, asked.key)
        return made, approvals.signer(where, plan.guard.approvers)
    except BaseException:
        where.cleared()
        raise


def check(plan: Prepared, asked: Asked, now: datetime) -> list[backups.Backup]:
    """Return the backups of what is touched.

    Raises:
        StackError: something is touched that is not named, or of which there is no backup.
    """
    wrong = [*_unseen(plan), *_touches(plan, asked.touch)]
    if wrong:
        raise stacks.StackError("\n".join(wrong))
    if not asked.touch:
        return []
    have = [*map(backups.read, asked.receipts), *backups.reported(plan.deployment)]
    hours = plan.guard.backup_hours
    missing = backups.missing(asked.touch, have, hours=hours, now=now)
    if missing:
        msg = (
            f"no backup of {', '.join(missing)} is younger than {hours} hours: make one, and give "
            "its receipt with --backup (docs/guard.md)"
        )
        raise stacks.StackError(msg)
    return [backup for backup in have if set(backup.of) & set(asked.touch)]


def _unseen(plan: Prepared) -> Iterator[str]:
    names = [entry.step.name for entry in plan.entries if entry.step.unseen]
    if names:
        yield (
            f"{', '.join(names)}: what is run there cannot be shown before it runs; let a plan "
            "make what it waits for first, or give it as a step of the host"
        )


def _touches(plan: Prepared, named: Sequence[str]) -> Iterator[str]:
    by: dict[str, list[str]] = {}
    for entry in plan.entries:
        for label in entry.touches:
            by.setdefault(label, []).append(entry.step.name)
    for label, names in by.items():
        if label not in named:
            yield (
                f"{label} is vital, and {', '.join(names)} would touch it: change the program so "
                f"that it does not, or approve it by name with --touch {label} and a backup"
            )
    for label in named:
        if label not in by:
            yield f"--touch {label}: nothing in this plan touches that: leave it out"


def run(aim: stacks.Target, operation: str, *, now: datetime | None = None) -> int:
    """Run what was approved, once, and return the engine's exit code.

    Raises:
        StackError: the approval does not hold; nothing was run, and why.
    """
    where, now = approvals.place(aim), now or approvals.now()
    verify(aim, operation, where, now)
    plan = where.use_up(now)
    options = ["--yes", "--skip-preview", *([f"--plan={plan}"] if operation == "up" else [])]
    try:
        extra = {APPROVED: f"{aim.name}/{aim.stack}"}
        return stacks.run(aim, operation, options, extra=extra)
    finally:
        # It holds secrets, if encrypted ones; the list beside it does not.
        plan.unlink(missing_ok=True)


def verify(aim: stacks.Target, operation: str, where: Place, now: datetime) -> tuple[Approval, str]:
    """Return the approval and who gave it, when it is for exactly what would be run.

    Raises:
        StackError: it is not; with the reason and the cure.
    """
    if not where.document.exists():
        msg = f"nothing of {aim.name}/{aim.stack} is approved\n{_AGAIN}"
        raise stacks.StackError(msg)
    found = approvals.parsed(where.document.read_text())
    void = next(_void(found, aim, operation, where, now), None)
    if void is None:
        with tempfile.TemporaryDirectory() as folder:
            fresh = plans.prepared(aim, operation, Path(folder) / "plan.json")
        by = approvals.signer(where, fresh.guard.approvers)
        void = next(_changed(found, fresh, where), None)
        if void is None:
            return found, by
    msg = f"the approval is void, nothing was run: {void}\n{_AGAIN}"
    raise stacks.StackError(msg)


def _void(
    found: Approval, aim: stacks.Target, operation: str, where: Place, now: datetime
) -> Iterator[str]:
    """Yield what makes an approval void by itself."""
    if (found.project, found.stack) != (aim.name, aim.stack):
        yield f"it is for {found.project}/{found.stack}"
    if found.operation != operation:
        yield f"it is for `homeport {found.operation}`"
    if now > found.until:
        yield f"it ended at {found.until:%Y-%m-%d %H:%M:%S} UTC"
    if now < found.made:
        yield f"it was made at {found.made:%Y-%m-%d %H:%M:%S} UTC, which is not yet"
    if approvals.digest_of(where.plan) != found.plan:
        yield "the plan beside it is another one"
    if approvals.digest_of(where.listing) != found.listing:
        yield "the list beside it is another one"


def _changed(found: Approval, fresh: Prepared, where: Place) -> Iterator[str]:
    """Yield what has changed since an approval."""
    if fresh.state != found.state:
        yield "the state has changed since, by another `up`, a refresh or an import"
    if fresh.config != found.config:
        yield "the configuration of the stack has changed since"
    if fresh.meaning != found.meaning:
        before, after = where.listing.read_text().splitlines(), fresh.text.splitlines()
        lines = [*difflib.unified_diff(before, after, "approved", "now", lineterm="", n=1)]
        shown = "\n".join(lines[:_MOST_SHOWN]) or "(in what cannot be shown)"
        yield f"the program, or what it reads, has changed since:\n{shown}"
