"""What `homeport tenant` changes in a stack's configuration, and what it says of a tenant."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from homeport import engine, stacks, tenant_commands, tenants


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that the engine was called with."""
    made: list[list[str]] = []

    def run(arguments: Sequence[str], **_how: Any) -> subprocess.CompletedProcess[str]:
        made.append([*arguments])
        return subprocess.CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr(engine, "run", run)
    return made


@pytest.fixture
def aim(tmp_path: Path) -> stacks.Target:
    (tmp_path / "Pulumi.yaml").write_text("name: odoo\nruntime: python\n")
    config = {"odoo:tenants": {"acme": {"suspended": True}, "globex": None}}
    (tmp_path / "Pulumi.staging.yaml").write_text(yaml.safe_dump({"config": config}))
    return stacks.Target(project=tmp_path, stack="staging", cloud=None)


def words(call: list[str]) -> list[str]:
    return [word for word in call if "tenants" in word]


def test_a_new_tenant_is_named_and_nothing_else_is_changed(
    aim: stacks.Target, calls: list[list[str]]
) -> None:
    tenants.create(aim, "initech")
    (call,) = calls
    assert words(call) == ["--plaintext=odoo:tenants.initech.suspended=false"]
    assert call[call.index("--config-file") + 1] == str(aim.project / "Pulumi.staging.yaml")


def test_a_tenant_is_suspended_resumed_released_and_forgotten(
    aim: stacks.Target, calls: list[list[str]]
) -> None:
    tenants.suspend(aim, "globex", suspended=True)
    tenants.suspend(aim, "acme", suspended=False)
    tenants.release(aim, "acme")
    tenants.forget(aim, "acme")
    assert [words(call) for call in calls] == [
        ["--plaintext=odoo:tenants.globex.suspended=true"],
        ["--plaintext=odoo:tenants.acme.suspended=false"],
        ["--plaintext=odoo:tenants.acme.protect=false"],
        ["odoo:tenants.acme"],
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda aim: tenants.create(aim, "acme"), "odoo/staging has a tenant acme already"),
        (lambda aim: tenants.suspend(aim, "acme", suspended=True), "acme is suspended already"),
        (lambda aim: tenants.suspend(aim, "x", suspended=True), "'x'; there are: acme, globex"),
        (lambda aim: tenants.suspend(aim, "globex", suspended=False), "is not suspended already"),
        (lambda aim: tenants.release(aim, "x"), "no tenant 'x'"),
        (lambda aim: tenants.forget(aim, "x"), "no tenant 'x'"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    aim: stacks.Target,
    calls: list[list[str]],
    change: Callable[[stacks.Target], None],
    said: str,
) -> None:
    with pytest.raises(stacks.StackError, match=said):
        change(aim)
    assert calls == []


def test_a_system_without_tenants_says_so(aim: stacks.Target) -> None:
    (aim.project / "Pulumi.staging.yaml").write_text("config: {odoo:domain: a.example.com}\n")
    with pytest.raises(stacks.StackError, match="is no system of many tenants"):
        tenants.named(aim)


@pytest.mark.parametrize(
    ("asked", "there", "said"),
    [
        ({}, None, "the next up makes it"),
        ({}, {"suspended": False}, "works"),
        ({"suspended": True}, {"suspended": True}, "suspended"),
        ({"suspended": True}, {"suspended": False}, "works; after the next up: suspended"),
        (None, {"suspended": False}, "works; the next up deletes it"),
    ],
)
def test_a_tenants_state_says_what_is_and_what_comes(
    asked: dict[str, Any] | None, there: dict[str, Any] | None, said: str
) -> None:
    assert tenant_commands.state(asked, there) == said


@pytest.mark.parametrize(("answer", "operations"), [("n\n", []), ("y\n", ["up", "up"])])
def test_deleting_asks_first_then_takes_the_protection_off_then_removes(
    aim: stacks.Target,
    calls: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    operations: list[str],
) -> None:
    monkeypatch.setattr(stacks, "target", lambda *_: aim)
    ended = CliRunner().invoke(tenant_commands.app, ["delete", "acme"], input=answer)
    assert "Delete acme of odoo/staging" in ended.output
    assert [call[0] for call in calls if call[0] == "up"] == operations
    assert (ended.exit_code == 0) is bool(operations)
    order = [call[0] for call in calls]
    assert order == (["config", "up", "config", "up"] if operations else [])
