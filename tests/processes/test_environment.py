"""Whether a release has the environment that was agreed on: by `settle`, of every runtime."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.processes.fake_account import ACCOUNT, FakeAccount
from tests.processes.fake_commands import FakeCommands
from tests.processes.tool_runner import Ended, Machine

NAME = "shop-staging-worker-bbbb2222"
PROCESS = 4711
HOST = {"pattern": "[a-z.]+", "words": "a host name alone"}
GIVEN = {
    "PATH": "/bin",
    "SIGNING_HOST": "sign.example.com",
    "KEY_FILE": "/run/secrets/KEY",
}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "root")


def runs(machine: Machine, kind: str) -> dict[str, str]:
    """Let the instance run in a process of that number; return how tools are told of it."""
    instance = {"kind": kind, "name": NAME}
    if kind == "docker":
        state = {"Status": "running", "Running": True, "ExitCode": 0, "Pid": PROCESS}
        found = [{"State": state, "RestartCount": 0, "Config": {}}]
        machine.set_docker({"answers": {"inspect": [0, json.dumps(found)]}})
    elif kind == "podman":
        account = FakeAccount(machine)
        account.unit(f"{NAME}.service", ActiveState="active")
        account.answer(
            f"podman container inspect --format {{{{.State.Pid}}}} {NAME}", f"{PROCESS}\n"
        )
        account.answer(f"podman container inspect {NAME}", "[{}]")
        secret = f"podman unshare cat /proc/{PROCESS}/root/run/secrets/KEY"
        account.answer(secret, "s3cret-of-the-worker\n")
        instance["account"] = ACCOUNT
    else:
        commands = FakeCommands(machine, "systemctl")
        known = {"LoadState": "loaded", "ActiveState": "active", "NRestarts": "0"}
        shown = {**known, "MainPID": PROCESS, "ExecMainCode": "0"}
        commands.answer("systemctl show", "".join(f"{k}={v}\n" for k, v in shown.items()))
    return instance


def settled(
    machine: Machine, contract: list[dict[str, Any]], kind: str = "docker", **environment: str
) -> Ended:
    text = "\0".join(f"{key}={value}" for key, value in {**GIVEN, **environment}.items())
    machine.write(f"/proc/{PROCESS}/environ", f"{text}\0")
    machine.write(f"/proc/{PROCESS}/root/run/secrets/KEY", "s3cret-of-the-worker\n")
    spec = {"instance": runs(machine, kind), "settle_seconds": 0.1, "start_seconds": 5}
    return machine.run("settle", "up", {**spec, "contract": contract})


def variable(name: str, presence: str = "required", **more: Any) -> dict[str, Any]:
    return {"name": name, "presence": presence, "secret": None, **more}


@pytest.mark.parametrize("kind", ["docker", "podman", "systemd"])
def test_what_the_process_really_has_is_what_counts(machine: Machine, kind: str) -> None:
    contract = [variable("SIGNING_HOST", shape=HOST), variable("KEY", secret=True)]
    ended = settled(machine, contract, kind)
    assert (ended.code, ended.err) == (0, "")
    ended = settled(machine, contract, kind, SIGNING_HOST="https://sign.example.com")
    assert ended.code == 1
    assert f"the environment of {NAME} is not as agreed: " in ended.err
    assert "SIGNING_HOST must be a host name alone" in ended.err
    assert "https://sign" not in ended.err


def test_every_variable_that_is_wrong_is_named_and_no_value_is_told(machine: Machine) -> None:
    contract = [
        variable("KEY", "forbidden"),
        variable("SIGNING_HOST", secret=True),
        variable("PATH", "optional", shape=HOST),
        variable("MISSING"),
        variable("OTHER", "optional"),
    ]
    ended = settled(machine, contract)
    assert (
        "KEY is set and must not be; SIGNING_HOST is a plain variable and should be a secret; "
        "PATH must be a host name alone; MISSING is missing or empty\n"
    ) in ended.err
    assert "s3cret" not in ended.err
    assert "sign.example.com" not in ended.err


def test_a_secret_is_looked_at_where_the_process_sees_it(machine: Machine) -> None:
    long = {"pattern": r"\S{100,}", "words": "at least 100 characters"}
    ended = settled(machine, [variable("KEY", secret=True, shape=long)])
    assert "KEY must be at least 100 characters" in ended.err
    ended = settled(machine, [variable("KEY", secret=False)])
    assert "KEY is a secret and should be a plain variable" in ended.err
    ended = settled(machine, [variable("KEY")], KEY_FILE="/run/secrets/GONE")
    assert "KEY is missing or empty" in ended.err


def test_a_process_that_is_gone_is_no_agreement(machine: Machine) -> None:
    spec = {"instance": runs(machine, "docker"), "settle_seconds": 0, "start_seconds": 5}
    ended = machine.run("settle", "up", {**spec, "contract": [variable("A")]})
    assert ended.code == 1
    assert "the environment of the release cannot be read" in ended.err
