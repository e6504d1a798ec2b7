"""The tool `image` where it builds, as a real process with a fake docker."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.processes.fake_account import ACCOUNT, FakeAccount
from tests.processes.tool_runner import Machine

DIGEST = "sha256:" + "d" * 64
BASE = {"Id": "sha256:" + "b" * 64, "RepoTags": []}
CONTEXT = "/opt/homeport/shop-staging/artefacts/image/1/files"
REPOSITORY = "localhost/shop-staging/image"


def spec(tag: str = "1", **build: Any) -> dict[str, Any]:
    return {
        "app": "web",
        "release": f"{tag:0>8}",
        "image": f"{REPOSITORY}:{tag}",
        "docker_config": "/opt/homeport/x/registry/e",
        "memory_mib": 256,
        "disk_mib": 1,
        "keep": 0,
        "build": {
            "context": CONTEXT,
            "file": "Dockerfile",
            "base": f"example.com/base:17@{DIGEST}",
            "arguments": {"VERSION": "1.1.0", "COLOUR": "blue green"},
            "memory_mib": 512,
            **build,
        },
    }


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "root")
    made.write("/proc/meminfo", "MemAvailable:  2097152 kB\nSwapFree:  0 kB\n")
    made.set_docker({"registry": {f"example.com/base@{DIGEST}": BASE, "example.com/base:17": BASE}})
    return made


def calls(machine: Machine, verb: str) -> list[list[str]]:
    return [call for call in machine.docker_calls() if call[0] == verb]


def builder(machine: Machine, *, says: str = "", dangling: tuple[str, ...] = ()) -> None:
    """Have the next builds say this, and leave these images behind."""
    state = machine.docker()
    images = {**state.get("images", {}), **{each: {"Id": each} for each in dangling}}
    own = {"says": says, "dangling": [*dangling]}
    machine.set_docker({**state, "images": images, "builder": own})


def built(machine: Machine, tag: str = "1", **build: Any) -> str:
    ended = machine.run("image", "up", spec(tag, **build))
    assert ended.code == 0, ended.err
    return ended.out


def test_an_image_is_built_onto_its_base_with_its_arguments_and_only_the_id_is_printed(
    machine: Machine,
) -> None:
    builder(machine, says="Step 1/2 : FROM base\nStep 2/2 : COPY\n")
    ended = machine.run("image", "up", spec())
    assert ended.code == 0
    assert ended.out == machine.docker()["images"][f"{REPOSITORY}:1"]["Id"]
    # Whoever waits sees how it goes.
    assert ended.err == "Step 1/2 : FROM base\nStep 2/2 : COPY\n"
    (build,) = calls(machine, "build")
    assert build == [
        "build",
        "--force-rm",
        f"--file={CONTEXT}/Dockerfile",
        f"--tag={REPOSITORY}:1",
        "--memory=512m",
        "--memory-swap=512m",
        "--cpu-shares=128",
        f"--build-arg=BASE=example.com/base@{DIGEST}",
        "--build-arg=COLOUR=blue green",
        "--build-arg=VERSION=1.1.0",
        CONTEXT,
    ]
    assert machine.docker()["buildkit"] == "0"


def test_base_and_build_use_the_login_of_the_registry(machine: Machine) -> None:
    built(machine)
    used = dict(zip([c[0] for c in machine.docker_calls()], machine.docker_logins(), strict=True))
    assert used["pull"] == used["build"] == "/opt/homeport/x/registry/e"
    assert used["info"] is None


def test_an_image_that_is_there_is_neither_built_again_nor_is_its_base_pulled(
    machine: Machine,
) -> None:
    first = built(machine)
    assert built(machine) == first
    # Another release of the same image, such as one with other settings.
    assert machine.run("image", "up", {**spec(), "release": "another1"}).out == first
    assert len(calls(machine, "build")) == len(calls(machine, "pull")) == 1


def test_a_base_with_a_digest_that_is_there_is_not_pulled_and_one_with_a_tag_is(
    machine: Machine,
) -> None:
    built(machine, "1")
    built(machine, "2")
    assert len(calls(machine, "pull")) == 1
    built(machine, "3", base="example.com/base:17")
    built(machine, "4", base="example.com/base:17")
    assert [call[-1] for call in calls(machine, "pull")][1:] == ["example.com/base:17"] * 2


def test_images_that_only_the_dockerfile_names_are_asked_for_anew(machine: Machine) -> None:
    built(machine, base=None)
    (build,) = calls(machine, "build")
    assert "--pull" in build
    assert not any("BASE" in argument for argument in build)
    assert calls(machine, "pull") == []


def test_a_base_that_cannot_be_pulled_says_what_to_do(machine: Machine) -> None:
    machine.set_docker({"answers": {"pull": [1, "unauthorized: authentication required"]}})
    ended = machine.run("image", "up", spec())
    assert ended.code == 1
    assert "the registry wants a login that may read the image" in ended.err
    assert calls(machine, "build") == []


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ("COPY failed: no source files", "correct Dockerfile or what lies beside it"),
        ("The command 'npm ci' returned a non-zero code: 137", "raise memory_mib of the build"),
        ("write /x: no space left on device", "docker system df"),
        ("pull access denied for private/x", "the registry wants a login"),
    ],
)
def test_a_build_that_fails_shows_its_last_lines_and_what_to_do(
    machine: Machine, said: str, cure: str
) -> None:
    machine.set_docker({**machine.docker(), "answers": {"build": [1, said]}})
    ended = machine.run("image", "up", spec())
    assert ended.code == 1
    assert f"the image step: {REPOSITORY}:1 cannot be built of {CONTEXT}" in ended.err
    assert said in ended.err
    assert cure in ended.err.splitlines()[-1]
    assert ended.out == ""
    assert machine.receipt("image-web-00000001") is None


def test_a_build_waits_for_memory_and_disk_before_anything_is_pulled(machine: Machine) -> None:
    ended = machine.run("image", "up", spec(memory_mib=4096))
    assert "2048 MiB of memory are free; the build may use 4096" in ended.err
    ended = machine.run("image", "up", {**spec(), "disk_mib": 10**9})
    assert "a build needs 1000000000" in ended.err
    assert calls(machine, "pull") + calls(machine, "build") == []


def test_what_the_newest_build_left_stays_and_what_the_one_before_left_goes(
    machine: Machine,
) -> None:
    stages = {letter: f"sha256:{letter * 64}" for letter in "cef"}
    says = " ---> {}\n"
    builder(
        machine, says=says.format("c" * 12) + says.format("e" * 12), dangling=(*stages.values(),)
    )
    built(machine, "1")
    assert calls(machine, "rmi") == []
    builder(machine, says=says.format("e" * 12), dangling=(stages["c"], stages["e"]))
    built(machine, "2")
    # What others left (f) is not ours; what the second build used again (e) stays.
    assert [call[-1] for call in calls(machine, "rmi")] == [stages["c"]]


def test_the_last_release_takes_base_and_stages_with_it(machine: Machine) -> None:
    stage = "sha256:" + "c" * 64
    builder(machine, says=f" ---> {'c' * 12}\n", dangling=(stage,))
    first, second = built(machine, "1"), built(machine, "2")
    assert machine.run("image", "down", spec("1")).code == 0
    assert [call[-1] for call in calls(machine, "rmi")] == [f"{REPOSITORY}:1", first]
    assert machine.run("image", "down", spec("2")).code == 0
    left = [f"{REPOSITORY}:2", second, f"example.com/base@{DIGEST}", stage]
    assert [call[-1] for call in calls(machine, "rmi")][2:] == left
    assert not (machine.stack / "builds").exists()


def test_a_base_that_another_app_runs_stays(machine: Machine) -> None:
    machine.write_receipt(
        "image-other-00000001", {"id": BASE["Id"], "image": "example.com/base:17"}
    )
    built(machine)
    assert machine.run("image", "down", spec()).code == 0
    assert f"example.com/base@{DIGEST}" not in [call[-1] for call in calls(machine, "rmi")]


def test_podman_builds_as_the_account(machine: Machine) -> None:
    account = FakeAccount(machine)
    account.add_passing("systemd-run")
    account.answer("podman info", "/\n")
    name = f"{REPOSITORY}:1"
    account.answer("podman image inspect", "Error: image not known\n", code=125)
    own = {
        **spec(base=None),
        "account": ACCOUNT,
        "auth_file": ".config/homeport/x/registry/e/config.json",
        "tag": "localhost/shop-staging/web:00000001",
    }
    ended = machine.run("image", "up", own)
    # The fake builds nothing.
    assert f"{name} was built but is not there" in ended.err
    (line,) = account.lines("podman build")
    assert line.startswith("podman build --format=docker --force-rm ")
    assert f" --file={CONTEXT}/Dockerfile --tag={name} " in line
    assert " --memory=512m --memory-swap=512m --cpu-shares=128 " in line
    (as_account,) = [line for line in account.lines("setpriv") if " podman build " in line]
    inside, limited = as_account.split(" systemd-run ")
    assert "REGISTRY_AUTH_FILE=" not in inside
    # A unit gets no environment of whoever starts it.
    assert f" env REGISTRY_AUTH_FILE={machine.root}/home/apps/" in limited
    assert "DOCKER_BUILDKIT" not in as_account
    record = machine.stack / "builds" / f"image.{ACCOUNT}.json"
    assert json.loads(record.read_text()) == {"parts": []}
