"""The policy pack: `pulumi preview --policy-pack policy`, for any stack.

That a volume may not shrink is no policy, because a policy does not see what is deployed; it is a
hook on the volume (components/guards.py).
"""

import guards
from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError


def resource_policy(rule: guards.Rule) -> ResourceValidationPolicy:
    """Return a rule as a policy."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        try:
            for wrong in rule(args.resource_type, args.props):
                report(f"{args.name}: {wrong}", args.urn)
        except UnknownValueError:
            # A first preview cannot know it; the `up` that follows asks again.
            return

    return ResourceValidationPolicy(
        name=rule.__name__.replace("_", "-"),
        description=(rule.__doc__ or "").splitlines()[0],
        validate=validate,
    )


def protection(args: StackValidationArgs, report: ReportViolation) -> None:
    """Report what should be protected too."""
    resources = {r.urn: (r.resource_type, r.opts.protect) for r in args.resources}
    for urn, wrong in guards.protection_is_whole(resources):
        report(f"{urn.rpartition('::')[2]}: {wrong}", urn)


PolicyPack(
    "homeport",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        *map(resource_policy, guards.RULES),
        StackValidationPolicy(
            name="protection-is-whole",
            description="Server, address and volume are protected together.",
            validate=protection,
        ),
    ],
)
