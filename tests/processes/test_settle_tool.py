"""The tool `settle`, as a real process with a fake docker."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.processes.tool_runner import Machine

NAME = "shop-staging-worker-bbbb2222"
SPEC = {"instance": {"kind": "docker", "name": NAME}, "settle_seconds": 0.5, "start_seconds": 5}


def inspected(restarts: int = 0, *, running: bool = True, test: list[str] | None = None) -> Any:
    found = {
        "State": {
            "Status": "running" if running else "restarting",
            "Running": running,
            "ExitCode": 0 if running else 70,
        },
        "RestartCount": restarts,
        "Config": {"Healthcheck": {"Test": test}} if test else {},
    }
    return [0, json.dumps([found])]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "root")


def test_without_a_health_check_it_has_to_run_for_a_while(machine: Machine) -> None:
    machine.set_docker({"answers": {"inspect": inspected()}})
    ended = machine.run("settle", "up", SPEC)
    assert ended.code == 0
    assert ended.report["settle_seconds"] >= 0.5


def test_a_restart_starts_the_wait_again(machine: Machine) -> None:
    looks = [inspected(0), inspected(0), inspected(1, running=False), inspected(1)]
    machine.set_docker({"answers": {"inspect": looks}})
    ended = machine.run("settle", "up", {**SPEC, "settle_seconds": 1.5})
    assert ended.code == 0
    assert ended.report["settle_seconds"] >= 1.75


def test_a_worker_that_crashes_again_and_again_fails_with_its_last_lines(machine: Machine) -> None:
    looks = [inspected(0), inspected(1), inspected(2), inspected(3, running=False)]
    machine.set_docker({"answers": {"inspect": looks, "logs": [0, "no queue\n"]}})
    ended = machine.run("settle", "up", {**SPEC, "settle_seconds": 30, "start_seconds": 60})
    assert ended.code == 1
    assert "the settle step: shop-staging-worker-bbbb2222 ended with exit code" in ended.err
    assert "no queue" in ended.err


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (
            [0, '{"Actor": {"Attributes": {"exitCode": "70"}}}\n'],
            "ended with exit code 70, 3 times",
        ),
        ([0, ""], "ended, 3 times"),
    ],
)
def test_the_code_of_an_end_that_no_look_saw_comes_from_the_events(
    machine: Machine, events: list[object], said: str
) -> None:
    looks = [inspected(0), inspected(3)]
    machine.set_docker({"answers": {"inspect": looks, "events": events}})
    ended = machine.run("settle", "up", {**SPEC, "settle_seconds": 30, "start_seconds": 60})
    assert f"{NAME} {said} by now" in ended.err


@pytest.mark.parametrize(
    ("test", "command"),
    [
        (["CMD", "check", "worker"], ["check", "worker"]),
        (["CMD-SHELL", "check worker"], ["/bin/sh", "-c", "check worker"]),
    ],
)
def test_a_health_check_is_asked_until_it_passes(
    machine: Machine, test: list[str], command: list[str]
) -> None:
    answers = {"inspect": inspected(test=test), "exec": [[1, "heartbeat is missing"], [0, ""]]}
    machine.set_docker({"answers": answers})
    assert machine.run("settle", "up", {**SPEC, "settle_seconds": 60}).code == 0
    checks = [call for call in machine.docker_calls() if call[0] == "exec"]
    assert checks == [["exec", NAME, *command]] * 2


def test_a_health_check_that_never_passes_says_why(machine: Machine) -> None:
    answers = {"inspect": inspected(test=["CMD", "check"]), "exec": [1, "heartbeat is missing"]}
    machine.set_docker({"answers": answers})
    ended = machine.run("settle", "up", {**SPEC, "start_seconds": 0.6})
    assert ended.code == 1
    assert f"{NAME} did not get healthy within 0.6 s: heartbeat is missing" in ended.err
    assert "raise start_seconds" in ended.err
