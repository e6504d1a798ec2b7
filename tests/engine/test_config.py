"""What a person sees when the configuration is wrong: the list, from the real engine."""

import shutil
from pathlib import Path

import pytest

from homeport import paths
from tests.engine.conftest import Engine

pytestmark = pytest.mark.engine

FILES = ("Pulumi.yaml", "Pulumi.staging.yaml", "Pulumi.production.yaml", "__main__.py")
CANARY = "canary-Zq7rT2xW9"


@pytest.fixture
def starter(engine: Engine, tmp_path: Path) -> Path:
    """Return a copy of the starter with a stack `staging`."""
    folder = tmp_path / "starter"
    folder.mkdir()
    for name in FILES:
        shutil.copy(paths.ROOT / name, folder)
    (folder / ".venv").symlink_to(paths.ROOT / ".venv")
    engine.run("stack", "init", cwd=folder, stack="staging")
    return folder


def test_a_preview_lists_every_problem_without_a_traceback(engine: Engine, starter: Path) -> None:
    stack_file = starter / "Pulumi.staging.yaml"
    text = stack_file.read_text()
    stack_file.write_text(
        text.replace("type: cx23", "type: cx99").replace("staging.l", "staging_l")
    )
    engine.run(
        "config", "set", "registry_password", CANARY, "--plaintext", cwd=starter, stack="staging"
    )

    refused = engine.run("preview", cwd=starter, stack="staging", check=False)
    said = refused.stdout + refused.stderr

    assert refused.returncode != 0
    assert "the configuration of stack staging has 4 things to put right" in said
    assert "homeport:domain: holds an underscore (got 'staging_ledger.example.com')" in said
    assert "homeport:dns.zone: holds an underscore" in said
    assert "homeport:registry_password: is a secret in plain text" in said
    assert "homeport:server.type: is no server type (got 'cx99')" in said
    assert "Traceback" not in said
    assert CANARY not in said


def test_a_secret_of_the_other_stack_is_recognised(engine: Engine, starter: Path) -> None:
    engine.run(
        "config", "set", "basic_auth_password", CANARY, "--secret", cwd=starter, stack="staging"
    )
    text = (starter / "Pulumi.staging.yaml").read_text()
    [line] = [line for line in text.splitlines() if "secure:" in line]
    index = text.splitlines().index(line)
    copied = "\n".join(text.splitlines()[index - 1 : index + 1])
    production = starter / "Pulumi.production.yaml"
    production.write_text(f"{production.read_text()}{copied}\n")

    refused = engine.run("preview", cwd=starter, stack="staging", check=False)
    said = refused.stdout + refused.stderr
    assert "homeport:basic_auth_password: is the secret of stack production too" in said
    assert CANARY not in said
