"""Volumes that are folders of the host; named ones are shown with the apps that mount them."""

import json
import re
from typing import Any

import pytest

from components.rootless import RootlessAccount, RootlessAccountArgs
from components.volume import Volume, VolumeArgs
from tests.recorder import Deployment, record
from tests.unit.fake_host import fake_host

FOLDER = "/srv/shop/uploads"


def deploy(*, rootless: bool, **more: Any) -> tuple[Deployment, list[str]]:
    sources = []

    def run() -> None:
        host = fake_host()
        account = None
        if rootless:
            account = RootlessAccount("apps", RootlessAccountArgs(host=host))
        args: dict[str, Any] = {"folder": FOLDER, **more}
        sources.append(Volume("uploads", VolumeArgs(host=host, account=account, **args)).source)

    return record(run), sources


def document(deployment: Deployment) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(deployment.one("Command", "uploads-folder").inputs["stdin"])
    return found


def test_a_folder_of_a_rootless_account_is_mounted_itself_and_owned_by_a_user_inside() -> None:
    deployment, sources = deploy(rootless=True, mode="0755")
    spec = document(deployment)
    assert sources == [FOLDER]
    assert (spec["account"], spec["path"], spec["mode"]) == ("apps", FOLDER, "0755")
    assert (spec["uid"], spec["gid"]) == (10_001, 10_001)


def test_a_folder_of_docker_is_a_volume_that_is_bound_to_it() -> None:
    deployment, _ = deploy(rootless=False)
    assert "account" not in document(deployment)
    volume = deployment.one("docker:index/volume:Volume")
    assert volume.inputs["driverOpts"] == {"type": "none", "o": "bind", "device": FOLDER}
    assert deployment.one("Command", "uploads-folder").urn in volume.options.dependencies
    assert [step for step in deployment.of_type("Command") if step.name == "uploads-owner"] == []


@pytest.mark.parametrize("protect", [True, False])
def test_a_folder_is_protected_as_the_args_say_and_another_path_is_another_one(
    protect: bool,
) -> None:
    before = deploy(rootless=True, protect=protect)[0].one("Command", "uploads-folder").options
    after = deploy(rootless=True, folder="/srv/x/y")[0].one("Command", "uploads-folder").options
    assert bool(before.protect) is protect
    assert before.replacement_trigger != after.replacement_trigger


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("folder", "uploads", "folder: must lie below /srv"),
        ("folder", "/etc/shop", "folder: must lie below /srv"),
        ("folder", "/srv", "folder: must lie below /srv"),
        ("folder", "/srv/a/../../etc", "folder: must lie below /srv"),
        ("mode", "755", "mode: must be four octal digits"),
    ],
)
def test_a_folder_that_could_do_harm_is_refused(field: str, value: str, message: str) -> None:
    with pytest.raises(Exception, match=re.escape(message)):
        deploy(rootless=True, **{field: value})
