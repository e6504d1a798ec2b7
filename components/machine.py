"""What happens to things on a machine when the machine itself is deleted, replaced, or lost.

Nothing is removed one by one on a machine that goes; everything is made anew on the next one.
"""

import dataclasses
from collections.abc import Sequence

import pulumi

from . import guards


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What a thing on a machine has to know of it in order to share its fate."""

    contents: pulumi.Resource
    """Stands for all that lies on it; the engine skips the removal of what is deleted with it."""
    ended_by: Sequence[pulumi.Resource]
    """Replacing one of these ends the machine, and replaces what lies on it."""


def place_of(
    name: str, location: str, *, protect: bool, parent: pulumi.Resource
) -> pulumi.CustomResource:
    """Return what keeps the place of a machine, and refuses or announces another one in a preview.

    Args:
        name: logical name of the component.
        location: the place.
        protect: whether the machine must not be replaced.
        parent: the component.
    """
    return pulumi.Stash(
        f"{name}-place",
        input={"location": location, "protect": protect},
        opts=pulumi.ResourceOptions(parent=parent, hooks=guards.moves_on_purpose(f"{name}-place")),
    )


def machine_of(
    name: str, server: pulumi.CustomResource, address: pulumi.Resource, parent: pulumi.Resource
) -> Machine:
    """Return the machine that a cloud's server is.

    The server itself cannot be what its things are deleted with: the engine asks whether *another*
    deletion takes them along, and the root of a replacement is not among those. So `contents` is,
    which goes whenever the server does.

    Args:
        name: logical name of the component that made it.
        server: replaced first, when it is replaced for its own sake.
        address: replaced before the server, where it cannot follow it.
        parent: the component.
    """
    # A server that was deleted by hand is created, not replaced: then this is.
    identity = pulumi.Stash(
        f"{name}-machine",
        input=server.id,
        opts=pulumi.ResourceOptions(
            parent=parent, replacement_trigger=server.id, delete_before_replace=True
        ),
    )
    ended_by = [address, server, identity]
    contents = pulumi.Stash(
        f"{name}-contents",
        input="goes with the machine",
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=[identity],
            deleted_with=server,
            replace_with=ended_by,
            delete_before_replace=True,
        ),
    )
    return Machine(contents=contents, ended_by=ended_by)


def bound_to(machine: Machine | None) -> pulumi.ResourceOptions:
    """Return the options of what lives and dies with a machine; None is one that nobody made."""
    if machine is None:
        return pulumi.ResourceOptions()
    return pulumi.ResourceOptions(
        deleted_with=machine.contents,
        replace_with=list(machine.ended_by),
        # After an `up` that ended in between, the next one must not remove from the new machine
        # what it has just made there.
        delete_before_replace=True,
    )
