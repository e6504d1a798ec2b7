"""A step that runs SQL in a server, and what becomes of it when server or data are replaced."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_command as command

from .machine import bound_to
from .postgres_place import DatabaseServer


def run(
    server: DatabaseServer,
    name: str,
    batches: Mapping[str, Any],
    *,
    opts: pulumi.ResourceOptions,
    down: bool = False,
    secret: bool = False,
) -> command.remote.Command:
    """Run SQL in a server."""
    return server.host.remote.step(
        name,
        "sql",
        {**server.place, **batches},
        down=down,
        secret=secret,
        # What removes nothing may go with the host.
        elsewhere=down and server.data is None,
        opts=opts,
    )


def made_in(
    parent: pulumi.Resource,
    server: DatabaseServer,
    identity: str,
    depends_on: Sequence[pulumi.Resource],
    *,
    protect: bool | None = None,
) -> pulumi.ResourceOptions:
    """Return the options of what is made in a server, and made anew with another name or data."""
    own = pulumi.ResourceOptions(
        parent=parent,
        depends_on=depends_on,
        protect=protect,
        replace_with=[server.data] if server.data else None,
        replacement_trigger=identity,
        # The old one's removal must not hit what the new one made.
        delete_before_replace=True,
    )
    return pulumi.ResourceOptions.merge(bound_to(server.machine), own)
