"""Guards that see what is deployed: they refuse in a preview what no configuration can know."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi


def never_smaller(name: str, prop: str, *, key: str, unit: str) -> pulumi.ResourceHookBinding:
    """Return hooks that let a number grow but never shrink, in previews too.

    Args:
        name: the resource's logical name; makes the hook's name unique.
        prop: the property, as the provider names it.
        key: the configuration key that a person would change back.
        unit: follows the number in the message.
    """

    def check(args: pulumi.ResourceHookArgs) -> None:
        refuse_shrinking(args, prop, key=key, unit=unit)

    hook = pulumi.ResourceHook(
        f"{name}-never-smaller", check, pulumi.ResourceHookOptions(on_dry_run=True)
    )
    return pulumi.ResourceHookBinding(before_update=[hook])


def refuse_shrinking(args: pulumi.ResourceHookArgs, prop: str, *, key: str, unit: str) -> None:
    """Compare what is deployed with what is asked for.

    Raises:
        ValueError: naming the key, both numbers and the cure.
    """
    before, after = (args.old_inputs or {}).get(prop), (args.new_inputs or {}).get(prop)
    if isinstance(before, int | float) and isinstance(after, int | float) and after < before:
        msg = (
            f"{key}: is {before:g} {unit} and can only grow, because its data would be cut off "
            f"(got {after:g}): set it to {before:g} or more; for less, make a new one and move "
            "the data"
        )
        raise ValueError(msg)


def moves_on_purpose(name: str) -> pulumi.ResourceHookBinding:
    """Return hooks that let a server move once it is protected no more, in previews too.

    Args:
        name: logical name of the resource that keeps `location` and `protect` of the server; makes
            the hook's name unique.
    """

    def check(args: pulumi.ResourceHookArgs) -> None:
        before, after = (
            (inputs or {}).get("input", {}) for inputs in (args.old_inputs, args.new_inputs)
        )
        if warning := meaning_of_move(before, after):
            pulumi.log.warn(warning)

    hook = pulumi.ResourceHook(
        f"{name}-on-purpose", check, pulumi.ResourceHookOptions(on_dry_run=True)
    )
    return pulumi.ResourceHookBinding(before_update=[hook])


def meaning_of_move(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Return what changing the place of a server does; None where it stays.

    Raises:
        ValueError: the server is protected, or was until now.
    """
    here, there = before["location"], after["location"]
    if here == there:
        return None
    means = (
        f"another place is another machine: the one in {here} is deleted, with its address, its "
        f"volume and everything on them, before the one in {there} is made"
    )
    if before["protect"] or after["protect"]:
        msg = (
            f"server.location: is {here} and server.protect is on (got {there}): {means}; set it "
            f"back to {here}, or copy the data away, set server.protect to false, run `pulumi up`, "
            "and only then change the place"
        )
        raise ValueError(msg)
    return f"server.location: {means}; nothing serves meanwhile, some minutes"


def one_flag_at_a_time(name: str, *, key: str) -> pulumi.ResourceHookBinding:
    """Return hooks that let a flag flip only where the one before is verified, in previews too.

    Args:
        name: logical name of the cut-over, whose step has all of this in its document; makes the
            hook's name unique.
        key: the configuration key that says how many flags are flipped.
    """

    def check(args: pulumi.ResourceHookArgs) -> None:
        before, after = (
            (inputs or {}).get("stdin") for inputs in (args.old_inputs, args.new_inputs)
        )
        if isinstance(before, str) and isinstance(after, str):
            refuse_jump(json.loads(before), json.loads(after), key=key)

    hook = pulumi.ResourceHook(
        f"{name}-one-flag-at-a-time", check, pulumi.ResourceHookOptions(on_dry_run=True)
    )
    return pulumi.ResourceHookBinding(before_update=[hook])


def refuse_jump(before: Mapping[str, Any], after: Mapping[str, Any], *, key: str) -> None:
    """Compare which flags are verified with which are to be flipped.

    Raises:
        ValueError: naming the key, the flags and the cure.
    """
    verified, wanted = before["flipped"], after["flipped"]
    done, order = before["order"][:verified], after["order"]
    kept = min(verified, wanted)
    if order[:kept] != done[:kept]:
        msg = (
            f"{key}: the flags that are flipped, {', '.join(done)}, stand in another order now "
            f"(got {', '.join(order)}): leave them where they are, or flip them back before"
        )
        raise ValueError(msg)
    if wanted > verified + 1:
        flags, first = ", ".join(order[verified:wanted]), order[verified]
        msg = (
            f"{key}: {flags} would flip at once, and each has to be verified before the next (got "
            f"{wanted}, verified are {verified}): set it to {verified + 1}, which flips {first}, "
            "run `up`, and go on from there"
        )
        raise ValueError(msg)
