"""The tool `console`: how a person's program gets what a release has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes.fake_commands import FakeCommands
from tests.processes.tool_runner import ROOT, Machine

UNIT = "shop-staging-web-0a1b2c3d.service"
TEXT = f"""[Unit]
Description=shop-staging-web

[Service]
Type=exec
ExecStart=/opt/x/bin/gunicorn web
WorkingDirectory=/opt/x
Environment="NAME=half %%"
Environment="KEY_FILE=/run/credentials/{UNIT}/KEY"
LoadCredential=KEY:/opt/homeport/secrets/KEY
User=web
SyslogIdentifier=shop-staging-web
Restart=always
RestartSec=2s
KillMode=mixed
MemoryMax=128M

[Install]
WantedBy=multi-user.target
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    root = tmp_path / "root"
    units = root / "etc/systemd/system"
    units.mkdir(parents=True)
    (units / UNIT).write_text(TEXT)
    return Machine(root)


def console(machine: Machine, *arguments: str) -> "subprocess.CompletedProcess[str]":
    tool = ROOT / "assets/remote/console.py"
    variables = {**os.environ, **machine.environment, "HOMEPORT_ROOT": str(machine.root)}
    argv = [sys.executable, "-B", str(tool), *arguments]
    return subprocess.run(
        argv, input="piped\n", capture_output=True, text=True, check=False, env=variables
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="the tool is for root")
def test_a_program_gets_all_that_the_unit_has_but_its_own_process(machine: Machine) -> None:
    commands = FakeCommands(machine, "systemd-run")
    ended = console(machine, UNIT, "manage", "shell", "-c", "print(1)")
    assert ended.returncode == 0, ended.stderr
    (call,) = commands.calls()
    before, _, program = call.line.partition(" -- ")
    assert program == "/usr/bin/env manage shell -c print(1)"
    own = before.partition("--unit=")[2].split()[0]
    assert own.startswith("shop-staging-web-0a1b2c3d-console-")
    assert before == " ".join(
        [
            f"systemd-run --quiet --collect --wait --pipe --unit={own}",
            "--property=WorkingDirectory=/opt/x",
            '--property=Environment="NAME=half %"',
            f'--property=Environment="KEY_FILE=/run/credentials/{own}/KEY"',
            "--property=LoadCredential=KEY:/opt/homeport/secrets/KEY",
            "--property=User=web",
            "--property=MemoryMax=128M",
        ]
    )
    assert call.stdin == "piped\n"


def test_a_unit_that_is_not_there_is_named(machine: Machine) -> None:
    ended = console(machine, "other.service", "manage", "check")
    assert ended.returncode == 1
    said = "there is no other.service" if os.geteuid() == 0 else "run it as root"
    assert said in ended.stderr


def test_too_few_words_show_the_usage(machine: Machine) -> None:
    ended = console(machine, UNIT)
    assert (ended.returncode, ended.stderr) == (1, "usage: console.py UNIT PROGRAM ARGUMENT...\n")
