"""Jobs, routes and workers of Podman: the same tools, which ask the account's service manager."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.processes.fake_account import ACCOUNT, FakeAccount
from tests.processes.tool_runner import Machine

NAME = "shop-staging-worker-bbbb2222"
INSTANCE = {"kind": "podman", "name": NAME, "account": ACCOUNT}
SETTLE = {"instance": INSTANCE, "settle_seconds": 0.3, "start_seconds": 5}
EXITED = {"ExecMainCode": 1, "ExecMainStatus": 70}
JOB_NAME = "shop-staging-web-bbbb2222-migrate"
JOB = {
    "account": ACCOUNT,
    "receipt": "job-web-bbbb2222-migrate",
    "name": JOB_NAME,
    "content": "[Service]\nType=oneshot\n",
    "secrets": [f"{JOB_NAME}-PASSWORD"],
    "timeout_seconds": 5,
}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "root").mkdir()
    return Machine(tmp_path / "root")


@pytest.fixture
def account(machine: Machine) -> FakeAccount:
    return FakeAccount(machine)


def inspected(*test: str) -> str:
    return json.dumps([{"Config": {"Healthcheck": {"Test": list(test)}} if test else {}}])


def test_a_worker_without_a_check_has_to_run_for_a_while(
    machine: Machine, account: FakeAccount
) -> None:
    account.unit(NAME)
    account.answer("podman container inspect", inspected())
    ended = machine.run("settle", "up", SETTLE)
    assert ended.code == 0
    assert ended.report["settle_seconds"] >= 0.3


def test_a_workers_own_check_is_run_inside_as_the_account(
    machine: Machine, account: FakeAccount
) -> None:
    account.unit(NAME)
    account.answer("podman container inspect", inspected("CMD", "check", "worker"))
    assert machine.run("settle", "up", {**SETTLE, "settle_seconds": 60}).code == 0
    assert account.lines("podman exec") == [f"podman exec {NAME} check worker"]
    assert len(account.lines("podman container inspect")) == 1


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"ActiveState": "failed", **EXITED}, "ended with exit code 70"),
        ({"ActiveState": "inactive", "ExecMainCode": 1}, "ended with exit code 0"),
        ({"LoadState": "not-found", "ActiveState": "inactive"}, "there is no"),
        ({"ActiveState": "activating"}, "did not get healthy within 0.5 s: it does not run"),
    ],
)
def test_a_worker_that_does_not_run_fails_with_its_last_lines(
    machine: Machine, account: FakeAccount, state: dict[str, Any], said: str
) -> None:
    account.unit(NAME, **state)
    account.answer("podman secret ls", f"{NAME}-TOKEN\n")
    account.answer("podman secret inspect --showsecret", '[{"SecretData": "hunter2"}]')
    account.answer("journalctl --quiet", "hunter2 is no token\n")
    ended = machine.run("settle", "up", {**SETTLE, "start_seconds": 0.5})
    assert ended.code == 1
    assert said in ended.err
    assert "hunter2" not in ended.err
    if state["ActiveState"] != "inactive" or "LoadState" not in state:
        assert "[TOKEN] is no token" in ended.err
        assert f"`journalctl CONTAINER_NAME={NAME}`" in ended.err


def test_how_a_worker_ended_is_known_though_it_starts_again_by_now(
    machine: Machine, account: FakeAccount
) -> None:
    account.unit(NAME, ActiveState="activating", NRestarts=0, **EXITED)
    process = machine.start("settle", "up", SETTLE)
    while len(account.lines("systemctl")) < 3:
        assert process.poll() is None
    account.unit(NAME, ActiveState="activating", NRestarts=3)
    _, err = process.communicate(timeout=30)
    assert "ended with exit code 70, 3 times by now" in err


def test_lines_of_the_unit_are_shown_when_the_container_wrote_none(
    machine: Machine, account: FakeAccount
) -> None:
    account.unit(NAME, ActiveState="failed", ExecMainCode=1, ExecMainStatus=125)
    lines = f"journalctl --quiet --output=cat --lines=40 _UID={os.getuid()}"
    account.answer(f"{lines} CONTAINER_NAME={NAME}", "")
    account.answer(f"{lines} _SYSTEMD_USER_UNIT={NAME}.service", "no such secret\n")
    ended = machine.run("settle", "up", SETTLE)
    assert "no such secret" in ended.err


def test_a_job_runs_once_as_a_unit_and_leaves_nothing(
    machine: Machine, account: FakeAccount
) -> None:
    ended = machine.run("quadletjob", "up", JOB)
    assert (ended.code, ended.err) == (0, "")
    service = f"{JOB_NAME}.service"
    before = [
        f"systemctl --user stop {service}",
        f"systemctl --user reset-failed {service}",
        "systemctl --user daemon-reload",
    ]
    assert account.asked() == [
        *before,
        "systemctl --user daemon-reload",
        f"systemctl --user start {service}",
        *before,
        f"podman secret rm {JOB_NAME}-PASSWORD",
    ]
    assert account.units() == {}
    account.forget()
    assert machine.run("quadletjob", "up", JOB).report == {"done_before": True}
    assert account.asked() == []


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"Result": "exit-code", "ExecMainStatus": 3}, "the job ended with exit code 3"),
        ({"Result": "timeout"}, "the job took over 5 s and was stopped"),
    ],
)
def test_a_job_that_fails_shows_its_last_lines_keeps_its_secrets_and_runs_again(
    machine: Machine, account: FakeAccount, state: dict[str, Any], said: str
) -> None:
    account.unit(f"{JOB_NAME}.service", ActiveState="failed", **state)
    account.answer("systemctl --user start", "Job failed.\n", code=1)
    account.answer("journalctl --quiet", "column is missing\n")
    ended = machine.run("quadletjob", "up", JOB)
    assert ended.code == 1
    assert said in ended.err
    assert "column is missing" in ended.err
    assert account.units() == {}
    assert not account.lines("podman secret rm")
    assert machine.receipt("job-web-bbbb2222-migrate") is None


def test_a_release_that_ends_before_it_is_healthy_closes_the_gate(
    machine: Machine, account: FakeAccount
) -> None:
    account.unit(NAME, ActiveState="failed", **EXITED)
    health = {"path": "/", "status": 200, "successes": 3, "try_seconds": 0.2, "start_seconds": 9}
    route = {
        "app": "web",
        "release": "bbbb2222",
        "instance": INSTANCE,
        "stable_port": 10_001,
        "release_port": 1,
        "health": health,
        "drain_seconds": 1,
    }
    ended = machine.run("route", "up", route)
    assert ended.code == 1
    assert f"{NAME} ended with exit code 70" in ended.err


TOLD = f"run/user/{os.getuid()}/systemd/user/{NAME}.service.d/told-to-go.conf"


def route(**changes: Any) -> dict[str, Any]:
    health = {"path": "/", "status": 200, "successes": 1, "try_seconds": 0.2, "start_seconds": 0.3}
    return {
        "app": "web",
        "release": "bbbb2222",
        "instance": INSTANCE,
        "stable_port": 10_001,
        "release_port": 20_001,
        "health": health,
        "drain_seconds": 1.2,
        **changes,
    }


def test_a_release_that_is_told_to_go_is_not_restarted_unless_it_is_wanted_again(
    machine: Machine, account: FakeAccount
) -> None:
    machine.write("/proc/net/tcp", "  sl\n  0: 0100007F:4E21 0:0 01 x\n")
    account.answer("nft -j", '{"nftables": [{"map": {}}]}')
    account.unit(NAME)
    account.answer("podman container inspect --format", "SIGQUIT\n")
    assert machine.run("route", "down", route(graceful_stop=True)).code == 0
    assert (machine.root / TOLD).read_text() == "[Service]\nRestart=no\n"
    told = account.asked()
    assert told.index("systemctl --user daemon-reload") < told.index(
        f"podman kill --signal=SIGQUIT {NAME}"
    )
    account.unit(NAME, ActiveState="inactive")
    account.forget()
    machine.run("route", "up", route())
    assert not (machine.root / TOLD).exists()
    woken = account.asked()
    start = f"systemctl --user start {NAME}.service"
    assert woken.index("systemctl --user daemon-reload") < woken.index(start)


def test_a_check_of_the_schema_is_read_from_the_journal(
    machine: Machine, account: FakeAccount
) -> None:
    account.answer("journalctl --quiet", "schema: 0003\n")
    check = {**JOB, "schema": True, "app": "web", "release": "bbbb2222"}
    assert machine.run("quadletjob", "up", check).report["schema"] == "0003"
