"""The engine built here runs programs, keeps secrets, and stops at a policy."""

import importlib.metadata
import json
import subprocess
from pathlib import Path

import pytest

from homeport import paths
from tests.engine.conftest import Engine

pytestmark = pytest.mark.engine

PROGRAM = """
    import pulumi
    import pulumi_command as command
    import pulumi_random as random

    folder = pulumi.Config().require("folder")
    seed = random.RandomBytes("seed", length=32)
    password = random.RandomPassword("password", length=24)
    file = command.local.Command(
        "file",
        create=f"cat > {folder}/made",
        update=f"cat > {folder}/made; echo updated",
        delete=f"rm {folder}/made",
        stdin=pulumi.Config().get_secret("text") or "first",
        logging=command.local.Logging.NONE,
    )
    pulumi.export("seed", seed.base64)
    pulumi.export("password", password.result)
    pulumi.export("said", file.stdout)
"""


def test_a_stack_lives_through_preview_up_no_op_change_refresh_and_destroy(
    engine: Engine, tmp_path: Path
) -> None:
    project = engine.project(tmp_path / "project", PROGRAM)
    made = tmp_path / "made"
    engine.run("config", "set", "folder", str(tmp_path), cwd=project)

    assert "+ 4 to create" in engine.run("preview", cwd=project).stdout
    assert not made.exists()
    engine.run("up", "--skip-preview", "--yes", cwd=project)
    assert made.read_text() == "first"
    engine.run("up", "--expect-no-changes", "--yes", cwd=project)
    engine.run("refresh", "--expect-no-changes", "--yes", cwd=project)

    engine.run("config", "set", "text", "second", cwd=project)
    assert "~ 1 to update" in engine.run("preview", cwd=project).stdout
    engine.run("up", "--skip-preview", "--yes", cwd=project)
    assert made.read_text() == "second"
    # What a command prints after reading a secret is secret, and `outputs` shows it all the same.
    assert engine.outputs(project)["said"] == "updated"

    engine.run("destroy", "--skip-preview", "--yes", cwd=project)
    assert not made.exists()


def test_secrets_are_in_no_state_and_no_output(engine: Engine, tmp_path: Path) -> None:
    project = engine.project(tmp_path / "project", PROGRAM)
    engine.run("config", "set", "folder", str(tmp_path), cwd=project)
    engine.run("config", "set", "--secret", "text", "a secret text", cwd=project)
    up = engine.run("up", "--skip-preview", "--yes", cwd=project)
    outputs = engine.outputs(project)
    assert len(outputs["seed"]) == 44
    assert len(outputs["password"]) == 24
    state = engine.state(project)
    for secret in (outputs["seed"], outputs["password"], "a secret text"):
        assert secret not in state
        assert secret not in up.stdout + up.stderr
    # The bytes must not have become the id either, in whatever form.
    ids = {item["type"]: item.get("id") for item in json.loads(state)["deployment"]["resources"]}
    assert ids["random:index/randomBytes:RandomBytes"] == "none"


def test_a_failing_command_names_itself_and_the_next_up_converges(
    engine: Engine, tmp_path: Path
) -> None:
    program = """
        import pulumi_command as command
        command.local.Command("first", create="true")
        command.local.Command("gate", create="echo no entry; test -e open")
    """
    project = engine.project(tmp_path / "project", program)
    failed = engine.run("up", "--skip-preview", "--yes", cwd=project, check=False)
    assert failed.returncode != 0
    assert "echo no entry; test -e open" in failed.stdout + failed.stderr
    (project / "open").touch()
    assert "+ 1 created" in engine.run("up", "--skip-preview", "--yes", cwd=project).stdout


def test_a_mandatory_policy_stops_a_preview(engine: Engine, tmp_path: Path) -> None:
    project = engine.project(tmp_path / "project", PROGRAM)
    engine.run("config", "set", "folder", str(tmp_path), cwd=project)
    pack = tmp_path / "pack"
    pack.mkdir()
    runtime = {"name": "python", "options": {"virtualenv": str(paths.ROOT / ".venv")}}
    (pack / "PulumiPolicy.yaml").write_text(json.dumps({"runtime": runtime, "description": "d"}))
    (pack / "__main__.py").write_text(
        """
import pulumi_policy as policy

def no_short_passwords(args, report):
    if args.resource_type.endswith("RandomPassword") and args.props["length"] < 30:
        report("passwords have 30 characters or more")

policy.PolicyPack("trial", enforcement_level=policy.EnforcementLevel.MANDATORY, policies=[
    policy.ResourceValidationPolicy(name="passwords", description="d", validate=no_short_passwords),
])
"""
    )
    refused = engine.run("preview", "--policy-pack", str(pack), cwd=project, check=False)
    assert refused.returncode != 0
    assert "passwords have 30 characters or more" in refused.stdout + refused.stderr


def test_a_project_in_a_sub_folder_names_its_environment_relatively(
    engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / ".venv").symlink_to(paths.ROOT / ".venv")
    project = tmp_path / "systems" / "x"
    program = """
        import pathlib, sys
        import pulumi
        pulumi.export("python", sys.prefix)
        pulumi.export("folder", pulumi.runtime.get_root_directory())
    """
    engine.project(project, program)
    options = {"virtualenv": "../../.venv"}
    definition = {"name": "trial", "runtime": {"name": "python", "options": options}}
    (project / "Pulumi.yaml").write_text(json.dumps(definition))
    engine.run("-C", "systems/x", "up", "--skip-preview", "--yes", cwd=tmp_path)
    outputs = engine.outputs(project)
    assert Path(outputs["python"]).resolve() == (paths.ROOT / ".venv").resolve()
    assert outputs["folder"] == str(project)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"virtualenv": "nowhere"}, "has no interpreter"),
        ({"toolchain": "poetry"}, "toolchain: poetry is not supported"),
    ],
)
def test_runtime_options_that_cannot_work_are_refused_with_the_way_out(
    engine: Engine, tmp_path: Path, options: dict[str, str], message: str
) -> None:
    project = engine.project(tmp_path / "project", "")
    definition = {"name": "trial", "runtime": {"name": "python", "options": options}}
    (project / "Pulumi.yaml").write_text(json.dumps(definition))
    refused = engine.run("preview", cwd=project, check=False)
    assert refused.returncode != 0
    assert message in refused.stdout + refused.stderr


@pytest.mark.parametrize("name", ["command", "docker", "hcloud", "random"])
def test_each_plugin_has_the_version_of_its_installed_sdk(name: str) -> None:
    version = importlib.metadata.version(f"pulumi-{name}")
    folder = paths.TOOLCHAIN / "home" / "plugins" / f"resource-{name}-v{version}"
    assert (folder / f"pulumi-resource-{name}").exists()


def test_plain_pulumi_works_in_a_shell_that_has_sourced_the_environment() -> None:
    script = ". toolchain/env && pulumi version && pulumi plugin ls --json && pulumi about --json"
    done = subprocess.run(
        ["bash", "-euc", script], cwd=paths.ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"v{importlib.metadata.version('pulumi')}\n")
    for name in ("command", "docker", "hcloud", "random"):
        assert f'"name": "{name}"' in done.stdout
