"""Images that a host builds: what a plan knows of them, what makes another one, what is refused."""

import copy
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.app import App, AppArgs
from components.artefact import Artefact, ArtefactArgs
from components.artefact_source import LocalSource
from components.health import HealthCheck
from components.host import Host
from components.image_build import ImageBuild
from components.registry import RegistryLogin, RegistryLoginArgs
from components.rootless import RootlessAccount, RootlessAccountArgs
from components.runtimes.quadlet import Quadlet
from components.secrets import given
from components.worker import Worker, WorkerArgs
from tests.recorder import Deployment, Record, record
from tests.unit.fake_host import fake_host

BASE = "python:3.12-slim"
HEALTH = HealthCheck(path="/up")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program runs in a folder of its own, which holds one folder to build of."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "image").mkdir()
    (tmp_path / "image/Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    return tmp_path


def context(host: Host) -> Artefact:
    return Artefact("context", ArtefactArgs(host=host, source=LocalSource(path="image")))


def build(host: Host, **changes: Any) -> ImageBuild:
    return ImageBuild(**{"context": context(host), "base": BASE, **changes})


def deploy(program: Callable[[Host], object]) -> Deployment:
    return record(lambda: program(fake_host()), secrets={"password": "a-pull-token"})


def app_of(changes: dict[str, Any]) -> Callable[[Host], object]:
    def program(host: Host) -> None:
        image = build(host, **changes)
        App("web", AppArgs(host=host, image=image, memory_mib=64, health=HEALTH))

    return program


def image_step(deployment: Deployment) -> Record:
    (step,) = [each for each in deployment.of_type("Command") if "-image-" in each.name]
    return step


def document(step: Record) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(step.inputs["stdin"])
    return read


def reference(**changes: Any) -> str:
    return str(document(image_step(deploy(app_of(changes))))["image"])


def test_the_step_of_a_release_builds_what_the_step_of_the_context_has_brought() -> None:
    deployment = deploy(app_of({"arguments": {"VERSION": "1"}}))
    (brought,) = [each for each in deployment.of_type("Command") if "-artefact-" in each.name]
    step = image_step(deployment)
    assert brought.urn in step.options.dependencies
    own, folder = document(step), "/opt/homeport/homeport-staging/artefacts/context"
    assert own["image"].startswith("localhost/homeport-staging/context:")
    assert own["build"] == {
        "context": f"{folder}/{document(brought)['id']}/files",
        "file": "Dockerfile",
        "base": BASE,
        "arguments": {"VERSION": "1"},
        "memory_mib": 1024,
    }
    # Who waits for a build sees how it goes.
    assert step.inputs["logging"] == "stderr"


def test_another_content_file_base_or_argument_is_another_image_and_another_limit_is_not(
    project: Path,
) -> None:
    (project / "image/Other").write_text("FROM x:1\n")
    first = reference()
    assert reference(memory_mib=512) == first
    others = [
        reference(file="Other"),
        reference(base=None),
        reference(base="python:3.13-slim"),
        reference(arguments={"A": "1"}),
        reference(arguments={"A": "2"}),
    ]
    (project / "image/Dockerfile").write_text("ARG BASE\nFROM ${BASE}\nUSER 1:1\n")
    others.append(reference())
    assert len({first, *others}) == 7


def test_another_image_is_another_release() -> None:
    def release(**changes: Any) -> str:
        return str(document(image_step(deploy(app_of(changes))))["release"])

    assert release() == release()
    assert release(arguments={"A": "1"}) != release()
    # What is only about how it is made is no part of a release.
    assert release(memory_mib=512) == release()


def test_two_workloads_of_one_build_have_one_image_and_one_context() -> None:
    def program(host: Host) -> None:
        image = build(host)
        App("web", AppArgs(host=host, image=image, memory_mib=64, health=HEALTH))
        Worker("worker", WorkerArgs(host=host, image=image, memory_mib=64, command=["work"]))

    deployment = deploy(program)
    steps = [each for each in deployment.of_type("Command") if "-image-" in each.name]
    assert len(steps) == 2
    assert len({document(step)["image"] for step in steps}) == 1
    assert len(deployment.of_type("CopyToRemote")) == 1


def test_podman_builds_under_the_account_and_knows_the_base_by_its_registry() -> None:
    def program(host: Host) -> None:
        runtime = Quadlet(account=RootlessAccount("apps", RootlessAccountArgs(host=host)))
        args = AppArgs(host=host, image=build(host), runtime=runtime, memory_mib=64, health=HEALTH)
        App("web", args)

    own = document(image_step(deploy(program)))
    assert own["account"] == "apps"
    assert own["build"]["base"] == f"docker.io/library/{BASE}"
    assert own["image"].startswith("localhost/homeport-staging/context:")
    assert own["tag"] == f"localhost/homeport-staging/web:{own['release']}"


def test_the_login_opens_the_registry_of_the_base() -> None:
    def program(host: Host) -> None:
        password = given("password", "a-pull-token", context="homeport-staging")
        login = RegistryLogin(
            "login",
            RegistryLoginArgs(host=host, registry="ghcr.io", username="bot", password=password),
        )
        image = build(host, base="ghcr.io/you/base:1")
        App(
            "web",
            AppArgs(host=host, image=image, registry=login, memory_mib=64, health=HEALTH),
        )
        # Which images a Dockerfile names by itself, nobody knows here.
        alone = build_of("alone", host)
        Worker("worker", WorkerArgs(host=host, image=alone, registry=login, memory_mib=64))
        other = build_of("other", host, base=BASE)
        with pytest.raises(ValueError, match=r"registry: python:3\.12-slim is not pulled from"):
            WorkerArgs(host=host, image=other, registry=login, memory_mib=64)

    deploy(program)


def build_of(name: str, host: Host, **changes: Any) -> ImageBuild:
    made = Artefact(name, ArtefactArgs(host=host, source=LocalSource(path="image")))
    return ImageBuild(context=made, **changes)


def test_what_could_not_be_built_is_refused() -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"base": "python"}, "image: 'python' does not say which version"),
        ({"base": "python:latest"}, "does not say which version"),
        ({"file": "../Dockerfile"}, "file: must be a path inside the context"),
        ({"file": "/Dockerfile"}, "file: must be a path inside the context"),
        ({"file": "Dockerfile.prod"}, "file: the context has no Dockerfile.prod"),
        ({"arguments": {"A-B": "1"}}, "arguments: 'A-B' is no name"),
        ({"arguments": {"A": "1\n2"}}, "arguments: A has more than one line"),
        ({"arguments": {"BASE": "x:1"}}, "arguments: BASE is set by base"),
        ({"memory_mib": 63}, "memory_mib: must be at least 64 (got 63)"),
    ]

    def program(host: Host) -> None:
        made = context(host)
        for changes, said in refused:
            with pytest.raises(ValueError, match="ImageBuild: ") as error:
                ImageBuild(**{"context": made, "base": BASE, **changes})
            assert said in str(error.value)

    deploy(program)


def test_a_context_on_another_host_is_refused() -> None:
    def program(host: Host) -> None:
        image = build(host)
        elsewhere = dataclasses.replace(host, name="other", remote=copy.copy(host.remote))
        with pytest.raises(ValueError, match="image: its context is on host; make an Artefact on"):
            AppArgs(host=elsewhere, image=image, memory_mib=64, health=HEALTH)
        # The same machine, told to write to its journal.
        AppArgs(host=host.with_journal(), image=image, memory_mib=64, health=HEALTH)

    deploy(program)
