"""What holds for both stacks, and for others that nobody wrote: as many as `--seeds` says."""

import hashlib
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from tests import generated_config, invariants, stack_files
from tests.recorder import Deployment, record

ROOT = Path(__file__).parents[2]
STACKS = ("staging", "production")


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spend on slow hashes what a test can afford; they have tests of their own."""
    scrypt, hashpw = hashlib.scrypt, bcrypt.hashpw
    monkeypatch.setattr(hashlib, "scrypt", lambda secret, **how: scrypt(secret, **{**how, "n": 2}))
    monkeypatch.setattr(bcrypt, "hashpw", lambda secret, salt: hashpw(secret, b"$2b$04" + salt[6:]))


def run(values: dict[str, Any], *, stack: str, root: Path = ROOT) -> Deployment:
    plain, secret = stack_files.split(values)
    return record(ROOT / "__main__.py", stack=stack, config=plain, secrets=secret, root=root)


def shipped(stack: str) -> dict[str, Any]:
    plain, _ = stack_files.read(ROOT / f"Pulumi.{stack}.yaml")
    return plain


def broken(made: Deployment, values: dict[str, Any]) -> list[str]:
    bare = {key.removeprefix("homeport:"): value for key, value in values.items()}
    return [finding for rule in invariants.ALL for finding in rule(made, bare)]


@pytest.mark.parametrize("stack", STACKS)
def test_the_shipped_stacks_break_no_invariant(stack: str) -> None:
    assert broken(run(shipped(stack), stack=stack), shipped(stack)) == []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take as many seeds as the run can afford."""
    if metafunc.function is test_no_configuration_breaks_an_invariant:
        metafunc.parametrize("seed", range(metafunc.config.getoption("--seeds")))


def test_no_configuration_breaks_an_invariant(seed: int, tmp_path: Path) -> None:
    values = generated_config.configuration(seed)
    assert broken(run(values, stack="staging", root=tmp_path), values) == []


@pytest.mark.parametrize("stack", STACKS)
def test_a_second_run_asks_for_the_same(stack: str) -> None:
    first, second = (run(shipped(stack), stack=stack) for _ in range(2))
    assert first.resources == second.resources
    assert first.outputs == second.outputs


def test_staging_and_production_share_no_physical_name() -> None:
    names = []
    for stack in STACKS:
        made = run(shipped(stack), stack=stack)
        names.append({name for thing in made.resources for name in invariants.physical(thing)})
    assert names[0]
    assert names[0] & names[1] == set()


@pytest.mark.parametrize("seed", range(5))
def test_a_first_preview_knows_everything_but_what_the_providers_make(
    seed: int, tmp_path: Path
) -> None:
    plain, secret = stack_files.split(generated_config.configuration(seed))
    program = ROOT / "__main__.py"
    planned = record(program, config=plain, secrets=secret, root=tmp_path, preview=True)
    made = record(program, config=plain, secrets=secret, root=tmp_path)
    assert [thing.urn for thing in planned.resources] == [thing.urn for thing in made.resources]
