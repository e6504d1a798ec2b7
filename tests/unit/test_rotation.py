"""What `homeport rotate` changes in a stack's configuration."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from homeport import engine, rotation, stacks


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that the engine was called with."""
    made: list[list[str]] = []

    def run(arguments: Sequence[str], **_how: Any) -> subprocess.CompletedProcess[str]:
        made.append([*arguments])
        return subprocess.CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr(engine, "run", run)
    return made


def target(folder: Path, **config: object) -> stacks.Target:
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    text = yaml.safe_dump({"config": {f"shop:{key}": value for key, value in config.items()}})
    (folder / "Pulumi.staging.yaml").write_text(text)
    return stacks.Target(project=folder, stack="staging", cloud=None)


def raised(call: list[str]) -> list[str]:
    return [word.removeprefix("--plaintext=") for word in call if word.startswith("--plaintext=")]


def test_the_numbers_of_the_named_secrets_go_up_by_one(
    tmp_path: Path, calls: list[list[str]]
) -> None:
    aim = target(tmp_path, secret_rotation={"database": 3, "django": 1, "smoke": 1})
    assert rotation.rotate(aim, ["django", "database"]) == {"django": 2, "database": 4}
    (call,) = calls
    assert raised(call) == ["shop:secret_rotation.django=2", "shop:secret_rotation.database=4"]
    assert call[call.index("--config-file") + 1] == str(tmp_path / "Pulumi.staging.yaml")


def test_no_name_is_every_secret(tmp_path: Path, calls: list[list[str]]) -> None:
    aim = target(tmp_path, secret_rotation={"database": 1, "django": 1})
    assert rotation.rotate(aim, []) == {"database": 2, "django": 2}
    assert len(calls) == 1


def test_a_name_that_is_none_is_refused_with_those_there_are(
    tmp_path: Path, calls: list[list[str]]
) -> None:
    aim = target(tmp_path, secret_rotation={"database": 1, "django": 1})
    with pytest.raises(stacks.StackError, match="'djnago' to rotate; there are: database, django"):
        rotation.rotate(aim, ["database", "djnago"])
    assert calls == []


def test_a_stack_without_such_secrets_says_so(tmp_path: Path, calls: list[list[str]]) -> None:
    with pytest.raises(stacks.StackError, match="has no secret_rotation"):
        rotation.rotate(target(tmp_path, domain="x"), [])
    assert calls == []
