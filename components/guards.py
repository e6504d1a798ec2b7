"""Guards that see what is deployed: they refuse in a preview what no configuration can know."""

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
