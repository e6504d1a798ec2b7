"""The whole starter, per stack, as reviewed: a difference here is what a change means."""

from pathlib import Path

import pytest

from tests import snapshots, stack_files
from tests.recorder import record

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_the_starter_asks_for_what_was_reviewed(stack: str, update_snapshots: bool) -> None:
    plain, secret = stack_files.read(ROOT / f"Pulumi.{stack}.yaml")
    deployment = record(ROOT / "__main__.py", stack=stack, config=plain, secrets=secret)
    stored = Path(__file__).parent / "snapshots" / f"{stack}.json"
    snapshots.check(snapshots.text(deployment), stored, update=update_snapshots)
