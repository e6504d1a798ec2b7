"""The tool `files`: a transaction, repeatable, and undone without a trace."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.processes.fake_commands import FakeCommands
from tests.processes.tool_runner import Ended, Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    root = tmp_path / "root"
    root.mkdir()
    return Machine(root)


@pytest.fixture
def commands(machine: Machine) -> FakeCommands:
    return FakeCommands(machine, "systemctl", "check", "reload", "restart", "apt-get", "apt-mark")


def file(path: str, content: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "content": content, **more}


def up(machine: Machine, name: str = "step", **spec: Any) -> Ended:
    ended = machine.run("files", "up", {"name": name, **spec})
    assert ended.code == 0, ended.err
    return ended


def down(machine: Machine, name: str = "step", **spec: Any) -> Ended:
    ended = machine.run("files", "down", {"name": name, **spec})
    assert ended.code == 0, ended.err
    return ended


def on_host(machine: Machine) -> dict[str, str]:
    """Every file outside of Homeport's own folder and the locks."""
    files = (p for p in machine.root.rglob("*") if p.is_file())
    found = {f"/{p.relative_to(machine.root)}": p.read_text() for p in files}
    return {k: v for k, v in found.items() if not k.startswith(("/opt/homeport", "/run"))}


def test_files_are_written_with_their_modes(machine: Machine, commands: FakeCommands) -> None:
    ended = up(machine, files=[file("/etc/a", "1"), file("/etc/b/c", "2", mode="0600")])
    assert ended.out == "changed: /etc/a, /etc/b/c\n"
    assert on_host(machine) == {"/etc/a": "1", "/etc/b/c": "2"}
    assert (machine.root / "etc/b/c").stat().st_mode & 0o777 == 0o600
    assert (machine.root / "etc/a").stat().st_mode & 0o777 == 0o644
    assert commands.lines() == []


def test_a_second_run_changes_nothing_and_runs_nothing(
    machine: Machine, commands: FakeCommands
) -> None:
    spec = {"files": [file("/etc/a", "1")], "then": [["reload"]], "check": [["check"]]}
    up(machine, **spec)
    commands.forget()
    assert up(machine, **spec).out == "changed: nothing\n"
    assert commands.lines() == []


def test_a_changed_mode_alone_is_repaired(machine: Machine) -> None:
    spec = {"files": [file("/etc/a", "1", mode="0600")]}
    up(machine, **spec)
    (machine.root / "etc/a").chmod(0o666)
    assert up(machine, **spec).out == "changed: /etc/a\n"
    assert (machine.root / "etc/a").stat().st_mode & 0o777 == 0o600


def test_drift_is_repaired_and_followed(machine: Machine, commands: FakeCommands) -> None:
    spec = {"files": [file("/etc/a", "1")], "then": [["reload"]]}
    up(machine, **spec)
    machine.write("/etc/a", "edited by hand")
    commands.forget()
    up(machine, **spec)
    assert on_host(machine) == {"/etc/a": "1"}
    assert commands.lines() == ["reload"]


def test_only_what_changed_is_followed_and_each_command_runs_once(
    machine: Machine, commands: FakeCommands
) -> None:
    files = [
        file("/etc/a", "1", then=[["reload", "a"]]),
        file("/etc/b", "1", then=[["reload", "b"]]),
        file("/etc/c", "1", then=[["reload", "a"]]),
    ]
    up(machine, files=files)
    assert commands.lines("reload") == ["reload a", "reload b"]
    commands.forget()
    up(machine, files=[files[0], file("/etc/b", "2", then=[["reload", "b"]]), files[2]])
    assert commands.lines("reload") == ["reload b"]


def test_a_failed_check_brings_every_file_back(machine: Machine, commands: FakeCommands) -> None:
    up(machine, files=[file("/etc/a", "1"), file("/etc/old", "kept")])
    receipt = machine.receipt("step")
    commands.answer("check", "line 3: no such directive", code=1)
    ended = machine.run(
        "files",
        "up",
        {
            "name": "step",
            "files": [file("/etc/a", "2"), file("/etc/new", "3")],
            "check": [["check", "all"]],
            "then": [["reload"]],
        },
    )
    assert ended.code == 1
    assert "the files step: `check all` ended with 1" in ended.err
    assert "line 3: no such directive" in ended.err
    assert "next: correct what the check says; no file on the host was changed" in ended.err
    assert on_host(machine) == {"/etc/a": "1", "/etc/old": "kept"}
    assert machine.receipt("step") == receipt
    assert commands.lines("reload") == []


