"""The policy pack in the real engine: it stops what it should, and lets the starter pass."""

import shutil
from pathlib import Path

import pytest

from homeport import paths
from tests.engine.conftest import Engine

pytestmark = pytest.mark.engine

PACK = paths.ROOT / "policy"
VIOLATING = """
    import pulumi
    import pulumi_command as command
    import pulumi_random as random

    password = random.RandomPassword("password", length=20)
    command.remote.Command(
        "seed",
        connection=command.remote.ConnectionArgs(host="192.0.2.1", user="root"),
        create="psql postgres://app:correct-horse@db",
        stdin=password.result,
    )
"""


def test_a_violating_program_is_stopped_in_preview_with_every_reason(
    engine: Engine, tmp_path: Path
) -> None:
    project = engine.project(tmp_path / "project", VIOLATING)
    refused = engine.run("preview", "--policy-pack", str(PACK), cwd=project, check=False)
    said = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert "seed: connects to whoever answers: set connection.host_key" in said
    assert "seed: create seems to hold a secret" in said

    passed = engine.run("preview", cwd=project, check=False)
    assert passed.returncode == 0, "it was stopped by something else than the policies"


def test_the_starter_passes_all_policies(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "starter"
    folder.mkdir()
    for name in ("Pulumi.yaml", "Pulumi.staging.yaml", "Pulumi.production.yaml", "__main__.py"):
        shutil.copy(paths.ROOT / name, folder)
    (folder / ".venv").symlink_to(paths.ROOT / ".venv")
    engine.run("stack", "init", cwd=folder, stack="staging")
    engine.run("config", "set", "hcloud:token", "t" * 64, "--secret", cwd=folder, stack="staging")
    done = engine.run("preview", "--policy-pack", str(PACK), cwd=folder, stack="staging")
    assert "homeport:app:App web create" in done.stdout
    assert "Policies:" in done.stdout
