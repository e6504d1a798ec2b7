"""What a program says first, so that the time it takes grows with its resources, and no faster."""

import asyncio
import atexit
import gc

import pulumi

_ALLOCATIONS = 10_000
"""After so many new objects Python looks for those that only refer to each other; after 700 unless
it is told. A program has hardly any of them, and a hundred apps make half a million others."""


def begin() -> None:
    """Make previews and updates of large programs fast; what they do stays the same.

    When a program has been read to its end, Pulumi's SDK waits for all that is under way. What has
    not begun by then it does not wait for one by one: it looks at every open output whenever one of
    them is known, so that time grows with the square of their number. With this, all has begun.

    An error in a function given to `apply` is told, and ends the program, once all that does not
    depend on it is done, rather than at once; that of a resource ends it at once as ever.

    Raises:
        RunError: the program calls `pulumi.run` itself, which can be done once.
    """
    gc.set_threshold(_ALLOCATIONS)
    # Nor is it worth looking through them all at the end, where Python does so several times.
    atexit.register(gc.freeze)
    pulumi.run(_turn)


async def _turn() -> None:
    """Let the registrations begin, which wait for a turn of the loop while the program runs."""
    await asyncio.sleep(0)
