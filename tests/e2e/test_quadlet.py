"""Releases in rootless containers of systemd's, changed, broken and restarted under load."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homeport.cloud.instance import Cloud
from tests.e2e.conftest import until
from tests.e2e.goodbyes import Goodbyes
from tests.e2e.load import Load
from tests.e2e.local_stack import (
    LocalStack,
    changes,
    local_cloud,
    open_stack,
    restarts,
    schema_of,
)
from tests.e2e.quadlet_account import AWKWARD, Account
from tests.e2e.releases import Deployed, Releases

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
PROGRAM = Path(__file__).parent / "quadlet"
HOSTNAME = "quadlet.example.com"
IMAGE = "ghcr.io/homeport/ledger"
SYSTEM = "quadlet-test"


@pytest.fixture(scope="module")
def stack(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    folder = tmp_path_factory.mktemp("quadlet")
    stack = open_stack("quadlet", PROGRAM, folder, local_cloud(cloud))
    stack.configure(image=f"{IMAGE}:1.0.0", password=cloud.registry_password)
    try:
        stack.up()
        yield stack
    finally:
        stack.destroy()


@pytest.fixture(scope="module")
def account(stack: LocalStack) -> Account:
    return Account(stack)


@pytest.fixture
def deployed(stack: LocalStack, account: Account) -> Deployed:
    return Deployed(
        stack=stack,
        hostname=HOSTNAME,
        setting="image",
        values=(f"{IMAGE}:1.0.0", f"{IMAGE}:1.1.0"),
        instances=account.instances,
        expected=account.expected,
    )


class TestReleases(Releases):
    """As on every runtime."""


def load(stack: LocalStack) -> Load:
    return Load(stack.output("address"), HOSTNAME, stack.cloud.environment["HOMEPORT_CA"])


def goodbyes(stack: LocalStack) -> Goodbyes:
    return Goodbyes(stack.output("address"), HOSTNAME, stack.cloud.environment["HOMEPORT_CA"])


def logins(stack: LocalStack) -> int:
    """How many logins the server has seen, this one included."""
    return int(stack.ssh("journalctl --no-pager -u ssh | grep -c 'Accepted publickey'"))


def test_a_second_up_changes_nothing_and_opens_no_connection(stack: LocalStack) -> None:
    before = logins(stack)
    assert set(changes(stack.up())) == {"unchanged"}
    assert logins(stack) == before + 1


def test_the_container_has_what_it_was_given_and_no_more_rights(
    stack: LocalStack, account: Account
) -> None:
    name = stack.output("instance")
    status = account.run(f"podman exec {name} cat /proc/1/status /proc/self/status")
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Uid:\t10001\t" in status
    for folder in ("/opt", "/run", "/var/tmp", "/run/secrets"):
        refused = account.run(f"podman exec {name} touch {folder}/x 2>&1 || :")
        assert "Read-only file system" in refused or "Permission denied" in refused, folder
    account.run(f"podman exec {name} touch /tmp/x /data/kept")
    shown: dict[str, Any] = json.loads(account.run(f"podman container inspect {name}"))[0]
    variables = dict(variable.partition("=")[::2] for variable in shown["Config"]["Env"])
    assert variables["AWKWARD"] == AWKWARD
    assert shown["HostConfig"]["Memory"] == 256 * 2**20
    assert shown["HostConfig"]["NanoCpus"] == 10**9
    assert shown["Config"]["StopTimeout"] == 10
    database = stack.output("database")
    assert account.run(f"podman healthcheck run {database} && echo healthy").endswith("healthy\n")
    # The user outside is one of the account's own subordinate numbers.
    outside = stack.ssh("stat -c %u /home/apps/.local/share/containers/storage/volumes/*/_data")
    assert min(int(uid) for uid in outside.split()) >= 100_000


def test_nothing_listens_to_the_outside(stack: LocalStack) -> None:
    listening = stack.ssh("ss -ltnH | awk '{print $4}'").split()
    outside = {a for a in listening if not a.startswith(("127.", "[::1]"))}
    assert {address.rpartition(":")[2] for address in outside} <= {"22", "80", "443"}


def test_a_release_change_loses_no_request_and_what_is_open_is_told_to_go_and_finished(
    stack: LocalStack, account: Account
) -> None:
    before, old = stack.output("release"), account.live_port()
    service = f"{stack.output('instance')}.service"
    stack.configure(image=f"{IMAGE}:1.1.0")
    with goodbyes(stack) as open_, load(stack) as seen:
        # What the drain counts: connections at the port of the old release.
        assert account.connections(old) >= 2
        stack.up()
        time.sleep(1)
    open_.check()
    assert restarts(stack, service) == 0
    after = stack.output("release")
    assert seen.lost == {}
    assert set(seen.releases) == {before, after}
    assert account.live_port() != old
    assert schema_of(stack, SYSTEM) == "0003"
    assert account.instances() == account.expected()
    assert "/data/kept" in account.run(f"podman exec {stack.output('instance')} ls /data/kept")


def test_an_image_that_the_account_builds_stays_in_its_limits_and_loses_no_request(
    stack: LocalStack, account: Account
) -> None:
    before = stack.output("release")
    with load(stack) as seen:
        stack.configure(note="built here", file="Broken")
        refused = stack.up_fails()
        stack.configure(file="Dockerfile")
        stack.up()
        time.sleep(1)
    assert "`podman build` ended with" in refused
    assert "this cannot be" in refused
    assert "next: correct Broken or what lies beside it" in refused
    assert seen.lost == {}
    assert set(seen.releases) == {before, stack.output("release")}
    note = account.run(f"podman exec {stack.output('instance')} cat /srv/note")
    assert note == "built here\n"
    # The local cloud's machines tell which limits their steps were to have.
    told = stack.ssh("journalctl --quiet --output=cat --identifier=testbed-crun").splitlines()
    limits = [json.loads(line) for line in told]
    assert {limit["memory"]["limit"] for limit in limits} == {1024 * 2**20}
    assert {limit["cpu"]["shares"] for limit in limits} == {128}
    assert set(changes(stack.up())) == {"unchanged"}
    stack.configure(note="")
    stack.up()
    assert account.instances() == account.expected()


def test_secrets_of_broken_releases_and_of_jobs_that_are_done_are_gone(
    account: Account,
) -> None:
    assert account.secrets() == account.expected_secrets()


def test_a_cron_job_runs_in_a_container_that_goes_with_the_run(
    stack: LocalStack, account: Account
) -> None:
    asked = f"journalctl --quiet --output=cat --identifier={SYSTEM}-tidy || :"
    until(lambda: "50% of $HOME" in stack.ssh(asked), 60, "a run of the cron job")
    failed = account.run("systemctl --user list-units --failed --plain --no-legend")
    # The checks of containers that run may fail for a moment; of those that are gone none is left.
    running = tuple(account.run("podman ps --no-trunc --format '{{.ID}}'").split())
    assert [line for line in failed.splitlines() if not line.startswith(running)] == []
    timers = account.run("systemctl --user list-timers --all --plain --no-legend")
    assert f"{stack.output('tidy')}" in timers


def test_a_container_that_is_killed_is_started_again(stack: LocalStack, account: Account) -> None:
    name = stack.output("instance")
    account.run(f"podman kill {name}")
    deadline = time.monotonic() + 60
    while account.restarts(name) == 0 or not account.healthy():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_secrets_lie_only_in_the_accounts_store(stack: LocalStack, account: Account) -> None:
    name = stack.output("instance")
    password = account.run(f"podman exec {name} cat /run/secrets/DATABASE_PASSWORD").strip()
    assert len(password) >= 32
    modes = account.run(f"podman exec {name} stat -c '%a %u:%g' /run/secrets/DATABASE_PASSWORD")
    assert modes.strip() == "400 10001:10001"
    looked = account.run(f"podman inspect {name}; podman secret inspect $(podman secret ls -q)")
    looked += stack.ssh("ps axww")
    looked += stack.ssh("journalctl --no-pager")
    assert password not in looked
    folders = "/etc /var/log /opt /root /home /run/user/*/systemd"
    found = stack.ssh(f"grep -rlF -e {password} {folders} || :").split()
    # Podman's own store, and what it mounts into the containers that run.
    assert [path for path in found if "/userdata/secrets/" not in path] == []


def test_the_log_of_an_app_is_read_with_one_command(stack: LocalStack) -> None:
    printed = stack.ssh(f"journalctl --no-pager --output=cat --identifier={SYSTEM}-web")
    entries = [json.loads(line) for line in printed.splitlines() if line[:1] == "{"]
    releases = {entry["release"] for entry in entries}
    # Of more than one release, and of their jobs.
    assert stack.output("release") in releases
    assert len(releases) >= 2
    assert {entry["logger"] for entry in entries} >= {"ledger.cli", "ledger.server"}
    assert "migrated" in {entry["msg"] for entry in entries}


def test_a_restart_of_the_server_brings_everything_back(
    stack: LocalStack, account: Account
) -> None:
    port = account.live_port()
    server = stack.cloud.client.servers.get_by_name(f"{SYSTEM}-server")
    assert server
    server.reboot().wait_until_finished()
    deadline = time.monotonic() + 180
    while True:
        with load(stack) as seen:
            time.sleep(0.5)
        if not seen.lost and account.instances() == account.expected():
            break
        assert time.monotonic() < deadline, seen.lost
    assert account.live_port() == port


def test_what_is_removed_leaves_nothing_on_the_server(stack: LocalStack) -> None:
    stack.configure(deployed="false")
    stack.up()
    assert stack.ssh("getent passwd apps || echo gone").strip() == "gone"
    assert stack.ssh("grep -h apps /etc/subuid /etc/subgid || echo gone").strip() == "gone"
    assert stack.ssh("ls /home /var/lib/systemd/linger").split() == [
        "/home:",
        "/var/lib/systemd/linger:",
    ]
    receipts = stack.ssh(f"ls /opt/homeport/{SYSTEM}/receipts").split()
    assert not [name for name in receipts if not name.startswith(("server", "proxy"))]
    assert stack.ssh("nft list tables").count(f"homeport_{SYSTEM.replace('-', '_')}") == 0
    assert "/opt/homeport/quadlet-test/registry" not in stack.ssh("find /opt/homeport -type d")
