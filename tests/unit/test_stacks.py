"""The thin wrappers over pulumi, without an engine."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from homeport import engine, paths, stacks
from homeport.cloud import served
from homeport.cloud.instance import Cloud

OLD = "sha256:" + "a" * 64
NEW = "sha256:" + "b" * 64


@pytest.mark.parametrize(
    ("reference", "full"),
    [
        ("postgres:17", "docker.io/library/postgres:17"),
        ("you/app:1", "docker.io/you/app:1"),
        ("ghcr.io/you/app:1", "ghcr.io/you/app:1"),
        ("localhost:5000/app:1", "localhost:5000/app:1"),
    ],
)
def test_a_short_reference_gets_what_docker_would_add(reference: str, full: str) -> None:
    assert stacks.full_reference(reference) == full


@pytest.fixture
def aim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> stacks.Target:
    """A project with a pinned image, on a cloud that serves the image with another digest."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    config = {"config": {"shop:image": f"postgres:17@{OLD}", "shop:other": "redis:7"}}
    (project / "Pulumi.staging.yaml").write_text(yaml.safe_dump(config))
    folder = tmp_path / "cloud"
    monkeypatch.setattr(Cloud, "folder", folder)
    monkeypatch.setattr(Cloud, "environment", lambda _self: {})
    monkeypatch.setattr(served, "digests", lambda _cloud: {"docker.io/library/postgres:17": NEW})

    def run(
        arguments: Sequence[str], *, cwd: Path, **_options: Any
    ) -> subprocess.CompletedProcess[str]:
        assert arguments == ["stack", "init", "staging"]
        (cwd / "Pulumi.staging.yaml").write_text("encryptionsalt: v1:salt\n")
        return subprocess.CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr(engine, "run", run)
    cloud = Cloud.__new__(Cloud)
    return stacks.Target(project=project, stack="staging", cloud=cloud)


def made(aim: stacks.Target) -> dict[str, Any]:
    option, path = stacks.config_file(aim)
    assert option == "--config-file"
    values: dict[str, Any] = yaml.safe_load(Path(path).read_text())
    return values


def test_on_a_local_cloud_a_pinned_image_gets_the_digest_that_is_served_there(
    aim: stacks.Target,
) -> None:
    assert made(aim)["config"] == {"shop:image": f"postgres:17@{NEW}", "shop:other": "redis:7"}


def test_the_salt_stays_the_same_and_the_checkout_is_not_touched(aim: stacks.Target) -> None:
    before = (aim.project / "Pulumi.staging.yaml").read_text()
    assert made(aim)["encryptionsalt"] == made(aim)["encryptionsalt"] == "v1:salt"
    assert (aim.project / "Pulumi.staging.yaml").read_text() == before


def test_an_image_that_is_not_served_is_named_with_those_that_are(
    aim: stacks.Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "digests", lambda _cloud: {"docker.io/library/redis:7": NEW})
    with pytest.raises(stacks.StackError, match=r"postgres:17; it serves: docker\.io/library/re"):
        stacks.config_file(aim)


def test_the_real_cloud_gets_the_stack_file_as_it_is(aim: stacks.Target) -> None:
    real = stacks.Target(project=aim.project, stack="staging", cloud=None)
    assert stacks.config_file(real) == []
    assert real.environment == {}


def test_the_passphrase_of_a_local_cloud_is_readable_by_its_owner_alone(
    aim: stacks.Target,
) -> None:
    file = Path(aim.environment["PULUMI_CONFIG_PASSPHRASE_FILE"])
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text()) >= 24


def test_a_stack_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(stacks.StackError, match=r"there are: staging, production"):
        stacks.target(None, "live", "none")


def test_a_system_that_does_not_exist_is_refused() -> None:
    with pytest.raises(stacks.StackError, match=r"SYSTEM=shop: no such system"):
        stacks.target("shop", "staging", "none")


def with_registry(aim: stacks.Target, server: str, **more: Any) -> None:
    file = aim.project / "Pulumi.staging.yaml"
    values = yaml.safe_load(file.read_text())
    values["config"] |= {"shop:registry": {"server": server, "username": "bot"}, **more}
    file.write_text(yaml.safe_dump(values))


def encrypting(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Let the engine encrypt into the file that it is told; return what it was fed with."""
    fed: list[str | None] = []

    def run(
        arguments: Sequence[str], *, stdin: str | None = None, **_options: Any
    ) -> subprocess.CompletedProcess[str]:
        assert [*arguments[:3]] == ["config", "set", "--secret"]
        file = Path(arguments[arguments.index("--config-file") + 1])
        values = yaml.safe_load(file.read_text())
        values["config"][arguments[-1]] = {"secure": f"v1:{len(fed)}"}
        file.write_text(yaml.safe_dump(values))
        fed.append(stdin)
        return subprocess.CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr(engine, "run", run)
    return fed


def test_a_stack_that_logs_in_at_the_local_registry_gets_its_password_encrypted_once(
    aim: stacks.Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(aim)
    with_registry(aim, "registry.example.com")
    monkeypatch.setattr(Cloud, "registry_password", "local" + "-password", raising=False)
    fed = encrypting(monkeypatch)
    assert made(aim)["config"]["shop:registry_password"] == {"secure": "v1:0"}
    assert made(aim)["config"]["shop:registry_password"] == {"secure": "v1:0"}
    assert fed == ["local-password"]


@pytest.mark.parametrize(
    ("server", "more"),
    [("ghcr.io", {}), ("registry.example.com", {"shop:registry_password": {"secure": "v1:own"}})],
)
def test_another_registry_or_a_password_of_the_stacks_own_is_left_alone(
    aim: stacks.Target, monkeypatch: pytest.MonkeyPatch, server: str, more: dict[str, Any]
) -> None:
    made(aim)
    with_registry(aim, server, **more)
    fed = encrypting(monkeypatch)
    assert made(aim)["config"].get("shop:registry_password") == more.get("shop:registry_password")
    assert fed == []


def test_a_stack_with_its_database_at_the_local_service_gets_that_password_once(
    aim: stacks.Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(aim)
    file = aim.project / "Pulumi.staging.yaml"
    values = yaml.safe_load(file.read_text())
    values["config"]["shop:database"] = {"host": "managed-postgres.example.com"}
    file.write_text(yaml.safe_dump(values))
    monkeypatch.setattr(Cloud, "database_password", "service" + "-password", raising=False)
    fed = encrypting(monkeypatch)
    for _ in range(2):
        assert made(aim)["config"]["shop:database_password"] == {"secure": "v1:0"}
    assert fed == ["service-password"]


def script(folder: Path, text: str) -> None:
    file = folder / "build"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def test_a_projects_own_build_runs_and_its_failure_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    stacks.build(tmp_path)
    script(tmp_path, f"echo made >{tmp_path}/dist")
    stacks.build(tmp_path)
    assert (tmp_path / "dist").read_text() == "made\n"
    script(tmp_path, "echo no compiler >&2; exit 3")
    with pytest.raises(stacks.StackError, match="build failed: no compiler"):
        stacks.build(tmp_path)