def test_a_failed_first_check_leaves_no_receipt_and_no_file(
    machine: Machine, commands: FakeCommands
) -> None:
    machine.write("/etc/a", "theirs")
    commands.answer("check", code=1)
    spec = {"name": "step", "files": [file("/etc/a", "1")], "check": [["check"]]}
    assert machine.run("files", "up", spec).code == 1
    assert machine.receipt("step") is None
    assert on_host(machine) == {"/etc/a": "theirs"}
    assert not (machine.root / "opt/homeport/originals").exists()


def test_what_failed_to_follow_is_repeated_by_the_next_run(
    machine: Machine, commands: FakeCommands
) -> None:
    spec = {"name": "step", "files": [file("/etc/a", "1", then=[["reload", "a"]])]}
    commands.answer("reload", "unit is on fire", code=1)
    ended = machine.run("files", "up", spec)
    assert ended.code == 1
    assert "unit is on fire" in ended.err
    commands.answer("reload")
    commands.forget()
    assert machine.run("files", "up", spec).code == 0
    assert commands.lines("reload") == ["reload a"]
    commands.forget()
    assert machine.run("files", "up", spec).code == 0
    assert commands.lines("reload") == []


def test_a_file_that_is_no_longer_listed_goes(machine: Machine, commands: FakeCommands) -> None:
    up(machine, files=[file("/etc/a", "1"), file("/etc/b", "1")])
    ended = up(machine, files=[file("/etc/a", "1")], then=[["reload"]])
    assert ended.out == "changed: /etc/b\n"
    assert on_host(machine) == {"/etc/a": "1"}
    assert commands.lines() == ["reload"]


def test_a_file_that_must_not_be_there_goes_and_returns_with_down(machine: Machine) -> None:
    machine.write("/etc/default-site", "theirs")
    up(machine, files=[file("/etc/a", "1")], gone=["/etc/default-site"])
    assert on_host(machine) == {"/etc/a": "1"}
    down(machine)
    assert on_host(machine) == {"/etc/default-site": "theirs"}


def test_down_removes_everything_and_follows(machine: Machine, commands: FakeCommands) -> None:
    up(
        machine,
        files=[file("/etc/app/a", "1", then=[["reload"]])],
        directories=[{"path": "/etc/app", "mode": "0750"}],
    )
    commands.forget()
    assert down(machine).out == "removed: /etc/app/a\n"
    assert on_host(machine) == {}
    assert not (machine.root / "etc/app").exists()
    assert commands.lines() == ["reload"]
    assert machine.receipt("step") is None


def test_down_twice_and_down_without_up_are_no_error(machine: Machine) -> None:
    assert down(machine).out == "removed: nothing\n"
    up(machine, files=[file("/etc/a", "1")])
    down(machine)
    assert down(machine).out == "removed: nothing\n"


def test_a_file_that_was_there_before_returns_with_its_mode(machine: Machine) -> None:
    machine.write("/etc/motd", "hello").chmod(0o640)
    up(machine, files=[file("/etc/motd", "ours")])
    up(machine, files=[file("/etc/motd", "ours again")])
    assert on_host(machine) == {"/etc/motd": "ours again"}
    down(machine)
    assert on_host(machine) == {"/etc/motd": "hello"}
    assert (machine.root / "etc/motd").stat().st_mode & 0o777 == 0o640
    assert not (machine.root / "opt/homeport/originals").exists()


def test_a_file_that_two_stacks_claim_stays_until_the_last_one_goes(machine: Machine) -> None:
    machine.write("/etc/shared", "theirs")
    spec = {"name": "step", "files": [file("/etc/shared", "ours")]}
    for system in ("shop-staging", "blog-staging"):
        assert machine.run("files", "up", {**spec, "system": system}).code == 0
    assert machine.run("files", "down", {**spec, "system": "shop-staging"}).code == 0
    assert on_host(machine) == {"/etc/shared": "ours"}
    assert machine.run("files", "down", {**spec, "system": "blog-staging"}).code == 0
    assert on_host(machine) == {"/etc/shared": "theirs"}


def test_json_is_laid_over_what_is_there(machine: Machine) -> None:
    machine.write("/etc/docker/daemon.json", '{"registry-mirrors": ["x"], "live-restore": false}')
    ours = json.dumps({"live-restore": True, "log-driver": "local"})
    spec = {"files": [file("/etc/docker/daemon.json", ours, merge=True)]}
    up(machine, **spec)
    assert json.loads(on_host(machine)["/etc/docker/daemon.json"]) == {
        "registry-mirrors": ["x"],
        "live-restore": True,
        "log-driver": "local",
    }
    assert up(machine, **spec).out == "changed: nothing\n"


