"""What a deploy that was cut off left behind in Docker, and how the next one gets past it.

The engine may die, or lose its way to the host, after Docker has made something and before that is
written down. The next `up` then makes it again, and its name is taken. Only then does anything
happen here: a deploy that goes well pays nothing for it.
"""

import asyncio
import concurrent.futures
import re
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import pulumi

HALF_MADE = ["#initerror"]
"""For `replace_on_changes`: what was made but not started is made again, not merely looked at."""

_KINDS = {
    "docker:index/container:Container": "container",
    "docker:index/network:Network": "network",
}
_TAKEN = re.compile(r"already (in use|exists)")
"""How Docker says that a name is taken.

Nothing else is tried again: after a first try that made half of something, the engine would keep
its mark for that on what the second try has made well, and replace it while it serves.
"""
_THREADS = concurrent.futures.ThreadPoolExecutor(4, "leftovers")
"""Not the loop's own, in which every registration waits for its answer: with as many names taken as
it has threads, hooks and registrations would wait for each other for ever."""
_NOT_REACHED = 255
"""What `ssh` ends with when it is `ssh` that failed."""

Now = Callable[[str, Mapping[str, Any]], "subprocess.CompletedProcess[str]"]


def binding(name: str, now: Now) -> pulumi.ResourceHookBinding:
    """Return hooks that clear a name and try again, once, when making something found it taken.

    Args:
        name: the hook's name; all that one host's Docker makes shares the hook.
        now: runs a tool on the host at once.
    """

    async def cleared(args: pulumi.ErrorHookArgs) -> bool:
        return await asyncio.get_running_loop().run_in_executor(_THREADS, clear, args, now)

    return pulumi.ResourceHookBinding(on_error=[pulumi.ErrorHook(name, cleared)])


def clear(args: pulumi.ErrorHookArgs, now: Now) -> bool:
    """Remove what has the name of the resource; return whether making it is worth another try.

    Raises:
        RuntimeError: it must not be removed; with the reason and the cure.
    """
    if args.failed_operation != "create" or len(args.errors) > 1:
        return False
    if not _TAKEN.search(args.errors[0]):
        return False
    kind, taken = _KINDS[args.type], str((args.new_inputs or {})["name"])
    done = now("leftover", {"step": args.name, "kind": kind, "name": taken})
    if done.returncode == _NOT_REACHED:
        return False
    if done.returncode != 0:
        msg = f"{args.errors[0].strip()}\n{done.stderr}"
        raise RuntimeError(msg)
    return True
