"""The tool `rootless`, as a real process with fake commands."""

from pathlib import Path

import pytest

from tests.processes.fake_account import FakeAccount
from tests.processes.tool_runner import Machine

SPEC = {"account": "apps", "packages": ["podman", "uidmap"]}
RECEIPT = "account-apps"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "root").mkdir()
    return Machine(tmp_path / "root")


@pytest.fixture
def account(machine: Machine) -> FakeAccount:
    commands = FakeAccount(machine)
    for name in ("apt-cache", "apt-get", "apt-mark", "dpkg-query", "getent", "useradd", "userdel"):
        commands.add(name)
    for name in ("usermod", "chmod", "loginctl", "pkill"):
        commands.add(name)
    commands.answer("apt-cache policy podman", "  Installed: 5.4.2\n  Candidate: 5.4.2\n")
    commands.answer("dpkg-query", "installed podman 5.4.2+ds1-2\ninstalled uidmap 1\n")
    commands.answer("getent passwd apps", code=2)
    commands.answer("podman info", "overlay\n")
    return commands


def changes(account: FakeAccount) -> list[str]:
    verbs = ("apt-get", "useradd", "usermod", "userdel", "loginctl", "pkill", "systemctl stop")
    return [line for line in account.lines() if line.startswith(verbs)]


def test_an_account_is_made_with_numbers_and_a_session_of_its_own(
    machine: Machine, account: FakeAccount
) -> None:
    machine.write("/etc/subuid", "debian:100000:65536\nold:165536:1000\n")
    ended = machine.run("rootless", "up", SPEC)
    assert (ended.code, ended.err) == (0, "")
    assert ended.report == {"storage": "overlay"}
    assert changes(account) == [
        "useradd --create-home --shell=/usr/sbin/nologin "
        "--comment=Homeport runs containers with this account apps",
        "usermod --add-subuids 166536-232071 apps",
        "usermod --add-subgids 100000-165535 apps",
        "loginctl enable-linger apps",
    ]
    assert machine.receipt(RECEIPT) == {
        "rootless": "apps",
        "account": True,
        "/etc/subuid": "166536-232071",
        "/etc/subgid": "100000-165535",
        "lingers": True,
    }


def test_what_was_there_is_used_and_stays(machine: Machine, account: FakeAccount) -> None:
    account.answer("getent passwd apps", "apps:x:1001\n")
    machine.write("/etc/subuid", "apps:100000:65536\n")
    machine.write("/etc/subgid", "apps:100000:65536\n")
    machine.write("/var/lib/systemd/linger/apps", "")
    assert machine.run("rootless", "up", SPEC).code == 0
    assert machine.run("rootless", "down", SPEC).code == 0
    assert changes(account) == []
    assert machine.receipt(RECEIPT) is None


def test_a_range_that_is_too_short_is_not_enough(machine: Machine, account: FakeAccount) -> None:
    account.answer("getent passwd apps", "apps:x:1001\n")
    machine.write("/etc/subuid", "apps:100000:1000\n")
    machine.write("/etc/subgid", "apps:100000:65536\n")
    assert machine.run("rootless", "up", SPEC).code == 0
    assert account.lines("usermod") == ["usermod --add-subuids 101000-166535 apps"]
    assert machine.run("rootless", "down", SPEC).code == 0
    assert account.lines("usermod")[1:] == ["usermod --del-subuids 101000-166535 apps"]
    assert account.lines("userdel") == []
    assert account.lines("loginctl")[-1] == "loginctl disable-linger apps"


def test_missing_packages_are_installed(machine: Machine, account: FakeAccount) -> None:
    account.answer("dpkg-query", "installed podman 5.4.2\n")
    assert machine.run("rootless", "up", SPEC).code == 0
    assert [line.split()[-1] for line in account.lines("apt-get install")] == ["uidmap"]


@pytest.mark.parametrize(
    ("policy", "installed"),
    [
        ("  Installed: (none)\n  Candidate: 4.3.1+ds1-8\n", ""),
        ("  Installed: 3.4.4\n  Candidate: 3.4.4\n", "installed podman 3.4.4\n"),
        # Before the first `apt-get update` nothing is known; then it is looked at again.
        ("", "installed podman 4.3.1+ds1-8\ninstalled uidmap 1\n"),
    ],
)
def test_a_podman_that_is_too_old_is_refused_with_the_cure(
    machine: Machine, account: FakeAccount, policy: str, installed: str
) -> None:
    account.answer("apt-cache policy podman", policy)
    account.answer("dpkg-query", installed)
    ended = machine.run("rootless", "up", SPEC)
    assert ended.code == 1
    assert "Quadlet units need 4.6 or later" in ended.err
    assert "next: take a later system, such as debian-13" in ended.err
    assert changes(account) == []


def test_an_account_goes_with_its_session_and_its_home(
    machine: Machine, account: FakeAccount
) -> None:
    machine.run("rootless", "up", SPEC)
    account.answer("getent passwd apps", "apps:x:1001\n")
    account.forget()
    ended = machine.run("rootless", "down", SPEC)
    # The fake account does not go away.
    assert ended.code == 1
    assert "the account apps cannot be removed" in ended.err
    assert [line.split()[0] for line in changes(account)] == [
        "loginctl",
        "systemctl",
        "pkill",
        "userdel",
    ]
    account.answer("getent passwd apps", code=2)
    assert machine.run("rootless", "down", SPEC).code == 0
    assert machine.receipt(RECEIPT) is None


def test_an_account_with_volumes_stays(machine: Machine, account: FakeAccount) -> None:
    machine.run("rootless", "up", SPEC)
    account.answer("getent passwd apps", "apps:x:1001\n")
    account.answer("podman volume ls", "precious\n")
    ended = machine.run("rootless", "down", SPEC)
    assert ended.code == 1
    assert "the account apps still has the volumes precious" in ended.err
    assert account.lines("userdel") == []


def test_the_last_stack_that_uses_an_account_takes_it_back(
    machine: Machine, account: FakeAccount
) -> None:
    other = machine.root / "opt/homeport/other-staging/receipts/account-apps.json"
    machine.run("rootless", "up", SPEC)
    other.parent.mkdir(parents=True)
    (machine.stack / f"receipts/{RECEIPT}.json").rename(other)
    account.answer("getent passwd apps", "apps:x:1001\n")
    machine.run("rootless", "up", SPEC)
    mine = machine.receipt(RECEIPT)
    assert mine
    assert mine["account"] is True
    account.forget()
    assert machine.run("rootless", "down", SPEC).code == 0
    assert changes(account) == []
    assert other.exists()


def test_a_manager_that_does_not_answer_yet_is_waited_for(
    machine: Machine, account: FakeAccount
) -> None:
    asks = "systemctl --user show --property=Version"
    account.answer(asks, "Failed to connect to bus\n", code=1)
    process = machine.start("rootless", "up", SPEC)
    while len(account.lines(asks)) < 2:
        assert process.poll() is None
    account.answer(asks, "Version=257\n")
    assert process.wait(timeout=30) == 0
    process.communicate()
