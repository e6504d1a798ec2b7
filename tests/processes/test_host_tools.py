"""Bootstrap, probe and account: what happens on a machine before anything else is there."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components import baseline, tools
from components.host import HostFacts
from tests.processes.fake_commands import FakeCommands
from tests.processes.tool_runner import SYSTEM, Ended, Machine

DEBIAN = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n'


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "root").mkdir()
    machine = Machine(tmp_path / "root")
    machine.write("/etc/os-release", DEBIAN)
    machine.write("/proc/meminfo", "MemTotal:        4018176 kB\nMemFree: 1 kB\n")
    machine.write("/proc/1/comm", "systemd\n")
    return machine


@pytest.fixture
def commands(machine: Machine) -> FakeCommands:
    names = ("docker", "apt-get", "cloud-init", "getent", "useradd", "usermod", "groupadd")
    commands = FakeCommands(machine, *names, "visudo", "sudo", "userdel", "pkill")
    commands.answer("docker version", "20.10.24\n")
    commands.answer("cloud-init status", "status: done\n")
    return commands


def probe(machine: Machine, **more: Any) -> Ended:
    wanted = {"systems": ["debian-12", "debian-13"], "disk_free_mib": 1, "install_docker": True}
    return machine.run("probe", "up", {**wanted, **more})


def bootstrap(machine: Machine, verb: str = "up", **more: Any) -> Ended:
    spec = baseline.bootstrap_spec(SYSTEM, HostFacts(), install_docker=True)
    spec["probe"]["disk_free_mib"] = 1
    text = tools.carried("bootstrap", {**spec, "step": "server-bootstrap", **more})
    ended = subprocess.run(
        ["sh", "-c", tools.launcher(verb)],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env={"HOMEPORT_ROOT": str(machine.root), **machine.environment},
    )
    return Ended(code=ended.returncode, out=ended.stdout, err=ended.stderr)


@pytest.mark.usefixtures("commands")
def test_the_probe_says_what_the_machine_is(machine: Machine) -> None:
    facts = probe(machine).report
    assert facts["os"] == "debian-12"
    assert facts["memory_mib"] == 3924
    assert facts["docker"] == "20.10.24"
    assert facts["init"] == "systemd"


def test_the_probe_lists_everything_that_is_wrong_at_once(
    machine: Machine, commands: FakeCommands
) -> None:
    machine.write("/etc/os-release", "ID=fedora\nVERSION_ID=42\n")
    machine.write("/proc/1/comm", "bash\n")
    commands.answer("docker version", "", code=1)
    ended = probe(machine, memory_mib=8192, cores=512, install_docker=False, disk_free_mib=10**9)
    assert ended.code == 1
    problems = [line.strip() for line in ended.err.splitlines() if line.startswith("  - ")]
    assert [problem.split(":")[0] for problem in problems] == [
        "- it runs fedora-42; supported are debian-12, debian-13",
        "- its first process is bash, not systemd",
        problems[2].split(":")[0],
        "- it has 3924 MiB of memory, the stack says 8192",
        problems[4].split(":")[0],
        "- Docker does not answer",
    ]
    assert "processors, the stack says 512" in problems[2]
    assert f"{10**9} are needed" in problems[4]
    assert ended.err.splitlines()[-1].startswith("next: mend what is listed")


@pytest.mark.usefixtures("commands")
def test_the_memory_that_firmware_keeps_is_not_missed(machine: Machine) -> None:
    assert probe(machine, memory_mib=4096).code == 0
    assert probe(machine, memory_mib=4500).code == 1


@pytest.mark.usefixtures("commands")
def test_the_bootstrap_plants_every_tool_and_prints_the_facts(machine: Machine) -> None:
    ended = bootstrap(machine)
    assert ended.code == 0, ended.err
    assert ended.report["os"] == "debian-12"
    planted = {file.name: file for file in (machine.stack / "bin").iterdir()}
    assert set(planted) == set(tools.tools())
    assert planted["files"].stat().st_mode & 0o777 == 0o755
    assert planted["files"].read_text() == tools.tools()["files"]
    assert machine.stack.stat().st_mode & 0o777 == 0o711


@pytest.mark.usefixtures("commands")
def test_the_bootstrap_may_run_twice_and_keeps_retired_tools(machine: Machine) -> None:
    bootstrap(machine)
    machine.write(f"/opt/homeport/{SYSTEM}/bin/retired", "x")
    assert bootstrap(machine).code == 0
    assert (machine.stack / "bin/retired").exists()


def test_the_bootstrap_waits_for_the_first_boot(machine: Machine, commands: FakeCommands) -> None:
    bootstrap(machine)
    assert commands.lines("cloud-init") == ["cloud-init status --wait"]


def test_a_failed_first_boot_is_shown_once_with_its_log(
    machine: Machine, commands: FakeCommands
) -> None:
    machine.write("/var/log/cloud-init-output.log", "fine\nE: Unable to locate package x\n")
    commands.answer("cloud-init status", "status: error\n", code=0)
    ended = bootstrap(machine)
    assert ended.code == 1
    assert "server-bootstrap: cloud-init failed on the first boot" in ended.err
    assert "E: Unable to locate package x" in ended.err
    assert "next: run `pulumi up` again: the baseline repeats" in ended.err
    assert bootstrap(machine).code == 0


@pytest.mark.usefixtures("commands")
def test_a_machine_that_does_not_fit_ends_the_bootstrap(machine: Machine) -> None:
    machine.write("/etc/os-release", "ID=fedora\nVERSION_ID=42\n")
    ended = bootstrap(machine)
    assert ended.code == 1
    assert "server-bootstrap: this machine cannot be used yet" in ended.err
    assert "it runs fedora-42" in ended.err


@pytest.mark.usefixtures("commands")
def test_the_last_stack_takes_the_folder_with_it(machine: Machine) -> None:
    bootstrap(machine)
    machine.write("/opt/homeport/other-stack/bin/x", "")
    assert bootstrap(machine, "down").code == 0
    assert not machine.stack.exists()
    assert (machine.root / "opt/homeport/other-stack/bin/x").exists()
    (machine.root / "opt/homeport/other-stack/bin/x").unlink()
    (machine.root / "opt/homeport/other-stack/bin").rmdir()
    (machine.root / "opt/homeport/other-stack").rmdir()
    assert bootstrap(machine, "down").code == 0
    assert not (machine.root / "opt/homeport").exists()


def test_a_tool_called_without_a_verb_says_how(machine: Machine) -> None:
    ended = machine.run("files", "sideways", {})
    assert ended.code == 1
    assert ended.err == "usage: files.py up|down < document.json\n"


def test_a_document_never_reaches_the_command_line() -> None:
    assert "canary" in tools.carried("account", {"public_key": "canary"})
    assert "canary" not in tools.launcher("up")
    assert json.loads(tools.carried("account", {"a": 1}))["a"] == 1
