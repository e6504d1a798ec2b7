"""The tool `image`, as a real process with a fake docker."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.processes.fake_account import ACCOUNT, FakeAccount
from tests.processes.tool_runner import Machine

DIGEST = "sha256:" + "d" * 64
IMAGE = {"Id": "sha256:" + "1" * 64, "RepoDigests": [f"example.com/web@{DIGEST}"]}
SPEC = {
    "app": "web",
    "release": "bbbb2222",
    "image": "example.com/web:1.2",
    "docker_config": None,
    "memory_mib": 256,
    "disk_mib": 1,
    "keep": 3,
}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "root")
    made.write("/proc/meminfo", "MemAvailable:  2097152 kB\nSwapFree:  0 kB\n")
    made.set_docker(
        {"registry": {"example.com/web:1.2": IMAGE, f"example.com/web@{DIGEST}": IMAGE}}
    )
    return made


def pulls(machine: Machine) -> list[str]:
    return [call[-1] for call in machine.docker_calls() if call[0] == "pull"]


def test_a_tag_is_pulled_and_only_the_id_is_printed(machine: Machine) -> None:
    ended = machine.run("image", "up", SPEC)
    assert (ended.code, ended.out, ended.err) == (0, IMAGE["Id"], "")
    assert pulls(machine) == ["example.com/web:1.2"]


def test_a_tag_is_resolved_once_per_release_even_when_it_moves(machine: Machine) -> None:
    machine.run("image", "up", SPEC)
    moved = {**IMAGE, "Id": "sha256:" + "2" * 64}
    machine.set_docker({"images": {IMAGE["Id"]: IMAGE}, "registry": {"example.com/web:1.2": moved}})
    ended = machine.run("image", "up", SPEC)
    assert ended.out == IMAGE["Id"]
    assert len(pulls(machine)) == 1


def test_an_image_that_was_pruned_comes_back_by_its_digest(machine: Machine) -> None:
    machine.run("image", "up", SPEC)
    machine.set_docker({"registry": {f"example.com/web@{DIGEST}": IMAGE}})
    ended = machine.run("image", "up", SPEC)
    assert ended.out == IMAGE["Id"]
    assert pulls(machine)[-1] == f"example.com/web@{DIGEST}"


def test_a_digest_that_is_there_is_not_pulled(machine: Machine) -> None:
    machine.set_docker({"images": {f"example.com/web@{DIGEST}": IMAGE}})
    ended = machine.run("image", "up", {**SPEC, "image": f"example.com/web:1.2@{DIGEST}"})
    assert ended.out == IMAGE["Id"]
    assert pulls(machine) == []


def test_a_pull_is_tried_again_when_the_way_was_bad(machine: Machine) -> None:
    state = machine.docker()
    state["answers"] = {"pull": [[1, "i/o timeout"], [0, ""]]}
    state["images"] = {"example.com/web:1.2": IMAGE}
    machine.set_docker(state)
    ended = machine.run("image", "up", SPEC)
    assert ended.code == 0
    assert len(pulls(machine)) == 2


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ("manifest unknown: manifest unknown", "push the image first, or correct its reference"),
        ("unauthorized: authentication required", "that may read the image: give it `registry`"),
    ],
)
def test_a_pull_that_cannot_pass_fails_at_once_and_says_what_to_do(
    machine: Machine, said: str, cure: str
) -> None:
    machine.set_docker({"answers": {"pull": [1, f"Error response from daemon: {said}"]}})
    ended = machine.run("image", "up", SPEC)
    assert ended.code == 1
    assert len(pulls(machine)) == 1
    assert "the image step: cannot pull example.com/web:1.2" in ended.err
    assert said in ended.err
    assert cure in ended.err


def test_a_login_is_used_from_its_folder_and_never_shown(machine: Machine) -> None:
    ended = machine.run("image", "up", {**SPEC, "docker_config": "/opt/homeport/x/registry/e"})
    assert ended.code == 0
    assert "/opt/homeport/x/registry/e" in machine.docker_logins()


def test_a_full_disk_is_noticed_before_the_pull(machine: Machine) -> None:
    ended = machine.run("image", "up", {**SPEC, "disk_mib": 10**9})
    assert ended.code == 1
    assert "a pull needs 1000000000" in ended.err
    assert "docker system df" in ended.err
    assert pulls(machine) == []


def test_too_little_memory_is_noticed_before_anything(machine: Machine) -> None:
    machine.write("/proc/meminfo", "MemAvailable:  102400 kB\nSwapFree:  51200 kB\n")
    ended = machine.run("image", "up", SPEC)
    assert ended.code == 1
    assert "only 150 MiB of memory are free; the new release may use 256" in ended.err


def test_a_docker_that_does_not_answer_is_no_missing_image(machine: Machine) -> None:
    machine.set_docker({"answers": {"image inspect": [1, "Cannot connect to the Docker daemon"]}})
    ended = machine.run("image", "up", {**SPEC, "image": f"example.com/web@{DIGEST}"})
    assert ended.code == 1
    assert "systemctl status docker" in ended.err


def image_of(number: int) -> str:
    return f"sha256:{number:064}"


def deploy(machine: Machine, number: int, *, image: int | None = None, app: str = "web") -> None:
    """Bring the image of a release to the host."""
    id_ = image_of(number if image is None else image)
    tag = f"example.com/web:{id_[-1]}"
    state = machine.docker()
    names = [tag, "other.example.com/x:1"] if number == 0 else [tag]
    state.setdefault("registry", {})[tag] = {"Id": id_, "RepoTags": names}
    state.setdefault("images", {})[id_] = state["registry"][tag]
    machine.set_docker(state)
    ended = machine.run("image", "up", release(number, app=app, image=tag))
    assert (ended.code, ended.out) == (0, id_), ended.err


def release(number: int, **changes: Any) -> dict[str, Any]:
    return {**SPEC, "release": f"{number:08}", **changes}


def leave(machine: Machine, number: int, **changes: Any) -> None:
    ended = machine.run("image", "down", release(number, **changes))
    assert ended.code == 0, ended.err


def removed(machine: Machine) -> list[str]:
    """What was removed, images that have an id by their number."""
    found = [call[-1] for call in machine.docker_calls() if call[0] == "rmi"]
    return [str(int(name.partition(":")[2])) if "sha256" in name else name for name in found]


def test_a_way_back_needs_no_registry_even_when_the_tag_has_moved(machine: Machine) -> None:
    deploy(machine, 1)
    deploy(machine, 2)
    leave(machine, 1)
    assert machine.receipt("image-web-00000001") is None
    pulled = pulls(machine)
    state = machine.docker()
    state["registry"] = {"example.com/web:1": {"Id": image_of(9)}}
    machine.set_docker(state)
    ended = machine.run("image", "up", release(1, image="example.com/web:1"))
    assert (ended.code, ended.out) == (0, image_of(1))
    assert pulls(machine) == pulled
    leave(machine, 2)
    assert removed(machine) == []


def test_the_newest_images_of_releases_that_left_stay_and_older_ones_go(machine: Machine) -> None:
    for number in range(6):
        deploy(machine, number)
        if number:
            leave(machine, number - 1)
    # The first has a name in another repository, which is not ours to remove.
    assert removed(machine) == ["example.com/web:0", "example.com/web:1", "1"]


def test_releases_that_share_an_image_count_once(machine: Machine) -> None:
    deploy(machine, 0)
    for number in range(1, 6):
        deploy(machine, number, image=1)
        leave(machine, number - 1)
    assert removed(machine) == []


def test_the_last_release_of_an_app_takes_all_of_its_images(machine: Machine) -> None:
    deploy(machine, 1)
    deploy(machine, 2)
    leave(machine, 1)
    assert removed(machine) == []
    leave(machine, 2)
    assert sorted(removed(machine)) == ["1", "2", "example.com/web:1", "example.com/web:2"]
    assert not (machine.stack / "images").exists()


def test_an_app_whose_name_begins_like_another_ones_keeps_nothing_of_it(machine: Machine) -> None:
    deploy(machine, 1)
    deploy(machine, 2, app="web-api")
    leave(machine, 1)
    assert removed(machine) == ["example.com/web:1", "1"]


def test_what_a_container_or_another_app_uses_never_goes(machine: Machine) -> None:
    for number in (1, 2, 3):
        deploy(machine, number)
    deploy(machine, 4, image=2, app="worker")
    deploy(machine, 5, image=2, app="worker")
    leave(machine, 4, app="worker")
    state = machine.docker()
    state["answers"] = {"ps": [0, "c1"], "inspect --format": [0, f"{image_of(1)}\n"]}
    machine.set_docker(state)
    for number in (1, 2, 3):
        leave(machine, number)
    assert removed(machine) == ["example.com/web:3", "3"]
    assert machine.receipt("image-worker-00000005")


def test_a_release_that_leaves_forgets_that_its_jobs_are_done(machine: Machine) -> None:
    deploy(machine, 1)
    machine.write_receipt("job-web-00000001-migrate", {"ran": "x"})
    leave(machine, 1)
    assert machine.receipt("job-web-00000001-migrate") is None


def test_containers_that_a_dead_deploy_left_go_with_their_release(machine: Machine) -> None:
    machine.set_docker({"containers": {"shop-web-1": {}, "shop-web-2": {}}})
    ended = machine.run("container", "down", {"containers": ["shop-web-1", "shop-web-migrate"]})
    assert ended.code == 0
    assert list(machine.docker()["containers"]) == ["shop-web-2"]


PODMAN = {
    **SPEC,
    "account": ACCOUNT,
    "auth_file": ".config/homeport/x/registry/e/config.json",
    "tag": "localhost/shop-staging/web:bbbb2222",
}
BARE = "1" * 64


@pytest.fixture
def account(machine: Machine) -> FakeAccount:
    account = FakeAccount(machine)
    account.answer("podman info", "/\n")
    account.answer("podman image inspect", json.dumps([{**IMAGE, "Id": BARE}]))
    return account


def test_podman_pulls_as_the_account_with_its_login_and_names_the_release(
    machine: Machine, account: FakeAccount
) -> None:
    ended = machine.run("image", "up", PODMAN)
    assert (ended.code, ended.out, ended.err) == (0, f"sha256:{BARE}", "")
    assert account.lines("podman") == [
        "podman info --format {{.Store.GraphRoot}}",
        "podman pull --quiet example.com/web:1.2",
        "podman image inspect example.com/web:1.2",
        f"podman tag sha256:{BARE} {PODMAN['tag']}",
    ]
    (pull,) = [line for line in account.lines("setpriv") if " pull " in line]
    file = f"{machine.root}/home/apps/{PODMAN['auth_file']}"
    assert f" REGISTRY_AUTH_FILE={file} podman pull" in pull
    assert machine.docker_calls() == []


def test_an_image_that_podman_does_not_know_is_pulled(
    machine: Machine, account: FakeAccount
) -> None:
    machine.write_receipt("image-web-bbbb2222", {"id": f"sha256:{BARE}", "digest": f"w@{DIGEST}"})
    gone = f"podman image inspect sha256:{BARE}"
    account.answer(gone, f"Error: {BARE}: image not known\n", code=125)
    assert machine.run("image", "up", PODMAN).code == 0
    assert account.lines("podman pull") == [f"podman pull --quiet w@{DIGEST}"]


def test_a_podman_that_does_not_answer_is_no_missing_image(
    machine: Machine, account: FakeAccount
) -> None:
    account.answer("podman image inspect", "cannot set up namespace\n", code=125)
    ended = machine.run("image", "up", PODMAN)
    assert ended.code == 1
    assert "Podman does not answer" in ended.err
    assert "next: try `podman info` as the account apps" in ended.err


def test_podman_keeps_a_releases_name_as_long_as_its_image(
    machine: Machine, account: FakeAccount
) -> None:
    tags = ["localhost/shop-staging/web:bbbb2222", "localhost/shop-staging/web:cccc3333"]
    other = {**PODMAN, "release": "cccc3333", "tag": tags[1]}
    assert machine.run("image", "up", PODMAN).code == 0
    assert machine.run("image", "up", other).code == 0
    assert machine.run("image", "down", PODMAN).code == 0
    assert account.lines("podman untag") + account.lines("podman rmi") == []
    assert machine.run("image", "down", other).code == 0
    assert account.lines("podman untag") == [f"podman untag {tag} {tag}" for tag in tags[::-1]]
    assert set(account.lines("podman rmi")) == {f"podman rmi sha256:{BARE}"}