def test_what_should_be_json_and_is_not_is_named(machine: Machine) -> None:
    machine.write("/etc/docker/daemon.json", "{oops")
    spec = {"name": "s", "files": [file("/etc/docker/daemon.json", "{}", merge=True)]}
    ended = machine.run("files", "up", spec)
    assert ended.code == 1
    assert "/etc/docker/daemon.json is no JSON" in ended.err
    assert on_host(machine) == {"/etc/docker/daemon.json": "{oops"}


def test_the_receipt_has_hashes_modes_and_meta_but_no_content(machine: Machine) -> None:
    up(machine, files=[file("/etc/a", "canary", mode="0600")], meta={"ports": [10001]})
    receipt = machine.receipt("step")
    assert receipt is not None
    assert receipt["files"][0]["path"] == "/etc/a"
    assert receipt["files"][0]["mode"] == "0600"
    assert receipt["files"][0]["sha256"] == hashlib.sha256(b"canary").hexdigest()
    assert receipt["meta"] == {"ports": [10001]}
    assert "canary" not in json.dumps(receipt)
    assert "pending" not in receipt
    path = machine.stack / "receipts/step.json"
    assert path.stat().st_mode & 0o777 == 0o600


def test_units_are_read_again_enabled_and_stopped(machine: Machine, commands: FakeCommands) -> None:
    commands.answer("systemctl is-enabled", code=1)
    unit = file("/etc/systemd/system/x.service", "[Unit]")
    up(machine, files=[unit], units_enabled=["x.service"])
    assert commands.lines("systemctl daemon-reload") == ["systemctl daemon-reload"]
    assert commands.lines("systemctl enable") == ["systemctl enable --now x.service"]
    commands.answer("systemctl is-enabled")
    commands.forget()
    up(machine, files=[unit], units_enabled=["x.service"])
    assert commands.lines("systemctl enable") == []
    down(machine)
    assert commands.lines("systemctl disable") == ["systemctl disable --now x.service"]


def test_missing_packages_are_installed_and_held(machine: Machine, commands: FakeCommands) -> None:
    commands.add("dpkg-query")
    commands.add("apt-cache")
    commands.answer("dpkg-query", "installed chrony 4.3\ninstalled docker.io 20.10\n")
    commands.answer("apt-cache policy docker-cli", "docker-cli:\n  Candidate: (none)\n")
    commands.answer("apt-cache policy extra", "extra:\n  Candidate: 1.2\n")
    packages = ["caddy", "systemd-timesyncd|chrony", "docker-cli?", "extra?", "docker.io"]
    ended = up(machine, packages=packages, hold=["docker.io"])
    assert ended.out == "changed: caddy, extra\n"
    [install] = commands.lines("apt-get install")
    assert install.endswith(" caddy extra")
    assert "--no-install-recommends" in install
    assert commands.lines("apt-mark hold") == ["apt-mark hold docker.io"]
    receipt = machine.receipt("step")
    assert receipt is not None
    assert receipt["packages"] == {"chrony": "4.3", "docker.io": "20.10"}


def test_present_packages_cause_no_call_of_apt(machine: Machine, commands: FakeCommands) -> None:
    commands.add("dpkg-query")
    commands.answer("dpkg-query", "installed caddy 2\nconfig-files nginx 1\n")
    up(machine, packages=["caddy"])
    assert commands.lines("apt") == []


def test_a_package_source_that_does_not_answer_is_told_with_a_cure(
    machine: Machine, commands: FakeCommands
) -> None:
    commands.add("dpkg-query")
    commands.answer("apt-get update", "E: Could not resolve 'packages.example.org'", code=100)
    ended = machine.run("files", "up", {"name": "s", "packages": ["caddy"]})
    assert ended.code == 1
    assert "E: Could not resolve 'packages.example.org'" in ended.err
    assert "next: check the machine's package sources" in ended.err


def test_a_directory_that_belongs_to_somebody_already_is_left_as_it_was_found(
    machine: Machine,
) -> None:
    directory = machine.root / "mnt/data"
    spec = {"directories": [{"path": "/mnt/data", "mode": "0700", "as_found": True}]}
    up(machine, **spec)
    assert directory.stat().st_mode & 0o777 == 0o700
    directory.chmod(0o750)
    up(machine, **spec)
    assert directory.stat().st_mode & 0o777 == 0o750


