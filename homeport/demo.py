"""`homeport demo`: from a fresh machine to an HTTPS URL on the local cloud, and a smoke test."""

import time

from rich.console import Console

from homeport import smoke, stacks
from homeport.cloud import commands, instance, lifecycle

console = Console(highlight=False)


def run(system: str | None, stack: str) -> int:
    """Start the local cloud, bring the stack up, try it; returns the exit code.

    The last line is `ready: https://<host> in <N> s` exactly when every smoke check passed.
    """
    start = time.monotonic()
    lifecycle.up(instance.name_from_environment(), commands.Phases())
    aim = stacks.target(system, stack, instance.name_from_environment())
    code = stacks.run(aim, "up", ["--yes", "--skip-preview", "--suppress-outputs"])
    if code != 0:
        console.print("demo: `pulumi up` failed, see above; `make demo` again continues from here")
        return code
    assert aim.cloud is not None  # noqa: S101 - it was started above
    seen = smoke.deployed(aim)
    if not smoke.passes(aim, seen, console):
        return 1
    hostname, address = seen.site.hostname, seen.site.address
    console.print(
        f"try it: curl --cacert {aim.cloud.ca_file} "
        f"--resolve {hostname}:443:{address} https://{hostname}/",
        soft_wrap=True,
    )
    console.print(f"ready: https://{hostname} in {time.monotonic() - start:.0f} s")
    return 0
