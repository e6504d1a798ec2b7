"""The tools `unit` and `jobunit`, as real processes with a fake systemd."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.processes.fake_commands import FakeCommands
from tests.processes.tool_runner import SYSTEM, Machine

UNIT = f"{SYSTEM}-web-bbbb2222.service"
ACCOUNT = "web-1234abcd"
JOB = f"{SYSTEM}-web-migrate.service"
SECRETS = f"/opt/homeport/{SYSTEM}/apps/web/bbbb2222/migrate-secrets"
FILES = f"/opt/homeport/{SYSTEM}/artefacts/shop/1234/files"
VENV = f"/opt/homeport/{SYSTEM}/artefacts/shop/1234/venv-5678"
ENDED = "98e322203f7a4ed290d09fe03c09fe15"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "root")
    made.write("/proc/meminfo", "MemAvailable: 1048576 kB\nSwapFree: 0 kB\n")
    made.write(f"{FILES}/shop", "#!/bin/sh\n").chmod(0o755)
    return made


@pytest.fixture(autouse=True)
def commands(machine: Machine) -> FakeCommands:
    made = FakeCommands(machine, "systemctl", "journalctl", "getent", "useradd", "userdel")
    made.answer("getent", code=2)
    made.answer("systemctl is-active", code=3)
    return made


def shown(commands: FakeCommands, **properties: str) -> None:
    """Let systemd say this of every unit."""
    plain = {"LoadState": "loaded", "ActiveState": "active", "NRestarts": "0", "InvocationID": "i1"}
    text = "".join(f"{key}={value}\n" for key, value in {**plain, **properties}.items())
    commands.answer("systemctl show", text)


def unit(**changes: Any) -> dict[str, Any]:
    return {
        "app": "web",
        "release": "bbbb2222",
        "unit": UNIT,
        "text": '[Service]\nExecStart=@program@ "serve"\n',
        "program": "shop",
        "account": ACCOUNT,
        "search": [f"{VENV}/bin", FILES],
        "memory_mib": 64,
        **changes,
    }


def job(**changes: Any) -> dict[str, Any]:
    return {
        "receipt": "job-web-bbbb2222-migrate",
        "unit": JOB,
        "text": f"[Service]\nExecStart=@program@\nLoadCredential=PASSWORD:{SECRETS}/PASSWORD\n",
        "program": "shop",
        "account": ACCOUNT,
        "search": [FILES],
        "secrets": SECRETS,
        "timeout_seconds": 5,
        **changes,
    }


def file(machine: Machine, name: str = UNIT) -> Path:
    return machine.root / "etc/systemd/system" / name


def changes(commands: FakeCommands) -> list[str]:
    """What was asked of systemd but questions."""
    return [line for line in commands.lines("systemctl") if " show " not in line]


def test_a_unit_is_written_enabled_and_started(machine: Machine, commands: FakeCommands) -> None:
    ended = machine.run("unit", "up", unit())
    assert (ended.code, ended.err) == (0, "")
    assert file(machine).read_text() == f'[Service]\nExecStart={FILES}/shop "serve"\n'
    assert file(machine).stat().st_mode & 0o777 == 0o644
    assert changes(commands) == [
        f"systemctl is-active --quiet {UNIT}",
        "systemctl daemon-reload",
        f"systemctl enable --quiet {UNIT}",
        f"systemctl start {UNIT}",
    ]
    receipt = machine.receipt("unit-web-bbbb2222")
    assert receipt
    assert receipt["units"] == [UNIT]
    assert receipt["files"][0]["path"] == f"/etc/systemd/system/{UNIT}"


def test_an_account_is_made_once_and_goes_with_its_last_unit(
    machine: Machine, commands: FakeCommands
) -> None:
    text = f"[Service]\nUser={ACCOUNT}\nExecStart=@program@\n"
    other = file(machine, f"{SYSTEM}-web-cccc3333.service")
    for name in ("bbbb2222", "cccc3333"):
        own = {"release": name, "unit": f"{SYSTEM}-web-{name}.service", "text": text}
        assert machine.run("unit", "up", unit(**own)).code == 0
        commands.answer("getent", f"{ACCOUNT}:x:998:998:Homeport runs an app as this account::\n")
    (made,) = commands.lines("useradd")
    assert made.startswith("useradd --system --user-group --no-create-home")
    assert made.endswith(f" {ACCOUNT}")
    left = {"app": "web", "account": ACCOUNT}
    assert machine.run("unit", "down", {**left, "release": "bbbb2222", "units": [UNIT]}).code == 0
    assert commands.lines("userdel") == []
    last = {**left, "release": "cccc3333", "units": [other.name]}
    assert machine.run("unit", "down", last).code == 0
    assert commands.lines("userdel") == [f"userdel {ACCOUNT}"]


def test_an_account_that_the_host_had_before_stays(
    machine: Machine, commands: FakeCommands
) -> None:
    commands.answer("getent", "shop:x:1001:1001:The shop:/srv:/bin/sh\n")
    machine.run("unit", "up", unit(account="shop"))
    spec = {"app": "web", "release": "bbbb2222", "units": [UNIT], "account": "shop"}
    assert machine.run("unit", "down", spec).code == 0
    assert commands.lines("user") == []


def test_a_unit_that_runs_as_it_should_is_left_alone(
    machine: Machine, commands: FakeCommands
) -> None:
    machine.run("unit", "up", unit())
    commands.answer("systemctl is-active")
    commands.forget()
    # Not even memory is asked for: what runs has its share already.
    assert machine.run("unit", "up", unit(memory_mib=2**20)).code == 0
    assert "restart" not in " ".join(changes(commands))
    assert "systemctl daemon-reload" not in changes(commands)
    file(machine).write_text("changed by hand")
    commands.forget()
    assert machine.run("unit", "up", unit()).code == 0
    assert f"systemctl restart {UNIT}" in changes(commands)


def test_a_program_comes_from_the_environment_before_the_artefact(
    machine: Machine,
) -> None:
    machine.write(f"{VENV}/bin/shop", "#!/bin/sh\n").chmod(0o755)
    machine.run("unit", "up", unit())
    assert f"ExecStart={VENV}/bin/shop" in file(machine).read_text()


@pytest.mark.parametrize("kind", ["missing", "not executable", "folder"])
def test_a_program_that_cannot_run_is_noticed_before_anything_is_written(
    machine: Machine, kind: str
) -> None:
    if kind == "not executable":
        machine.write(f"{FILES}/other", "x")
    elif kind == "folder":
        (machine.root / FILES.lstrip("/") / "other").mkdir()
    ended = machine.run("unit", "up", unit(program="other"))
    assert ended.code == 1
    assert f"there is no program 'other'; looked in {VENV}/bin, {FILES}" in ended.err
    assert "next: correct the first word of command" in ended.err
    assert not file(machine).exists()


def test_too_little_memory_is_noticed_before_anything_is_written(machine: Machine) -> None:
    ended = machine.run("unit", "up", unit(memory_mib=2000))
    assert "only 1024 MiB of memory are free; the new release may use 2000" in ended.err
    assert not file(machine).exists()


def test_a_release_goes_with_its_jobs_and_their_receipts(
    machine: Machine, commands: FakeCommands
) -> None:
    machine.run("unit", "up", unit())
    left = machine.write(f"/run/systemd/system/{JOB}", "[Service]\n")
    machine.write_receipt("job-web-bbbb2222-migrate", {"seconds": 1})
    machine.write_receipt("job-web-cccc3333-migrate", {"seconds": 1})
    commands.forget()
    spec = {"app": "web", "release": "bbbb2222", "units": [UNIT, JOB], "account": ACCOUNT}
    assert machine.run("unit", "down", spec).code == 0
    assert f"systemctl disable --now {UNIT}" in changes(commands)
    assert f"systemctl disable --now {JOB}" in changes(commands)
    assert not file(machine).exists()
    assert not left.exists()
    assert machine.receipt("unit-web-bbbb2222") is None
    assert machine.receipt("job-web-bbbb2222-migrate") is None
    assert machine.receipt("job-web-cccc3333-migrate")
    # What was never there can be taken away too.
    assert machine.run("unit", "down", spec).code == 0


def test_a_job_runs_once_and_leaves_nothing(machine: Machine, commands: FakeCommands) -> None:
    secret = machine.write(f"{SECRETS}/PASSWORD", "hunter2")
    ended = machine.run("jobunit", "up", job())
    assert ended.code == 0, ended.err
    assert changes(commands) == [
        "systemctl daemon-reload",
        f"systemctl start {JOB}",
        f"systemctl disable --now {JOB}",
        "systemctl daemon-reload",
        f"systemctl reset-failed {JOB}",
    ]
    assert not (machine.root / f"run/systemd/system/{JOB}").exists()
    assert not secret.parent.exists()
    assert machine.receipt("job-web-bbbb2222-migrate")
    commands.forget()
    assert machine.run("jobunit", "up", job()).report == {"done_before": True}
    assert commands.lines() == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"ExecMainCode": "1", "ExecMainStatus": "3"}, "the job ended with exit code 3"),
        ({"ExecMainCode": "2", "ExecMainStatus": "9"}, "the job ended with exit code 137"),
        ({"Result": "timeout"}, "the job took over 5 s and was stopped"),
        ({"Result": "oom-kill"}, "needed more memory than its limit"),
        ({"ExecMainCode": "0", "ExecMainStatus": "0"}, "the job could not run"),
    ],
)
def test_a_job_that_fails_shows_its_last_lines_without_secrets_and_runs_again(
    machine: Machine, commands: FakeCommands, found: dict[str, str], said: str
) -> None:
    secret = machine.write(f"{SECRETS}/PASSWORD", "hunter2")
    shown(commands, FragmentPath=f"/run/systemd/system/{JOB}", **found)
    commands.answer("systemctl start", "Job failed.", code=1)
    commands.answer("journalctl", "no entry for hunter2\n")
    ended = machine.run("jobunit", "up", job())
    assert ended.code == 1
    assert said in ended.err
    assert "no entry for [PASSWORD]" in ended.err
    assert "hunter2" not in ended.err
    assert "next: " in ended.err
    assert "_SYSTEMD_INVOCATION_ID=i1" in commands.lines("journalctl --output=cat")[0]
    assert secret.exists()
    assert machine.receipt("job-web-bbbb2222-migrate") is None
    assert f"systemctl disable --now {JOB}" in changes(commands)


def test_what_a_job_that_was_cut_off_left_is_stopped_first(
    machine: Machine, commands: FakeCommands
) -> None:
    machine.write(f"/run/systemd/system/{JOB}", "[Service]\n")
    assert machine.run("jobunit", "up", job()).code == 0
    asked = changes(commands)
    assert asked.index(f"systemctl disable --now {JOB}") < asked.index(f"systemctl start {JOB}")


def settle(**changes: Any) -> dict[str, Any]:
    instance = {"kind": "systemd", "name": UNIT}
    return {"instance": instance, "settle_seconds": 0.3, "start_seconds": 5, **changes}


def test_a_unit_without_a_check_has_to_run_for_a_while(
    machine: Machine, commands: FakeCommands
) -> None:
    shown(commands)
    assert machine.run("settle", "up", settle()).report["settle_seconds"] >= 0.3


def test_a_unit_that_is_gone_is_explained(machine: Machine, commands: FakeCommands) -> None:
    shown(commands, LoadState="not-found")
    ended = machine.run("settle", "up", settle())
    assert f"there is no {UNIT} on this host" in ended.err


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"EXIT_CODE": "exited", "EXIT_STATUS": "70"}, f"{UNIT} ended with exit code 70"),
        ({"EXIT_CODE": "killed", "EXIT_STATUS": "KILL"}, f"{UNIT} ended with exit code 137"),
        ({"UNIT_RESULT": "oom-kill", "MESSAGE_ID": "x"}, "next: raise memory_mib"),
    ],
)
def test_how_a_unit_ended_last_is_known_after_it_was_started_again(
    machine: Machine, commands: FakeCommands, event: dict[str, str], said: str
) -> None:
    path = machine.write(f"/etc/systemd/system/{UNIT}", "[Service]\n")
    shown(commands, ActiveState="failed", FragmentPath=f"/etc/systemd/system/{UNIT}")
    commands.answer("journalctl --quiet --boot", json.dumps({"MESSAGE_ID": ENDED, **event}))
    commands.answer("journalctl --output=cat", "no queue\n")
    ended = machine.run("settle", "up", settle(start_seconds=60))
    assert ended.code == 1
    assert said in ended.err
    assert "no queue" in ended.err
    assert path.exists()


def test_a_check_runs_as_the_unit_with_its_variables(
    machine: Machine, commands: FakeCommands
) -> None:
    commands.add("nsenter")
    path = f"/etc/systemd/system/{UNIT}"
    machine.write(path, '[Service]\n\n[X-Homeport]\nCheck=["shop", "check"]\n')
    machine.write("/proc/42/status", "Name:\tshop\nUid:\t61\t61\t61\t61\nGid:\t62\t62\t62\t62\n")
    machine.write("/proc/42/environ", "PATH=/bin\0A=two words\0")
    shown(commands, MainPID="42", FragmentPath=path)
    assert machine.run("settle", "up", settle(settle_seconds=60, start_seconds=60)).code == 0
    assert commands.lines("nsenter") == [
        "nsenter --target=42 --mount --wd -- setpriv --reuid=61 --regid=62 --clear-groups "
        "--no-new-privs --inh-caps=-all --bounding-set=-all -- "
        "env --ignore-environment PATH=/bin A=two words shop check"
    ]


def route(**changes: Any) -> dict[str, Any]:
    health = {"path": "/", "status": 200, "successes": 1, "try_seconds": 0.2, "start_seconds": 0.3}
    return {
        "app": "web",
        "release": "bbbb2222",
        "instance": {"kind": "systemd", "name": UNIT},
        "stable_port": 10_001,
        "release_port": 20_001,
        "health": health,
        "drain_seconds": 1.2,
        **changes,
    }


def test_a_unit_that_is_told_to_go_is_not_restarted_unless_it_is_wanted_again(
    machine: Machine, commands: FakeCommands
) -> None:
    commands.add("nft")
    machine.write("/proc/net/tcp", "  sl\n  0: 0100007F:4E21 0:0 01 x\n")
    commands.answer("nft -j", '{"nftables": [{"map": {}}]}')
    told = machine.root / f"run/systemd/system/{UNIT}.d/told-to-go.conf"
    assert machine.run("route", "down", route(graceful_stop=True)).code == 0
    assert told.read_text() == "[Service]\nRestart=no\n"
    assert changes(commands) == [
        "systemctl daemon-reload",
        f"systemctl kill --kill-who=main --signal=SIGTERM {UNIT}",
    ]
    shown(commands, ActiveState="inactive")
    commands.forget()
    machine.run("route", "up", route())
    assert not told.exists()
    assert changes(commands) == ["systemctl daemon-reload", f"systemctl start {UNIT}"]
    assert machine.run("route", "down", route(graceful_stop=True)).code == 0
    gone = {"app": "web", "release": "bbbb2222", "units": [UNIT], "account": ACCOUNT}
    assert machine.run("unit", "down", gone).code == 0
    assert not told.parent.exists()


def test_a_check_of_the_schema_is_read_from_the_journal(
    machine: Machine, commands: FakeCommands
) -> None:
    commands.answer("journalctl --output=cat", "schema: 0003\n")
    check = job(receipt="job-web-bbbb2222-schema", schema=True, app="web", release="bbbb2222")
    assert machine.run("jobunit", "up", check).report["schema"] == "0003"
    lines = commands.lines("journalctl")
    assert lines[0] == "journalctl --sync"