def test_a_directory_in_the_place_of_a_file_is_refused(machine: Machine) -> None:
    (machine.root / "etc/a").mkdir(parents=True)
    ended = machine.run("files", "up", {"name": "s", "gone": ["/etc/a"]})
    assert ended.code == 1
    assert "/etc/a is a directory" in ended.err


STOCK = {"path": "/etc/x/on/default", "package": "x", "folders": ["/etc/x/on", "/etc/x/more"]}


def stock_site(machine: Machine, commands: FakeCommands) -> Path:
    """Make a link to a file that is as its package shipped it."""
    machine.write("/etc/x/off/default", "stock")
    link = machine.root / "etc/x/on/default"
    link.parent.mkdir(parents=True)
    link.symlink_to("/etc/x/off/default")
    md5 = hashlib.md5(b"stock", usedforsecurity=False).hexdigest()
    commands.answer("dpkg-query -W -f=${Conffiles} x", f" /etc/x/off/default {md5}\n")
    return link


def test_what_a_package_shipped_goes_when_it_is_alone_and_returns_as_the_link_it_was(
    machine: Machine, commands: FakeCommands
) -> None:
    commands.add("dpkg-query")
    link = stock_site(machine, commands)
    ours = [file("/etc/x/on/ours", "ours")]
    for _ in range(2):
        up(machine, files=ours, gone_if_alone=STOCK)
        assert not link.is_symlink()
    down(machine)
    assert str(link.readlink()) == "/etc/x/off/default"
    assert sorted(path.name for path in link.parent.iterdir()) == ["default"]


@pytest.mark.parametrize("theirs", ["/etc/x/on/theirs", "/etc/x/more/theirs"])
def test_what_a_package_shipped_stays_beside_files_of_somebody_else(
    machine: Machine, commands: FakeCommands, theirs: str
) -> None:
    commands.add("dpkg-query")
    link = stock_site(machine, commands)
    machine.write(theirs, "theirs")
    up(machine, files=[file("/etc/x/on/ours", "x")], gone_if_alone=STOCK)
    assert link.is_symlink()


def test_what_was_changed_since_a_package_shipped_it_stays(
    machine: Machine, commands: FakeCommands
) -> None:
    commands.add("dpkg-query")
    link = stock_site(machine, commands)
    machine.write("/etc/x/off/default", "theirs by now")
    up(machine, files=[file("/etc/x/on/ours", "x")], gone_if_alone=STOCK)
    assert link.is_symlink()


def test_a_failed_check_brings_a_link_back(machine: Machine, commands: FakeCommands) -> None:
    commands.add("dpkg-query")
    commands.answer("check", "no", code=1)
    link = stock_site(machine, commands)
    spec = {"name": "step", "gone_if_alone": STOCK, "check": [["check"]]}
    assert machine.run("files", "up", spec).code == 1
    assert str(link.readlink()) == "/etc/x/off/default"


@pytest.mark.parametrize(("enabled_before", "stopped"), [(True, False), (False, True)])
def test_a_shared_unit_stops_with_us_only_if_it_began_with_us(
    machine: Machine, commands: FakeCommands, enabled_before: bool, stopped: bool
) -> None:
    commands.answer("systemctl is-enabled", code=0 if enabled_before else 1)
    shared = {"units_enabled": ["x.service"], "units_shared": ["x.service"]}
    up(machine, files=[file("/etc/x", "1")], **shared)
    commands.answer("systemctl is-enabled")
    up(machine, files=[file("/etc/x", "2")], **shared)
    # Another stack comes and goes: what it found is ours, or was there before us.
    up(machine, "other", files=[file("/etc/y", "1")], **shared)
    down(machine, "other")
    down(machine)
    disabled = [line for line in commands.lines("systemctl") if "disable" in line]
    assert disabled == (["systemctl disable --now x.service"] if stopped else [])


def test_what_could_start_a_unit_again_ends_before_it_and_not_while_another_step_has_it(
    machine: Machine, commands: FakeCommands
) -> None:
    units = {"units_enabled": ["x.service"], "units_helping": ["x-helper.service"]}
    up(machine, files=[file("/etc/x", "1")], **units)
    up(machine, "other", files=[file("/etc/y", "1")], **units)
    assert not [line for line in commands.lines("systemctl") if "helper" in line]
    down(machine, "other")
    assert not [line for line in commands.lines("systemctl") if "stop" in line]
    down(machine)
    ended = [
        line for line in commands.lines("systemctl") if "x-helper" in line or "disable" in line
    ]
    assert ended == ["systemctl stop x-helper.service", "systemctl disable --now x.service"]
