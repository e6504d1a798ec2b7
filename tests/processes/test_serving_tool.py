"""The tool `serving`, as a real process: which release it asks, and what it says when one fails."""

from pathlib import Path
from typing import Any

import pytest

from tests.processes.tool_runner import SYSTEM, Machine

LIVE, OLD = f"{SYSTEM}-odoo-bbbb2222", f"{SYSTEM}-odoo-aaaa1111"


def spec(**changes: Any) -> dict[str, Any]:
    return {
        "app": "odoo",
        "stable_port": 18069,
        "commands": [["odoo", "-d", "a_db", "-i", "base"], ["odoo", "-d", "a_db", "-u", "all"]],
        "undo": [["rm", "-rf", "/data/a_db"]],
        "environment": {"B": "2", "A": "1"},
        "timeout_seconds": 5,
        **changes,
    }


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Two releases of the app, one of another app; the newer one serves."""
    made = Machine(tmp_path / "root")
    made.nft_file.write_text('{"18069": 20002, "18070": 20003}')
    for app, release, port in (
        ("odoo", "aaaa1111", 20001),
        ("odoo", "bbbb2222", 20002),
        ("odoo-admin", "cccc3333", 20003),
    ):
        instance = {"kind": "docker", "name": f"{SYSTEM}-{app}-{release}"}
        receipt = {"app": app, "release": release, "release_port": port, "instance": instance}
        made.write_receipt(f"route-{app}-{release}", receipt)
    return made


def execs(machine: Machine) -> list[list[str]]:
    return [call for call in machine.docker_calls() if call[0] == "exec"]


def test_commands_run_in_order_in_the_release_that_serves(machine: Machine) -> None:
    ended = machine.run("serving", "up", spec())
    assert (ended.code, ended.err) == (0, "")
    start = ["exec", "--interactive", "--env=A=1", "--env=B=2", LIVE]
    assert execs(machine) == [[*start, *command] for command in spec()["commands"]]
    assert ended.out == f"done: 2 commands in {LIVE}\n"


def test_what_it_undoes_it_undoes_there_too(machine: Machine) -> None:
    machine.nft_file.write_text('{"18069": 20001}')
    ended = machine.run("serving", "down", spec())
    assert ended.code == 0
    assert execs(machine)[0][-4:] == [OLD, "rm", "-rf", "/data/a_db"]


def test_the_first_command_that_fails_ends_it_and_no_secret_is_shown(machine: Machine) -> None:
    machine.set_docker({"answers": {"exec": [1, "no: hunter2hunter2 is too short"]}})
    ended = machine.run("serving", "up", spec(stdin="hunter2hunter2\n"))
    assert ended.code == 1
    assert f"`odoo -d a_db -i base` ended with exit code 1 in {LIVE}" in ended.err
    assert "no: [standard input] is too short" in ended.err
    assert len(execs(machine)) == 1
    assert "hunter2" not in str(machine.docker_calls())


def test_a_command_that_takes_too_long_is_named(machine: Machine) -> None:
    machine.set_docker({"answers": {"exec": [0, "", 3]}})
    ended = machine.run("serving", "up", spec(timeout_seconds=0.5))
    assert ended.code == 1
    assert "`odoo -d a_db -i base` took over 0.5 s" in ended.err


@pytest.mark.parametrize("verb", ["up", "down"])
def test_where_nothing_serves_nobody_is_asked(machine: Machine, verb: str) -> None:
    machine.nft_file.write_text('{"18070": 20003}')
    ended = machine.run("serving", verb, spec())
    assert ended.code == 1
    assert "no release of odoo serves" in ended.err
    assert execs(machine) == []


def test_without_commands_nothing_is_done(machine: Machine) -> None:
    assert machine.run("serving", "up", spec(commands=[])).code == 0
    assert execs(machine) == []
