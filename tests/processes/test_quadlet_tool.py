"""The tools that make Quadlet units and podman secrets, as real processes with fake commands."""

from pathlib import Path
from typing import Any

import pytest

from tests.processes.fake_account import ACCOUNT, UNITS, FakeAccount
from tests.processes.tool_runner import Machine

NAME = "shop-staging-web-bbbb2222"
CONTENT = "[Container]\nImage=localhost/shop-staging/web:bbbb2222\n"


def spec(kind: str = "container", name: str = NAME, content: str = CONTENT) -> dict[str, Any]:
    return {"account": ACCOUNT, "name": name, "kind": kind, "content": content}


NETWORK = spec("network", "shop-staging-data", "[Network]\nInternal=true\n")
VOLUME = spec("volume", "shop-staging-rows", "[Volume]\nUser=999\n")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "root").mkdir()
    return Machine(tmp_path / "root")


@pytest.fixture
def account(machine: Machine) -> FakeAccount:
    return FakeAccount(machine)


def test_a_unit_is_written_and_started_as_the_account(
    machine: Machine, account: FakeAccount
) -> None:
    ended = machine.run("quadlet", "up", spec())
    assert (ended.code, ended.err) == (0, "")
    assert account.units() == {f"{NAME}.container": CONTENT}
    assert account.asked() == [
        "systemctl --user daemon-reload",
        f"systemctl --user start {NAME}.service",
    ]
    as_whom = account.lines("setpriv")[0]
    assert "--init-groups --reset-env env --chdir=/ XDG_RUNTIME_DIR=/run/user/" in as_whom
    assert " DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/" in as_whom
    receipt = machine.receipt(f"quadlet-{NAME}.container")
    assert receipt
    (file,) = receipt["files"]
    assert file["path"].endswith(f"{UNITS}/{NAME}.container")
    assert (file["owner"], file["mode"], len(file["sha256"])) == (ACCOUNT, "0644", 64)


@pytest.mark.parametrize(
    ("document", "service"),
    [
        (NETWORK, "shop-staging-data-network.service"),
        (VOLUME, "shop-staging-rows-volume.service"),
    ],
)
def test_networks_and_volumes_are_started_by_their_own_services(
    machine: Machine, account: FakeAccount, document: dict[str, Any], service: str
) -> None:
    assert machine.run("quadlet", "up", document).code == 0
    assert account.asked()[-1] == f"systemctl --user start {service}"


def test_an_unchanged_unit_is_not_written_again_but_started(
    machine: Machine, account: FakeAccount
) -> None:
    machine.run("quadlet", "up", spec())
    account.forget()
    assert machine.run("quadlet", "up", spec()).code == 0
    assert account.asked() == [f"systemctl --user start {NAME}.service"]


def test_a_container_whose_unit_changed_is_started_anew(
    machine: Machine, account: FakeAccount
) -> None:
    machine.run("quadlet", "up", spec())
    account.forget()
    assert machine.run("quadlet", "up", spec(content=f"{CONTENT}User=999\n")).code == 0
    assert account.asked() == [
        "systemctl --user daemon-reload",
        f"systemctl --user restart {NAME}.service",
    ]


def test_a_network_that_changed_is_made_anew(machine: Machine, account: FakeAccount) -> None:
    machine.run("quadlet", "up", NETWORK)
    account.forget()
    assert machine.run("quadlet", "up", {**NETWORK, "content": "[Network]\n"}).code == 0
    assert account.asked() == [
        "systemctl --user stop shop-staging-data-network.service",
        "systemctl --user reset-failed shop-staging-data-network.service",
        "podman network exists shop-staging-data",
        "podman network rm shop-staging-data",
        "systemctl --user daemon-reload",
        "systemctl --user start shop-staging-data-network.service",
    ]


def test_a_volume_that_changed_is_never_made_anew(machine: Machine, account: FakeAccount) -> None:
    machine.run("quadlet", "up", VOLUME)
    account.forget()
    assert machine.run("quadlet", "up", {**VOLUME, "content": "[Volume]\n"}).code == 0
    assert not account.lines("podman")


def test_a_unit_that_does_not_start_says_why_and_hides_its_secrets(
    machine: Machine, account: FakeAccount
) -> None:
    account.answer(f"systemctl --user start {NAME}", "Job failed.\n", code=1)
    account.answer("podman secret ls", f"{NAME}-PASSWORD\nother\n")
    account.answer("podman secret inspect --showsecret", '[{"SecretData": "hunter2"}]')
    account.answer("journalctl --quiet", "no login for hunter2\n")
    ended = machine.run("quadlet", "up", spec())
    assert ended.code == 1
    assert f"the quadlet step: {NAME}.service does not start" in ended.err
    assert "Job failed." in ended.err
    assert "no login for [PASSWORD]" in ended.err
    assert "hunter2" not in ended.err


