"""The tool `cutover`, as a real process that asks a real server."""

from pathlib import Path
from typing import Any

import pytest

from tests.processes.test_route_tool import release
from tests.processes.tool_runner import Machine

CHECK = {"path": "/x", "status": 200, "successes": 1, "try_seconds": 1, "start_seconds": 0.5}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "root")


def spec(port: int, *checks: dict[str, Any], flipped: int = 1) -> dict[str, Any]:
    return {
        "app": "shop-staging-web-bbbb2222",
        "port": port,
        "release": "bbbb2222",
        "order": ["INTAKE", "LEGACY"],
        "flipped": flipped,
        "key": "website.cutover",
        "checks": [{"what": "INTAKE=on", **CHECK, **check} for check in checks],
    }


def test_what_is_flipped_is_reported_once_every_check_holds(machine: Machine) -> None:
    with release(statuses=[503, 200, 200]) as server:
        ended = machine.run("cutover", "up", spec(server.port, {"contains": "agent"}, {}))
    assert ended.code == 0, ended.err
    assert ended.report["flipped"] == ["INTAKE"]


def test_a_check_that_does_not_hold_says_what_was_seen_and_how_to_go_back(
    machine: Machine,
) -> None:
    with release() as server:
        ended = machine.run("cutover", "up", spec(server.port, {"contains": "accepted"}))
    assert ended.code == 1
    assert "INTAKE=on: /x gave 200 without 'accepted' in its body" in ended.err
    assert "`website.cutover: 0` and `up` flip INTAKE back" in ended.err


def test_an_answer_of_another_release_shows_nothing(machine: Machine) -> None:
    with release("aaaa1111") as server:
        ended = machine.run("cutover", "up", spec(server.port, {}, flipped=0))
    assert "an answer of release aaaa1111" in ended.err
    assert "back" not in ended.err
