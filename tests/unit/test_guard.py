"""The guard in the program: it refuses what nobody approved, and tells the rest what runs."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pulumi_command as command
import pytest

from components import sketch
from components.guard import APPROVED, TYPE, Guard, GuardArgs
from components.remote import Remote
from tests.bad_config import CANARY, GOOD_KEY
from tests.recorder import Deployment, record

VITAL = {"containers": ("signing-app",), "files": ("/srv/signing",)}


def guarded(*, preview: bool = False, **args: Any) -> Deployment:
    def program() -> None:
        Guard("guard", GuardArgs(approvers={"anna": GOOD_KEY}, vital=VITAL, **args))

    return record(program, project="shop", stack="production", preview=preview)


def test_an_update_that_nobody_approved_ends_before_anything_is_registered() -> None:
    with pytest.raises(pulumi.RunError) as caught:
        guarded()
    assert "the stack production of shop is guarded" in str(caught.value)
    assert "next: `homeport approve --stack production`" in str(caught.value)


def test_previews_are_free_and_what_is_approved_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert guarded(preview=True).of_type(TYPE)
    monkeypatch.setenv(APPROVED, "shop/staging")
    with pytest.raises(pulumi.RunError):
        guarded()
    monkeypatch.setenv(APPROVED, "shop/production")
    made = guarded().one(TYPE)
    assert made.outputs is not None
    rules = made.outputs["rules"]
    assert rules["vital"]["containers"] == ["signing-app"]
    assert rules["approvers"] == {"anna": GOOD_KEY}
    [hook] = made.options.hooks
    assert "guard-kept" in hook


def test_a_guard_that_was_lifted_holds_nothing_up() -> None:
    assert guarded(enforced=False).one(TYPE).options.hooks == ()


def test_wrong_arguments_are_refused_like_wrong_configuration() -> None:
    with pytest.raises(ValueError, match=r"vital\.files\.0: is no absolute path: give a file"):
        GuardArgs(approvers={"anna": GOOD_KEY}, vital={"files": ["srv"]})
    with pytest.raises(ValueError, match="approvers: names nobody"):
        GuardArgs(approvers={})


def sketched(document: Any, file: Path, *, preview: bool = False) -> dict[str, Any]:
    def program() -> None:
        parent = pulumi.ComponentResource("homeport:test:Parent", "parent")
        connection = command.remote.ConnectionArgs(host="203.0.113.7", user="root")
        remote = Remote(
            system="shop-dev", connection=connection, sudo=False, machine=None, ready=[]
        )
        remote.step("step", "tool", document(), opts=pulumi.ResourceOptions(parent=parent))
        parent.register_outputs({})

    record(program, preview=preview)
    [line] = file.read_text().splitlines()
    found: dict[str, Any] = json.loads(line)["document"]
    return found


def test_a_step_is_told_leaf_by_leaf_with_secrets_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sketch"
    monkeypatch.setenv(sketch.FILE, str(file))

    def told(secret: str) -> dict[str, Any]:
        file.unlink(missing_ok=True)
        return sketched(
            lambda: {
                "path": "/etc/x",
                "files": [{"content": pulumi.Output.secret(secret), "mode": "0600"}],
                "port": pulumi.Output.from_input(80),
            },
            file,
        )

    first = told(CANARY)
    assert first["path"] == "/etc/x"
    assert first["port"] == 80
    assert first["files"][0]["content"].startswith("[secret] ")
    assert CANARY not in file.read_text()
    assert told(CANARY) == first
    assert told(f"{CANARY}2")["files"] != first["files"]


def test_nothing_is_told_unless_somebody_asks(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sketched(lambda: {"path": "/etc/x"}, tmp_path / "sketch")
