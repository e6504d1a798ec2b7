"""Previews of every system and stack, each as its first `up`: no cloud, no host, no state of yours.

What a stack file leaves to a person, the password of its registry or of its database, is a
placeholder here, and so is the token: nothing is asked of anybody.
"""

import concurrent.futures
import dataclasses
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from homeport import engine, given, paths, stacks

PLACEHOLDER = "stands-in-for-what-a-person-sets"
TOKEN_LENGTH = 64
"""The provider takes no token of another length."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Previewed:
    """What became of the preview of one stack."""

    system: str
    """The project's name."""
    stack: str
    """`staging` or `production`."""
    resources: int
    """How many would be created; 0 when the preview failed."""
    seconds: float
    """How long `pulumi preview` took."""
    problem: str
    """What it said when it failed; empty when it did not."""


def everything() -> list[stacks.Target]:
    """Return all stacks of all projects of the checkout, the starter first."""
    projects = [paths.ROOT, *sorted(file.parent for file in paths.SYSTEMS.glob("*/Pulumi.yaml"))]
    return [
        stacks.Target(project=project, stack=stack, cloud=None)
        for project in projects
        for stack in stacks.of(project)
    ]


def run(aims: list[stacks.Target]) -> Iterator[Previewed]:
    """Preview stacks, as many at a time as there are processors; each comes when it has ended.

    Raises:
        StackError: when a stack could not be made, or what it deploys not be built.
    """
    for project in dict.fromkeys(aim.project for aim in aims):
        stacks.build(project)
    with (
        tempfile.TemporaryDirectory() as folder,
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        ended = [pool.submit(preview, aim, Path(folder)) for aim in aims]
        for done in concurrent.futures.as_completed(ended):
            yield done.result()


def preview(aim: stacks.Target, folder: Path, settings: Sequence[str] = ()) -> Previewed:
    """Preview one stack.

    Args:
        aim: the stack.
        folder: where its state is, which stays empty, and its copy of the stack file.
        settings: `KEY=VALUE`, in place of what the stack file says.

    Raises:
        StackError: when the stack could not be made.
    """
    environment = {
        "PULUMI_BACKEND_URL": folder.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": secrets.token_urlsafe(24),
        "HCLOUD_TOKEN": PLACEHOLDER.ljust(TOKEN_LENGTH, "-"),
        "HOMEPORT_RUN_FOLDER": str(folder / "run"),
    }
    own = folder / "stacks" / aim.name
    salt = stacks.salt(aim, own, environment)
    file = own / f"Pulumi.{aim.stack}.yaml"
    values = yaml.safe_load((aim.project / file.name).read_text()) | {"encryptionsalt": salt}
    file.write_text(yaml.safe_dump(values, sort_keys=False))
    for key in given.keys(aim.name, values["config"]):
        stacks.encrypt(aim, file, key, PLACEHOLDER, environment)
    command = ["preview", "--json", "--stack", aim.stack, "--config-file", str(file)]
    command += [f"--config={setting}" for setting in settings]
    start = time.monotonic()
    done = engine.run(
        [*command, "--non-interactive"], cwd=aim.project, extra=environment, quiet=True
    )
    seconds = time.monotonic() - start
    plan = _plan(done.stdout)
    failed = done.returncode != 0
    return Previewed(
        system=aim.name,
        stack=aim.stack,
        resources=0 if failed else int(plan["changeSummary"]["create"]),
        seconds=seconds,
        problem=(_errors(plan) or done.stderr.strip() or done.stdout.strip()) if failed else "",
    )


def _plan(text: str) -> Mapping[str, Any]:
    """Return what `--json` printed; nothing when the engine failed before."""
    try:
        plan: Mapping[str, Any] = json.loads(text)
    except ValueError:
        return {}
    return plan


def _errors(plan: Mapping[str, Any]) -> str:
    told = [each["message"].strip() for each in plan.get("diagnostics") or []]
    return "\n".join(dict.fromkeys(told))
