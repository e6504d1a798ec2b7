"""What becomes of the state of a deploy that was killed."""

import subprocess
from typing import Any

import pytest

from homeport import engine, interrupted, leases, paths, stacks

ROOT = "urn:pulumi:test::shop::pulumi:pulumi:Stack::shop-test"
CONTAINER = "urn:pulumi:test::shop::docker:index/container:Container::web-aaaa1111"
STEP = "urn:pulumi:test::shop::command:remote:Command::web-switch-bbbb2222"
SERVER = "urn:pulumi:test::shop::hcloud:index/server:Server::server"


def pending(urn: str, what: str) -> dict[str, Any]:
    return {"type": what, "resource": {"urn": urn, "type": urn.split("::")[2]}}


def state(*operations: dict[str, Any]) -> dict[str, Any]:
    resources = [{"urn": ROOT}, {"urn": CONTAINER}]
    return {"resources": resources, "pending_operations": list(operations)}


def test_a_state_that_is_sure_needs_nothing() -> None:
    assert interrupted.recovery(state()) == []
    assert interrupted.recovery({"resources": None}) == []


def test_what_was_being_made_is_forgotten_without_reading_anything_else() -> None:
    assert interrupted.recovery(state(pending(STEP, "creating"))) == [
        *("refresh", "--yes", "--skip-preview", "--clear-pending-creates"),
        f"--target={ROOT}",
    ]


def test_what_was_being_removed_is_read_again() -> None:
    found = interrupted.recovery(state(pending(CONTAINER, "deleting"), pending(STEP, "creating")))
    assert found[-2:] == [f"--target={ROOT}", f"--target={CONTAINER}"]


def test_what_may_exist_in_the_cloud_is_named() -> None:
    found = state(pending(STEP, "creating"), pending(SERVER, "creating"))
    assert interrupted.remarks(found) == [
        "hcloud:index/server:Server server was being made: if its name turns out to be taken, "
        "remove it at the provider"
    ]


def test_up_recovers_the_state_between_removing_the_lock_and_going_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []

    def run(arguments: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        made.append(arguments[0])
        return subprocess.CompletedProcess(arguments, int(made == ["up"]), "", "")

    monkeypatch.setattr(engine, "run", run)
    monkeypatch.setattr(leases, "left_behind", lambda _leases: True)
    deployment = state(pending(STEP, "creating"))
    monkeypatch.setattr(stacks, "exported", lambda _aim: {"deployment": deployment})
    aim = stacks.Target(project=paths.ROOT, stack="staging", cloud=None)
    assert stacks.run(aim, "up") == 0
    assert made == ["up", "cancel", "refresh", "up"]