def test_what_quadlet_has_against_a_unit_is_shown(machine: Machine, account: FakeAccount) -> None:
    account.answer(f"systemctl --user start {NAME}", "Unit not found.\n", code=5)
    generator = machine.root / "usr/lib/systemd/user-generators/podman-user-generator"
    generator.parent.mkdir(parents=True)
    generator.write_text(
        f"#!/bin/sh\necho 'other: fine' >&2\necho '{NAME}.container: no key X' >&2\n"
    )
    generator.chmod(0o755)
    ended = machine.run("quadlet", "up", spec())
    assert f"{NAME}.container: no key X" in ended.err
    assert "other: fine" not in ended.err


def test_a_release_goes_with_its_unit_its_container_and_its_secrets(
    machine: Machine, account: FakeAccount
) -> None:
    machine.run("quadlet", "up", spec())
    account.answer("podman secret ls", f"{NAME}-PASSWORD\n{NAME}-migrate-PASSWORD\nother\n")
    account.forget()
    assert machine.run("quadlet", "down", spec()).code == 0
    assert account.units() == {}
    assert account.asked() == [
        f"systemctl --user stop {NAME}.service",
        f"systemctl --user reset-failed {NAME}.service",
        f"podman rm --force --ignore --volumes {NAME}",
        f"systemctl --user reset-failed {'[0-9a-f]' * 64}*.service",
        "podman secret ls --format {{.Name}}",
        f"podman secret rm {NAME}-PASSWORD",
        f"podman secret rm {NAME}-migrate-PASSWORD",
        "systemctl --user daemon-reload",
    ]
    assert machine.receipt(f"quadlet-{NAME}.container") is None


@pytest.mark.parametrize(("document", "kind"), [(NETWORK, "network"), (VOLUME, "volume")])
def test_networks_and_volumes_go_with_their_units(
    machine: Machine, account: FakeAccount, document: dict[str, Any], kind: str
) -> None:
    machine.run("quadlet", "up", document)
    assert machine.run("quadlet", "down", document).code == 0
    assert account.lines(f"podman {kind} rm") == [f"podman {kind} rm {document['name']}"]
    assert account.units() == {}


def test_what_is_still_used_stays_and_says_so(machine: Machine, account: FakeAccount) -> None:
    machine.run("quadlet", "up", NETWORK)
    account.answer("podman network rm", "network is being used\n", code=2)
    ended = machine.run("quadlet", "down", NETWORK)
    assert ended.code == 1
    assert "network is being used" in ended.err
    assert "remove what still uses it first" in ended.err
    assert machine.receipt("quadlet-shop-staging-data.network")


SECRETS = {
    "account": ACCOUNT,
    "groups": [
        {"secrets": {f"{NAME}-PASSWORD": "hunter2"}, "unless_receipt": None},
        {"secrets": {f"{NAME}-migrate-OWNER": "correct"}, "unless_receipt": "job-web-migrate"},
    ],
}


def test_secrets_travel_on_standard_input_alone(machine: Machine, account: FakeAccount) -> None:
    ended = machine.run("podmansecrets", "up", SECRETS)
    assert ended.code == 0
    fed = {
        call.line: call.stdin
        for call in account.calls()
        if call.line.startswith("podman secret create")
    }
    assert fed == {
        f"podman secret create {NAME}-PASSWORD -": "hunter2",
        f"podman secret create {NAME}-migrate-OWNER -": "correct",
    }
    assert not [line for line in account.lines() if "hunter2" in line or "correct" in line]
    assert "hunter2" not in ended.out


def test_secrets_of_a_job_that_is_done_are_removed(machine: Machine, account: FakeAccount) -> None:
    machine.write_receipt("job-web-migrate", {"seconds": 1})
    assert machine.run("podmansecrets", "up", SECRETS).code == 0
    assert [call.split()[-2] for call in account.lines("podman secret create")] == [
        f"{NAME}-PASSWORD"
    ]
    assert f"podman secret rm {NAME}-migrate-OWNER" in account.lines()


def test_a_login_lies_in_a_file_that_only_the_account_reads(
    machine: Machine, account: FakeAccount
) -> None:
    document = {"account": ACCOUNT, "file": ".config/homeport/x/r/config.json", "content": "{}"}
    assert machine.run("podmanlogin", "up", document).code == 0
    file = machine.root / "home/apps" / str(document["file"])
    assert file.read_text() == "{}"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert machine.run("podmanlogin", "down", document).code == 0
    assert not (machine.root / "home/apps/.config").exists()
    assert not [line for line in account.lines() if "{}" in line]


def test_the_folder_of_a_new_volume_of_docker_gets_its_owner(machine: Machine) -> None:
    folder = machine.write("/volumes/rows/x", "").parent
    (folder / "x").unlink()
    machine.set_docker({"answers": {"volume inspect": [0, "/volumes/rows\n"]}})
    ended = machine.run("volume", "up", {"volume": "shop-staging-rows", "uid": "999", "gid": "999"})
    assert (ended.code, ended.err) == (0, "")
    assert machine.docker_calls() == [
        ["volume", "inspect", "--format", "{{.Mountpoint}}", "shop-staging-rows"]
    ]
