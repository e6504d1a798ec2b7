"""A command on the host that runs in the release that serves."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.app import App, AppArgs
from components.artefact import Artefact, ArtefactArgs
from components.artefact_source import LocalSource
from components.health import HealthCheck
from components.host_command import HostCommand, HostCommandArgs
from components.runtimes.systemd import Systemd
from tests.recorder import Deployment, record
from tests.unit.fake_host import fake_host

HEALTH = HealthCheck(path="/up")


@pytest.fixture(autouse=True)
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build").mkdir()


def deploy(image: str | None = None, state_mode: str | None = None, **more: Any) -> Deployment:
    def run() -> None:
        host = fake_host()
        what: dict[str, Any] = {"image": image}
        if image is None:
            source = ArtefactArgs(host=host, source=LocalSource(path="build"))
            runtime = Systemd(state_mode=state_mode)
            what = {"artefact": Artefact("shop", source), "runtime": runtime, "command": ["serve"]}
        app = App("web", AppArgs(host=host, health=HEALTH, memory_mib=128, **what))
        args: dict[str, Any] = {"name": "shop-manage", "command": ["manage.py", "--no-color"]}
        HostCommand("manage", HostCommandArgs(host=host, app=app, **{**args, **more}))

    return record(run)


def document(made: Deployment, start: str) -> dict[str, Any]:
    (step,) = [step for step in made.of_type("Command") if step.name.startswith(start)]
    parsed: dict[str, Any] = json.loads(step.inputs["stdin"])
    return parsed


def test_the_command_runs_its_program_in_the_unit_of_the_release() -> None:
    made = deploy()
    (file,) = document(made, "manage-command")["files"]
    unit = document(made, "web-unit-")["unit"]
    assert (file["path"], file["mode"]) == ("/usr/local/bin/shop-manage", "0755")
    console = "/opt/homeport/homeport-staging/bin/console"
    assert file["content"].splitlines()[-1] == f'exec {console} {unit} manage.py --no-color "$@"'


def test_the_command_changes_once_the_release_has_the_traffic() -> None:
    (command,) = [s for s in deploy().of_type("Command") if s.name == "manage-command"]
    assert any("web-switch-" in urn for urn in command.options.dependencies)


def test_a_folder_that_stays_is_the_units_own() -> None:
    lines = document(deploy(state_mode="0711"), "web-unit-")["text"].splitlines()
    assert {"StateDirectory=homeport-staging-web", "StateDirectoryMode=0711"} <= set(lines)
    assert "StateDirectory" not in document(deploy(), "web-unit-")["text"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "Shop Manage"}, "name: must be 2 to 32 lower-case letters"),
        ({"command": []}, "command: names no program"),
        ({"image": "shop:1"}, "is no unit of systemd"),
        ({"state_mode": "0777"}, "state_mode: must be like 0700 or 0711"),
    ],
)
def test_what_could_not_run_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        deploy(**wrong)
