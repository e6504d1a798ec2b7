"""A cut-over: flags of an app that flip in a fixed order, each seen to work before the next."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pulumi

from . import guards, names
from .app import App
from .health import HealthCheck
from .host import Host
from .job import check_environment

_ROOM_SECONDS = 60


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """A variable of the app that changes once, and how one sees on which side it is."""

    name: str
    """The variable's name."""
    before: str
    """Its value until it is flipped."""
    after: str
    """Its value from then on."""
    seen_before: HealthCheck
    """What the app answers while it has the first value, and all before it the second."""
    seen_after: HealthCheck
    """What the app answers once it has the second one, and nobody after it."""

    def __post_init__(self) -> None:
        """Refuse a flag that changes nothing, or that nobody could see.

        Raises:
            ValueError: naming the flag, the field, the rule and the value.
        """
        where = f"flag {self.name}"
        for field in ("before", "after"):
            check_environment(f"{where}: {field}", {self.name: getattr(self, field)})
        if self.before == self.after:
            msg = f"{where}: after: must differ from before (got {self.after!r})"
            raise ValueError(msg)
        if self.seen_before == self.seen_after:
            msg = f"{where}: seen_after: must differ from seen_before, or nobody sees the flip"
            raise ValueError(msg)


def positions(flags: Sequence[Flag], flipped: int) -> dict[str, str]:
    """Return the variables of an app of whose flags so many are flipped, the first ones.

    Raises:
        ValueError: there are not so many.
    """
    if not 0 <= flipped <= len(flags):
        msg = f"cutover: flipped: must be from 0 to {len(flags)} (got {flipped})"
        raise ValueError(msg)
    return {
        flag.name: flag.after if number < flipped else flag.before
        for number, flag in enumerate(flags)
    }


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CutoverArgs:
    """What is cut over, and how far."""

    host: Host
    """The machine that the app runs on."""
    app: App
    """The app; its environment has what `positions` says."""
    flags: Sequence[Flag]
    """In the order in which they flip."""
    flipped: int = 0
    """How many of them are."""
    always: Sequence[HealthCheck] = ()
    """What the app answers on whichever side the flags are."""
    key: str
    """The key of the configuration that says `flipped`, for messages."""

    def __post_init__(self) -> None:
        """Refuse an order that is none.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        order = [flag.name for flag in self.flags]
        if not order or len(set(order)) < len(order):
            msg = f"cutover: flags: must name at least one, and none twice (got {order})"
            raise ValueError(msg)
        positions(self.flags, self.flipped)


class Cutover(pulumi.ComponentResource):
    """The first flags are flipped and the app answers accordingly, or the deploy fails.

    A preview refuses to flip two at once, or one that comes after one which has not been verified;
    going back is free. Each release of the app is verified again. Removing this changes nothing.
    """

    verified: str
    """The last flag that is flipped; empty for none."""

    def __init__(
        self, name: str, args: CutoverArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:cutover:Cutover", name, {}, opts)
        names.check_label("cutover", name)
        spec = document(args)
        self.verified = spec["order"][args.flipped - 1] if args.flipped else ""
        args.host.remote.step(
            f"{name}-verified",
            "cutover",
            spec,
            timeout_seconds=_ROOM_SECONDS + sum(one["start_seconds"] for one in spec["checks"]),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[args.app],
                hooks=guards.one_flag_at_a_time(name, key=args.key),
            ),
        )
        self.register_outputs({"verified": self.verified})


def document(args: CutoverArgs) -> dict[str, Any]:
    """Return what the host's tool is told.

    Of the flags two show: the last one that is flipped and the first one that is not. What the
    others had to show they have shown in their turn, and a later flag may have changed it.
    """
    here = args.flipped
    shown = [(flag, flag.seen_after) for flag in args.flags[max(here - 1, 0) : here]]
    shown += [(flag, flag.seen_before) for flag in args.flags[here : here + 1]]
    told = positions(args.flags, here)
    checks = [{"what": "the app", **check.spec()} for check in args.always]
    checks += [{"what": f"{f.name}={told[f.name]}", **check.spec()} for f, check in shown]
    return {
        "app": args.app.instance_name,
        "port": args.app.port,
        "release": args.app.release,
        "order": [flag.name for flag in args.flags],
        "flipped": here,
        "key": args.key,
        "checks": checks,
    }
