"""`homeport demo`: from a fresh machine to an HTTPS URL on the local cloud, and a smoke test."""

import importlib
import time
from collections.abc import Mapping
from typing import Any

import yaml
from rich.console import Console

from homeport import smoke, stacks
from homeport.cloud import commands, instance, lifecycle, shared_server, website_server
from homeport.cloud.instance import Cloud
from homeport.cloud.names import SHARED_SERVER, WEBSITE_SERVER

console = Console(highlight=False)


def run(system: str | None, stack: str) -> int:
    """Start the local cloud, bring the stack up, try it; returns the exit code.

    The last line is `ready: https://<host> in <N> s` exactly when every smoke check passed.
    """
    start = time.monotonic()
    phases = commands.Phases()
    cloud = lifecycle.up(instance.name_from_environment(), phases)
    aim = stacks.target(system, stack, instance.name_from_environment())
    phases("preparing what the stack expects to be there")
    neighbours(cloud, aim)
    code = up(cloud, aim)
    if code != 0:
        console.print("demo: `pulumi up` failed, see above; `make demo` again continues from here")
        return code
    seen = smoke.deployed(aim)
    if not smoke.passes(aim, seen, console):
        return 1
    hostname, address = seen.site.hostname, seen.site.address
    console.print(
        f"try it: curl --cacert {cloud.ca_file} "
        f"--resolve {hostname}:443:{address} https://{hostname}/",
        soft_wrap=True,
    )
    console.print(f"ready: https://{hostname} in {time.monotonic() - start:.0f} s")
    return 0


def neighbours(cloud: Cloud, aim: stacks.Target) -> None:
    """Have the servers of somebody else that a project's stacks run on, if there are any."""
    found = [_config(aim, stack) for stack in stacks.of(aim.project)]
    shared = [each for each in found if _of(each, "existing_server", "address") == SHARED_SERVER]
    if shared:
        shared_server.prepare(cloud, [str(each["domain"]) for each in shared])
    websites = [each for each in found if _of(each, "website_server", "address") == WEBSITE_SERVER]
    if websites:
        website_server.prepare(cloud, [str(_of(each, "website", "host")) for each in websites])


def up(cloud: Cloud, aim: stacks.Target) -> int:
    """Bring a stack up; where it is guarded, as docs/guard.md says: look, approve, run."""
    if not _of(_config(aim, aim.stack), "guard"):
        return stacks.run(aim, "up", ["--yes", "--skip-preview", "--suppress-outputs"])
    # It reads a guard as programs do, with a part of Pulumi's SDK, which takes a second to load.
    guard = importlib.import_module("homeport.guard.run")
    asked = guard.Asked(operation="up", key=shared_server.approver_key(cloud))
    show = lambda text: console.print(text, markup=False)  # noqa: E731 - it has brackets
    if guard.approve(aim, asked, show=show, agreed=lambda: True) is None:
        return 0
    return int(guard.run(aim, "up"))


def _config(aim: stacks.Target, stack: str) -> Mapping[str, Any]:
    """Return a stack file's keys without their namespace."""
    document = yaml.safe_load((aim.project / f"Pulumi.{stack}.yaml").read_text())
    return {key.removeprefix(f"{aim.name}:"): value for key, value in document["config"].items()}


def _of(config: Mapping[str, Any], *path: str) -> Any:  # noqa: ANN401 - any YAML
    here: Any = config
    for part in path:
        here = here.get(part) if isinstance(here, Mapping) else None
    return here
