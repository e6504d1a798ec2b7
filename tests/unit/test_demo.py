"""What the demo does before `up`: a server of somebody else where one is named, an approval."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from homeport import demo, paths, stacks
from homeport.cloud import shared_server, website_server
from homeport.cloud.instance import Cloud
from homeport.guard import run as guard

CLOUD = object.__new__(Cloud)


def target(project: Path, stack: str = "staging") -> stacks.Target:
    return stacks.Target(project=project, stack=stack, cloud=None)


def test_servers_of_others_are_prepared_for_all_stacks_that_name_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepared: list[list[str]] = []
    for server in (shared_server, website_server):
        monkeypatch.setattr(server, "prepare", lambda _cloud, names: prepared.append(names))
    demo.neighbours(CLOUD, target(paths.SYSTEMS / "crm"))
    assert prepared == [
        ["staging.crm.example.com", "crm.example.com"],
        ["staging.website.example.com", "website.example.com"],
    ]


@pytest.mark.parametrize("project", [paths.ROOT, paths.SYSTEMS / "isis"])
def test_a_project_with_servers_of_its_own_needs_none(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(*_: Any) -> None:
        msg = "nobody asked for it"
        raise AssertionError(msg)

    for server in (shared_server, website_server):
        monkeypatch.setattr(server, "prepare", prepare)
    demo.neighbours(CLOUD, target(project))


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done, in order."""
    seen: list[str] = []

    def approve(_aim: stacks.Target, asked: guard.Asked, **_: Any) -> object:
        seen.append(f"approve with {asked.key}")
        return object()

    def run(_aim: stacks.Target, operation: str) -> int:
        seen.append(operation)
        return 3

    def plain(*_: Any) -> int:
        seen.append("plain up")
        return 4

    monkeypatch.setattr(shared_server, "approver_key", lambda _cloud: Path("the-key"))
    monkeypatch.setattr(guard, "approve", approve)
    monkeypatch.setattr(guard, "run", run)
    monkeypatch.setattr(stacks, "run", plain)
    return seen


def test_a_guarded_stack_is_approved_and_then_run(done: list[str]) -> None:
    assert demo.up(CLOUD, target(paths.SYSTEMS / "crm")) == 3
    assert done == ["approve with the-key", "up"]


def test_another_stack_is_run_as_it_is(done: list[str]) -> None:
    assert demo.up(CLOUD, target(paths.SYSTEMS / "isis")) == 4
    assert done == ["plain up"]


def test_a_guard_that_is_lifted_asks_nobody(done: list[str], tmp_path: Path) -> None:
    file = "Pulumi.staging.yaml"
    document = yaml.safe_load((paths.SYSTEMS / "crm" / file).read_text())
    del document["config"]["crm:guard"]
    (tmp_path / file).write_text(yaml.safe_dump(document))
    (tmp_path / "Pulumi.yaml").write_text("name: crm\n")
    assert demo.up(CLOUD, target(tmp_path)) == 4
    assert done == ["plain up"]
