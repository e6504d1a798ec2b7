"""What tests of a system without an engine share: its stack files, its program, what it refuses."""

import contextlib
import dataclasses
import json
import os
import re
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from components.guard import APPROVED
from tests import bad_config, invariants, snapshots, stack_files
from tests.recorder import Deployment, record

ROOT = Path(__file__).parents[3]
STACKS = ("staging", "production")


@dataclasses.dataclass(frozen=True, kw_only=True)
class System:
    """A project of `systems/`, as it is shipped."""

    name: str
    """The project's name."""
    load: Callable[[], object]
    """Reads its configuration."""
    secrets: Mapping[str, str]
    """What a person sets."""
    good: Mapping[str, Any]
    """A configuration that is taken, secrets as `{secure: VALUE}`."""

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return ROOT / "systems" / self.name.replace("-", "_")

    def config(self, stack: str) -> dict[str, Any]:
        """Return the plain values of a stack file."""
        plain, _ = stack_files.read(self.folder / f"Pulumi.{stack}.yaml")
        return plain

    def run(
        self, stack: str, *, preview: bool = False, config: dict[str, Any] | None = None
    ) -> Deployment:
        """Run the whole program without an engine, with other values than those of its file."""
        # Where a guard is declared, only an approved plan runs.
        approved = mock.patch.dict(os.environ, {APPROVED: f"{self.name}/{stack}"})
        # A program starts in its project's folder.
        with approved, contextlib.chdir(self.folder):
            return record(
                self.folder / "__main__.py",
                stack=stack,
                project=self.name,
                config=config or self.config(stack),
                secrets=dict(self.secrets),
                preview=preview,
            )

    def check_reviewed(self, stack: str, *, update: bool) -> None:
        """Compare a stack with its snapshot, and with what holds for every stack."""
        made = self.run(stack)
        stored = ROOT / "tests" / "stacks" / "snapshots" / f"{self.name}-{stack}.json"
        snapshots.check(snapshots.text(made), stored, update=update)
        bare = {k.removeprefix(f"{self.name}:"): v for k, v in self.config(stack).items()}
        assert [finding for rule in invariants.ALL for finding in rule(made, bare)] == []

    def check_same_keys(self) -> None:
        """Compare the keys of both stack files, and their order."""
        staging, production = (self.config(stack) for stack in STACKS)
        assert list(staging) == list(production)
        for key, value in staging.items():
            if isinstance(value, dict):
                assert list(value) == list(production[key]), key

    def taken(self, folder: Path) -> None:
        """Read the good configuration."""
        plain, secret = stack_files.split(self.good)
        record(self.load, config=plain, secrets=secret, project=self.name, root=folder)

    def refused(self, change: str, folder: Path) -> dict[str, str]:
        """Return what is refused of the good configuration with a change, by key."""
        values = stack_files.merged(self.good, yaml.safe_load(textwrap.dedent(change)))
        return bad_config.problems(
            values, folder, project=self.name, program=lambda: void(self.load())
        )


def void(_: object) -> None:
    """Return nothing, as a program does."""


def document(made: Deployment, start: str) -> dict[str, Any]:
    """The document of the only step whose name begins like this, before the release."""
    named = re.compile(rf"{start}([0-9a-f]{{8}})?")
    (step,) = [step for step in made.of_type("Command") if named.fullmatch(step.name)]
    found: dict[str, Any] = json.loads(step.inputs["stdin"])
    return found
