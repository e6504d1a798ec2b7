"""Releases of a real app behind a real proxy, changed, broken and taken back under load."""

import dataclasses
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

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
    running_up,
    schema_of,
)
from tests.e2e.releases import Deployed, Releases

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
PROGRAM = Path(__file__).parent / "apps"
HOSTNAME = "apps.example.com"
IMAGE = "ghcr.io/homeport/ledger"


@pytest.fixture(scope="module")
def stack(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    folder = tmp_path_factory.mktemp("apps")
    stack = open_stack("apps", PROGRAM, folder, local_cloud(cloud))
    stack.configure(system="debian-12", image=f"{IMAGE}:1.0.0", acme="letsencrypt-staging")
    try:
        stack.up()
        yield stack
    finally:
        stack.destroy()


@pytest.fixture
def deployed(stack: LocalStack) -> Deployed:
    return Deployed(
        stack=stack,
        hostname=HOSTNAME,
        setting="image",
        values=(f"{IMAGE}:1.0.0", f"{IMAGE}:1.1.0"),
        instances=lambda: containers(stack),
        expected=lambda: {stack.output("container"), stack.output("worker")},
    )


class TestReleases(Releases):
    """As on every runtime."""


@pytest.fixture
def as_it_was(stack: LocalStack) -> Iterator[None]:
    """Bring back the image and the settings that every test begins with."""
    yield
    reset(stack)


def reset(stack: LocalStack) -> None:
    plain = {"fail_mode": "none", "worker_fail_mode": "none", "log_level": "INFO"}
    plain |= {"graceful_stop": "false", "schema_head": "0003"}
    stack.configure(image=f"{IMAGE}:1.0.0", start_seconds="60", **plain)
    stack.up()


def load(stack: LocalStack) -> Load:
    return Load(stack.output("address"), HOSTNAME, stack.cloud.environment["HOMEPORT_CA"])


def goodbyes(stack: LocalStack) -> Goodbyes:
    return Goodbyes(stack.output("address"), HOSTNAME, stack.cloud.environment["HOMEPORT_CA"])


def containers(stack: LocalStack) -> set[str]:
    printed = stack.ssh("docker ps --all --format '{{.Names}}'").split()
    return {name for name in printed if "postgres" not in name}


@dataclasses.dataclass(frozen=True)
class Switchboard:
    """Looks at the server's map without the engine, which may be at work meanwhile."""

    folder: Path
    login: list[str]
    stable: int

    @classmethod
    def of(cls, stack: LocalStack) -> "Switchboard":
        return cls(stack.folder, stack.output("ssh").split(), int(stack.output("port")))

    @property
    def live(self) -> int:
        """The port to which the kernel leads the app's stable port."""
        argv = [*self.login, "nft -j list map ip homeport_apps_test live"]
        printed = subprocess.run(argv, cwd=self.folder, capture_output=True, text=True, check=True)
        (made,) = [item["map"] for item in json.loads(printed.stdout)["nftables"] if "map" in item]
        return int(dict(made["elem"])[self.stable])


def test_a_second_up_and_a_refreshed_one_change_nothing(stack: LocalStack) -> None:
    assert set(changes(stack.up())) == {"unchanged"}
    assert stack.pulumi("refresh", "--yes", "--skip-preview").returncode == 0
    assert set(changes(stack.up())) == {"unchanged"}


@pytest.mark.usefixtures("as_it_was")
def test_a_release_change_loses_no_request(stack: LocalStack) -> None:
    before = stack.output("release")
    with load(stack) as seen:
        stack.configure(image=f"{IMAGE}:1.1.0")
        stack.up()
        time.sleep(1)
    after = stack.output("release")
    assert seen.lost == {}
    assert set(seen.releases) == {before, after}
    assert containers(stack) == {stack.output("container"), stack.output("worker")}
    receipts = stack.ssh("ls /opt/homeport/apps-test/receipts /opt/homeport/apps-test/apps/web")
    assert before not in receipts
    assert after in receipts


@pytest.mark.usefixtures("as_it_was")
def test_a_long_request_ends_on_the_release_where_it_began(stack: LocalStack) -> None:
    before = stack.output("release")
    argv = ["curl", "--silent", "--insecure", "--include", "--resolve"]
    argv += [f"{HOSTNAME}:443:{stack.output('address')}", "--max-time", "120"]
    stack.configure(log_level="WARNING")
    answers = []
    with running_up(stack) as deploying:
        while deploying.poll() is None:
            url = f"https://{HOSTNAME}/api/slow?seconds=4"
            done = subprocess.run([*argv, url], capture_output=True, text=True, check=False)
            answers.append(done.stdout)
    assert deploying.returncode == 0
    assert all(" 200" in answer.splitlines()[0] for answer in answers)
    assert before in answers[0]


@pytest.mark.usefixtures("as_it_was")
def test_what_is_open_at_a_switch_is_told_to_go_and_finished(stack: LocalStack) -> None:
    stack.configure(graceful_stop="true")
    assert set(changes(stack.up())) == {"updated", "unchanged"}
    stack.configure(image=f"{IMAGE}:1.1.0")
    with goodbyes(stack) as open_, load(stack) as seen:
        stack.up()
    open_.check()
    assert seen.lost == {}
    assert containers(stack) == {stack.output("container"), stack.output("worker")}


SQL = "docker exec -i -u postgres apps-test-postgres psql -XAtq -v ON_ERROR_STOP=1 -d ledger"
RIGHTS = (
    "SELECT datacl, datdba FROM pg_database ORDER BY datname;"
    " SELECT setconfig FROM pg_db_role_setting ORDER BY setconfig"
)
RESTORE = (
    "docker stop $(docker ps -q --filter label=homeport.system=apps-test"
    " --filter label=homeport.release) &&"
    " docker exec -i -u postgres apps-test-postgres pg_restore --clean --if-exists --create"
    " --exit-on-error --dbname=postgres <"
)


def sql(stack: LocalStack, statement: str) -> str:
    return stack.ssh(f'{SQL} -c "{statement}"').strip()


@pytest.mark.usefixtures("as_it_was")
def test_going_back_over_a_contracted_schema_is_refused_until_a_dump_is_restored(
    stack: LocalStack,
) -> None:
    older = stack.output("release")
    sql(stack, "INSERT INTO entries (description, amount_cents) VALUES ('dumped', 1)")
    stack.configure(schema_head="0004")
    stack.up()
    newer = stack.output("release")
    assert schema_of(stack, "apps-test") == "0004"
    folder = "/opt/homeport/apps-test/dumps/ledger"
    (dump,) = stack.ssh(f"ls {folder}/*-before-web-{newer}.dump").split()
    modes = stack.ssh(f"stat -c '%a %U' {folder} {dump}").splitlines()
    assert modes == ["700 root", "600 root"]
    with load(stack) as seen:
        stack.configure(schema_head="0003")
        printed = " ".join(stack.up_fails().split())
        time.sleep(1)
    assert f"release {older} cannot work with the schema that is there" in printed
    assert f"works with this schema (release {newer} left it at 0004), or restore" in printed
    assert seen.lost == {}
    assert set(seen.releases) == {newer}
    rights = sql(stack, RIGHTS)
    stack.ssh(f"{RESTORE}{dump}")
    stack.up()
    assert stack.output("release") == older
    assert schema_of(stack, "apps-test") == "0003"
    kept = "SELECT count(*) FROM entries WHERE description = 'dumped'"
    assert sql(stack, kept) == "1"
    assert sql(stack, RIGHTS) == rights


@pytest.mark.usefixtures("as_it_was")
def test_a_broken_release_gives_way_to_a_better_one(stack: LocalStack) -> None:
    with load(stack) as seen:
        stack.configure(fail_mode="never-healthy", start_seconds="5")
        stack.up_fails()
        stack.configure(fail_mode="none", start_seconds="60", image=f"{IMAGE}:1.1.0")
        stack.up()
        time.sleep(1)
    assert seen.lost == {}
    assert stack.output("release") in seen.releases
    assert containers(stack) == {stack.output("container"), stack.output("worker")}


@pytest.mark.usefixtures("as_it_was")
def test_an_engine_that_dies_when_the_container_has_started_leaves_nothing_of_it(
    stack: LocalStack,
) -> None:
    before = containers(stack)
    with load(stack) as seen:
        stack.configure(image=f"{IMAGE}:1.1.0")
        with running_up(stack) as dying:
            until(lambda: bool(containers(stack) - before), 300, "a container of the new release")
        assert dying.returncode == -signal.SIGKILL
        assert stack.pulumi("cancel", "--yes").returncode == 0
        # The state may not know of the container, and is told to go back to the release before it.
        reset(stack)
        time.sleep(1)
    assert seen.lost == {}
    assert containers(stack) == before


@pytest.mark.usefixtures("as_it_was")
def test_an_engine_that_dies_after_the_switch_loses_nothing_on_the_way_back(
    stack: LocalStack,
) -> None:
    board = Switchboard.of(stack)
    before = board.live
    with load(stack) as seen:
        stack.configure(image=f"{IMAGE}:1.1.0")
        with running_up(stack) as dying:
            deadline = time.monotonic() + 300
            while board.live == before:
                assert time.monotonic() < deadline
                assert dying.poll() is None
        assert dying.returncode == -signal.SIGKILL
        assert stack.pulumi("cancel", "--yes").returncode == 0
        # The state may not know of the switch, and is told to go back to the release before it.
        reset(stack)
        time.sleep(1)
    assert seen.lost == {}
    assert board.live == before
    assert containers(stack) == {stack.output("container"), stack.output("worker")}


@pytest.mark.usefixtures("as_it_was")
def test_a_full_disk_ends_the_deploy_before_anything_is_pulled_or_stopped(
    stack: LocalStack,
) -> None:
    before, running = stack.output("release"), containers(stack)
    images = stack.ssh("docker images --no-trunc --quiet")
    stack.configure(image=f"{IMAGE}:1.1.0", log_level="WARNING")
    with load(stack) as seen:
        # A file system of its own lies over the engine's folder for as long as nothing is pulled.
        stack.ssh("mount -t tmpfs -o size=64m small /var/lib/docker")
        try:
            stack.ssh("fallocate --length 60M /var/lib/docker/full")
            printed = " ".join(stack.up_fails().split())
        finally:
            stack.ssh("umount --lazy /var/lib/docker")
        assert "MiB are free below /var/lib/docker; a pull needs" in printed
        assert "next: make room: `docker system df` shows what takes it" in printed
        assert containers(stack) == running
        assert stack.ssh("docker images --no-trunc --quiet") == images
        stack.up()
        time.sleep(1)
    assert seen.lost == {}
    assert set(seen.releases) == {before, stack.output("release")}
    assert containers(stack) == {stack.output("container"), stack.output("worker")}


@pytest.mark.usefixtures("as_it_was")
def test_a_worker_that_crashes_keeps_the_old_one(stack: LocalStack) -> None:
    worker = stack.output("worker")
    stack.configure(worker_fail_mode="crash-after:0")
    printed = stack.up_fails()
    assert "ended with exit code 70" in printed
    assert worker in containers(stack)
    reset(stack)
    assert containers(stack) == {stack.output("container"), worker}


def test_the_route_survives_a_restart_of_the_server(stack: LocalStack) -> None:
    board = Switchboard.of(stack)
    port = board.live
    server = stack.cloud.client.servers.get_by_name("apps-test-server")
    assert server
    server.reboot().wait_until_finished()
    deadline = time.monotonic() + 180
    while True:
        with load(stack) as seen:
            time.sleep(0.5)
        if not seen.lost:
            break
        assert time.monotonic() < deadline, seen.lost
    assert board.live == port


@pytest.mark.parametrize("verb", ["start", "reload", "restart", "stop"])
def test_the_route_survives_what_the_distributions_firewall_does(
    stack: LocalStack, verb: str
) -> None:
    board = Switchboard.of(stack)
    port = board.live
    with load(stack) as seen:
        stack.ssh(f"systemctl {verb} nftables")
        time.sleep(1)
    assert seen.lost == {}
    assert board.live == port


def test_the_stable_port_is_there_over_ipv4_for_the_machine_itself_alone(
    stack: LocalStack,
) -> None:
    for address, answer in {
        "127.0.0.1": "open",
        "::1": "closed",
        stack.output("address"): "closed",
    }.items():
        connect = f"timeout 5 bash -c ': </dev/tcp/{address}/{stack.output('port')}'"
        said = stack.ssh(f"{connect} >/dev/null 2>&1 && echo open || echo closed")
        assert said.strip() == answer, address


def test_secrets_lie_only_where_their_user_reads_them(stack: LocalStack) -> None:
    folder = f"/opt/homeport/apps-test/apps/web/{stack.output('release')}"
    listed = stack.ssh(f"find {folder} -printf '%P %m %U:%G\\n'").splitlines()[1:]
    assert sorted(listed) == [
        "secrets 500 10001:10001",
        "secrets/DATABASE_PASSWORD 400 10001:10001",
    ]
    password = stack.ssh(f"cat {folder}/secrets/DATABASE_PASSWORD").strip()
    assert len(password) >= 32
    name = stack.output("container")
    looked = stack.ssh(f"docker inspect {name}; docker logs {name} 2>&1; ps axww; env")
    assert password not in looked
    printed = subprocess.run(
        [
            *stack.output("ssh").split(),
            f"grep -rlF -e {password} /var/log /opt/homeport /root || :",
        ],
        cwd=stack.folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = {line.split("/")[-1] for line in printed.splitlines()}
    assert found <= {"DATABASE_PASSWORD"}


def test_the_container_has_no_more_rights_than_it_needs(stack: LocalStack) -> None:
    name = stack.output("container")
    status = stack.ssh(f"docker exec {name} cat /proc/1/status /proc/self/status")
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    refused = stack.ssh(f"docker exec {name} touch /opt/x 2>&1 || :")
    assert "Read-only file system" in refused
    stack.ssh(f"docker exec {name} touch /tmp/x")
