"""Cron jobs: the same release on each runtime, with a timer in place of a route."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components import secrets
from components.artefact import Artefact, ArtefactArgs
from components.artefact_source import LocalSource
from components.cron_job import CronJob, CronJobArgs
from components.rootless import RootlessAccount, RootlessAccountArgs
from components.runtimes.quadlet import Quadlet
from components.schedule import Schedule
from tests.processes.fake_account import ACCOUNT, UNITS, FakeAccount
from tests.processes.fake_commands import FakeCommands
from tests.processes.tool_runner import SYSTEM, Ended, Machine
from tests.recorder import Deployment, record
from tests.unit.fake_host import fake_host

DAILY = Schedule(calendar="daily", spread_seconds=600)
GOOD = [
    "daily",
    "Hourly",
    "weekly UTC",
    "*:0/15",
    "Mon..Fri 02:30",
    "Mon,Wed *-*-* 12:00:00",
    "*-*-01 04:00 Europe/Berlin",
    "*-02~03",
    "Mon *-05~07/1",
    "2003-03-05 05:40",
    "Sat,Thu,Mon..Wed",
    "12-14",
]
BAD = ["", " ", "every day", "25", "0 3 * * *", "@daily", "Mon Tue", "daily UTC x"]


@pytest.mark.parametrize("calendar", GOOD)
def test_a_calendar_expression_is_taken(calendar: str) -> None:
    assert Schedule(calendar=calendar).calendar == calendar


@pytest.mark.parametrize("calendar", BAD)
def test_what_is_no_calendar_expression_is_refused(calendar: str) -> None:
    with pytest.raises(ValueError, match=r"schedule\.calendar: must be a calendar expression"):
        Schedule(calendar=calendar)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize("calendar", [*GOOD, *BAD])
def test_systemd_thinks_the_same_of_them(calendar: str) -> None:
    asked = subprocess.run(
        ["systemd-analyze", "calendar", calendar], capture_output=True, check=False
    )
    assert (asked.returncode == 0) is (calendar in GOOD)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clean").write_text("#!/bin/sh\n")


def deploy(build: Callable[[], object]) -> Deployment:
    return record(build, secrets={"password": "correct-horse-battery"})


def job(runtime: str = "docker", **changes: Any) -> Callable[[], object]:
    password = {"PASSWORD": "correct-horse-battery"}

    def program() -> None:
        given = {key: secrets.given(key, value, context="shop") for key, value in password.items()}
        plain = {"command": ["clean", "--all"], "memory_mib": 64, "schedule": DAILY}
        host = fake_host()
        what: dict[str, Any] = {"image": "example.com/shop:1"}
        if runtime == "quadlet":
            what["runtime"] = Quadlet(
                account=RootlessAccount("apps", RootlessAccountArgs(host=host))
            )
        if runtime == "systemd":
            source = LocalSource(path="clean")
            what = {"artefact": Artefact("clean", ArtefactArgs(host=host, source=source))}
        CronJob("clean", CronJobArgs(host=host, secrets=given, **{**plain, **what, **changes}))

    return program


def documents(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """What each step of the job is told, by its role."""
    return {
        made.name.split("-")[1]: json.loads(made.inputs["stdin"])
        for made in deployment.of_type("Command")
        if made.name.startswith("clean") and isinstance(made.inputs["stdin"], str)
    }


@pytest.mark.parametrize(
    ("runtime", "tool"), [("docker", "timer"), ("systemd", "timer"), ("quadlet", "quadlettimer")]
)
def test_a_timer_starts_it_and_its_removal_stands_before(runtime: str, tool: str) -> None:
    deployment = deploy(job(runtime))
    told = documents(deployment)
    outputs = deployment.one("CronJob").outputs
    assert outputs
    name = f"homeport-staging-clean-{outputs['release']}"
    assert outputs["instance_name"] == f"{name}.timer"
    for which in ({"name": name}, {"unit": f"{name}.service", "timer": f"{name}.timer"}):
        if which.keys() & told["timer"].keys():
            assert which.items() <= {key: told["timer"].get(key) for key in which}.items()
            assert which.items() <= {key: told["leave"].get(key) for key in which}.items()
    assert told["timer"]["timer_text"].splitlines() == [
        "[Unit]",
        f"Description=homeport-staging-clean, release {outputs['release']}, when it runs",
        "",
        "[Timer]",
        "OnCalendar=daily",
        "RandomizedDelaySec=600s",
        "AccuracySec=1s",
        "Persistent=yes",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    leave, timer = (
        deployment.one("Command", f"clean-{role}-{outputs['release']}")
        for role in ("leave", "timer")
    )
    assert leave.urn in timer.options.dependencies
    assert "create" not in leave.inputs
    assert leave.inputs["delete"].endswith(f"/bin/{tool} down")
    assert not deployment.of_type("Container")


def test_a_unit_that_a_timer_starts_has_the_walls_of_any_other_and_ends_in_time() -> None:
    text = documents(deploy(job("systemd", timeout_seconds=60)))["timer"]["text"]
    assert "Type=oneshot" in text
    assert "ProtectSystem=strict" in text
    assert "TimeoutStartSec=60s" in text
    assert "LoadCredential=PASSWORD:" in text
    assert "Restart=" not in text


def test_a_container_that_an_accounts_timer_starts_is_that_of_any_release_and_ends_in_time() -> (
    None
):
    deployment = deploy(job("quadlet", timeout_seconds=60))
    told, release = documents(deployment)["timer"], deployment.one("CronJob").outputs
    assert release
    text = told["content"].splitlines()
    assert 'Exec="clean" "--all"' in text
    assert f"Image=localhost/homeport-staging/clean:{release['release']}" in text
    assert {"ReadOnly=true", "DropCapability=all", "User=10001", "Type=oneshot"} <= set(text)
    assert "TimeoutStartSec=60" in text
    assert any(line.startswith(f"Secret={told['name']}-PASSWORD,type=mount") for line in text)
    assert not [line for line in text if line.startswith(("Restart", "WantedBy", "Publish"))]


def test_its_release_changes_with_its_times() -> None:
    def release(**changes: Any) -> str:
        outputs = deploy(job(**changes)).one("CronJob").outputs
        assert outputs
        return str(outputs["release"])

    assert release() == release()
    times = Schedule(calendar="hourly"), Schedule(calendar="daily", catch_up=False)
    found = {release(), release(timeout_seconds=5), *(release(schedule=time) for time in times)}
    assert len(found) == 4


def test_a_time_limit_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="CronJob: timeout_seconds: must be from 1 to 86400"):
        deploy(job(timeout_seconds=0))


UNIT, TIMER = f"{SYSTEM}-clean-bbbb2222.service", f"{SYSTEM}-clean-bbbb2222.timer"
FILES = f"/opt/homeport/{SYSTEM}/artefacts/clean/1234/files"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "root")
    made.write(f"{FILES}/clean", "#!/bin/sh\n").chmod(0o755)
    return made


@pytest.fixture
def commands(machine: Machine) -> FakeCommands:
    return FakeCommands(machine, "systemctl", "systemd-analyze", "getent", "useradd")


def spec(**changes: Any) -> dict[str, Any]:
    return {
        "app": "clean",
        "release": "bbbb2222",
        "unit": UNIT,
        "timer": TIMER,
        "text": "[Service]\nExecStart=@program@\n",
        "timer_text": "[Timer]\nOnCalendar=daily\n",
        "calendar": "daily",
        "program": "clean",
        "account": "clean-1234abcd",
        "search": [FILES],
        "timeout_seconds": 1,
        **changes,
    }


def up(machine: Machine, **changes: Any) -> Ended:
    ended = machine.run("timer", "up", spec(**changes))
    assert ended.code == 0, ended.err
    return ended


def test_the_timer_is_enabled_and_not_the_unit(machine: Machine, commands: FakeCommands) -> None:
    up(machine)
    folder = machine.root / "etc/systemd/system"
    assert (folder / UNIT).read_text() == f"[Service]\nExecStart={FILES}/clean\n"
    assert (folder / TIMER).read_text() == "[Timer]\nOnCalendar=daily\n"
    assert f"systemctl enable --quiet {TIMER}" in commands.lines()
    assert not [line for line in commands.lines("systemctl enable") if UNIT in line]
    receipt = machine.receipt("timer-clean-bbbb2222")
    assert receipt
    assert receipt["units"] == [TIMER]


def test_an_expression_that_the_hosts_systemd_does_not_understand_changes_nothing(
    machine: Machine, commands: FakeCommands
) -> None:
    commands.answer("systemd-analyze", "Failed to parse calendar specification", code=1)
    ended = machine.run("timer", "up", spec())
    assert ended.code == 1
    assert "the host's systemd does not understand 'daily'" in ended.err
    assert "Failed to parse" in ended.err
    assert not (machine.root / "etc/systemd/system").exists()


def test_a_run_under_way_ends_before_its_unit_goes(
    machine: Machine, commands: FakeCommands
) -> None:
    up(machine)
    commands.forget()
    commands.answer("systemctl show", "ActiveState=activating\n")
    assert machine.run("timer", "down", spec(timeout_seconds=3)).code == 0
    lines = commands.lines()
    assert lines[0] == f"systemctl stop {TIMER}"
    assert len(commands.lines("systemctl show")) >= 2
    assert lines.index(f"systemctl disable --now {UNIT}") > lines.index(f"systemctl stop {TIMER}")
    assert list((machine.root / "etc/systemd/system").iterdir()) == []
    assert machine.receipt("timer-clean-bbbb2222") is None


def test_a_container_is_made_anew_for_every_run_and_goes_with_it(
    machine: Machine, commands: FakeCommands
) -> None:
    container = {
        "container": f"{SYSTEM}-clean-bbbb2222",
        "command": ["clean", "50%", "$HOME"],
        "environment": {"A": 'two "words"'},
        "secrets": None,
        "networks": ["own", "data"],
        "user": "10001:10001",
        "memory_mib": 64,
        "cpus": None,
        "tmpfs": {},
        "system": SYSTEM,
        "stop_seconds": 10,
    }
    ended = machine.run("timer", "up", spec(container=container))
    assert "there is no image of release bbbb2222" in ended.err
    machine.write_receipt("image-clean-bbbb2222", {"id": "sha256:1"})
    up(machine, container=container)
    text = (machine.root / "etc/systemd/system" / UNIT).read_text()
    name = container["container"]
    gone = f'-/usr/bin/docker "rm" "--force" "--volumes" "{name}"'
    assert f"ExecStartPre={gone}" in text
    assert f"ExecStopPost={gone}" in text
    assert f'ExecStartPre=/usr/bin/docker "network" "connect" "data" "{name}"' in text
    assert f'ExecStart=/usr/bin/docker "start" "--attach" "{name}"' in text
    assert '"--env=A=two \\"words\\"" "sha256:1" "clean" "50%%" "$$HOME"' in text
    assert '"--read-only" "--cap-drop=ALL"' in text
    assert commands.lines("systemctl daemon-reload")


NAME = f"{SYSTEM}-clean-bbbb2222"
QUADLET = {
    "app": "clean",
    "release": "bbbb2222",
    "account": ACCOUNT,
    "name": NAME,
    "content": "[Container]\nImage=localhost/x\n",
    "timer_text": "[Timer]\nOnCalendar=daily\n",
    "calendar": "daily",
    "timeout_seconds": 1,
}
TIMERS = "home/apps/.config/systemd/user"


@pytest.fixture
def account(machine: Machine) -> FakeAccount:
    account = FakeAccount(machine)
    account.add("systemd-analyze")
    account.unit(f"{NAME}.service")
    return account


def test_an_accounts_timer_is_enabled_and_not_its_container(
    machine: Machine, account: FakeAccount
) -> None:
    ended = machine.run("quadlettimer", "up", QUADLET)
    assert (ended.code, ended.err) == (0, "")
    assert account.units() == {f"{NAME}.container": QUADLET["content"]}
    assert (machine.root / TIMERS / f"{NAME}.timer").read_text() == QUADLET["timer_text"]
    assert account.asked()[-2:] == [
        f"systemctl --user enable --quiet {NAME}.timer",
        f"systemctl --user restart {NAME}.timer",
    ]
    assert not account.lines("systemctl --user start")
    receipt = machine.receipt("timer-clean-bbbb2222")
    assert receipt
    assert {file["path"].rpartition("/")[0] for file in receipt["files"]} == {
        str(machine.root / folder) for folder in (UNITS, TIMERS)
    }


def test_an_account_is_given_nothing_that_its_systemd_does_not_understand(
    machine: Machine, account: FakeAccount
) -> None:
    account.answer("systemd-analyze", "Failed to parse calendar specification", code=1)
    ended = machine.run("quadlettimer", "up", QUADLET)
    assert "the host's systemd does not understand 'daily'" in ended.err
    assert account.units() == {}


def test_a_container_that_quadlet_does_not_take_fails_with_what_it_says(
    machine: Machine, account: FakeAccount
) -> None:
    account.unit(f"{NAME}.service", LoadState="not-found")
    generator = machine.write(
        "usr/lib/systemd/user-generators/podman-user-generator",
        f"#!/bin/sh\necho 'converting \"{NAME}.container\": unsupported key' >&2\n",
    )
    generator.chmod(0o755)
    ended = machine.run("quadlettimer", "up", QUADLET)
    assert ended.code == 1
    assert f"Quadlet makes no service of {NAME}.container" in ended.err
    assert "unsupported key" in ended.err


def test_an_accounts_run_under_way_ends_before_its_container_and_secrets_go(
    machine: Machine, account: FakeAccount
) -> None:
    assert machine.run("quadlettimer", "up", QUADLET).code == 0
    account.forget()
    account.unit(f"{NAME}.service", ActiveState="activating")
    account.answer("podman secret ls", f"{NAME}-PASSWORD\nother\n")
    assert machine.run("quadlettimer", "down", {**QUADLET, "timeout_seconds": 3}).code == 0
    asked = account.asked()
    assert asked[0] == f"systemctl --user disable --now {NAME}.timer"
    assert len(account.lines("systemctl --user show")) >= 2
    assert f"podman rm --force --ignore --volumes {NAME}" in asked
    assert account.lines("podman secret rm") == [f"podman secret rm {NAME}-PASSWORD"]
    assert account.units() == {}
    assert list((machine.root / TIMERS).iterdir()) == []
    assert machine.receipt("timer-clean-bbbb2222") is None
