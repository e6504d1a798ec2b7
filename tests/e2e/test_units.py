"""Releases as units of a real systemd, behind a real proxy: changed, broken and taken back."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homeport.cloud.instance import Cloud
from tests.e2e.conftest import until
from tests.e2e.goodbyes import Goodbyes
from tests.e2e.load import Load
from tests.e2e.local_stack import (
    ROOT,
    LocalStack,
    changes,
    local_cloud,
    open_stack,
    restarts,
    schema_of,
)
from tests.e2e.releases import Deployed, Releases

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
PROGRAM = Path(__file__).parent / "units"
HOSTNAME = "units.example.com"
EXPOSURE = 1.5
"""What `systemd-analyze security` may say of a unit at most; 10 is no sandbox at all."""


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders to deploy: the ledger with its packages, and the same with one file more."""
    folder = tmp_path_factory.mktemp("artefacts")
    build = [str(ROOT / "testbed/apps/ledger/build"), "wheel", str(folder / "first")]
    path = {"UV": str(ROOT / ".venv/bin/uv")}
    subprocess.run(build, check=True, env={**os.environ, **path})
    shutil.copytree(folder / "first", folder / "second", copy_function=os.link)
    (folder / "second/CHANGES").write_text("one file more\n")
    return folder


@pytest.fixture(scope="module")
def stack(
    cloud: Cloud, artefacts: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalStack]:
    folder = tmp_path_factory.mktemp("units")
    stack = open_stack("units", PROGRAM, folder, local_cloud(cloud))
    for name in ("first", "second"):
        (stack.folder / name).symlink_to(artefacts / name)
    stack.configure(artefact="first")
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
        setting="artefact",
        values=("first", "second"),
        instances=lambda: units(stack),
        expected=lambda: both(stack),
    )


class TestReleases(Releases):
    """As on every runtime."""


@pytest.fixture
def as_it_was(stack: LocalStack) -> Iterator[None]:
    """Bring back the artefact and the settings that every test begins with."""
    yield
    reset(stack)


def reset(stack: LocalStack) -> None:
    plain = {"fail_mode": "none", "worker_fail_mode": "none", "log_level": "INFO", "apps": "true"}
    stack.configure(artefact="first", start_seconds="60", **plain)
    stack.up()


def load(stack: LocalStack) -> Load:
    return Load(stack.output("address"), HOSTNAME, stack.cloud.environment["HOMEPORT_CA"])


def goodbyes(stack: LocalStack) -> Goodbyes:
    return Goodbyes(stack.output("address"), HOSTNAME, stack.cloud.environment["HOMEPORT_CA"])


def units(stack: LocalStack) -> set[str]:
    """Return the units of apps, workers and their jobs that systemd knows."""
    patterns = "'units-test-web*' 'units-test-worker*'"
    listed = stack.ssh(f"systemctl list-units --all --plain --no-legend {patterns}")
    return {line.split()[0] for line in listed.splitlines()}


def both(stack: LocalStack) -> set[str]:
    return {stack.output("unit"), stack.output("worker")}


def process(stack: LocalStack, unit: str) -> str:
    return stack.ssh(f"systemctl show --property=MainPID --value {unit}").strip()


def test_a_second_up_changes_nothing_and_opens_no_connection(stack: LocalStack) -> None:
    count = "journalctl --quiet --unit=ssh --output=cat | grep -c '^Accepted'"
    before = int(stack.ssh(count))
    assert set(changes(stack.up())) == {"unchanged"}
    # One more: the login that counted.
    assert int(stack.ssh(count)) == before + 1
    assert stack.pulumi("refresh", "--yes", "--skip-preview").returncode == 0
    assert set(changes(stack.up())) == {"unchanged"}


@pytest.mark.usefixtures("as_it_was")
def test_a_new_artefact_loses_no_request_and_leaves_the_old_one_for_a_way_back(
    stack: LocalStack,
) -> None:
    before, old = stack.output("release"), stack.output("artefact")
    unit = stack.output("unit")
    with goodbyes(stack) as open_, load(stack) as seen:
        stack.configure(artefact="second")
        stack.up()
        time.sleep(1)
    open_.check()
    assert restarts(stack, unit) == 0
    after, new = stack.output("release"), stack.output("artefact")
    assert seen.lost == {}
    assert set(seen.releases) == {before, after}
    assert units(stack) == both(stack)
    assert "CHANGES" in stack.ssh(f"ls {new}/files")
    assert "requirements.lock" in stack.ssh(f"ls {old}/files")
    assert "homeport" not in stack.ssh("ls -A /root")
    listed = stack.ssh("ls /opt/homeport/units-test/receipts /opt/homeport/units-test/apps/web")
    assert before not in listed
    assert after in listed
    assert schema_of(stack, "units-test") == "0003"


@pytest.mark.usefixtures("as_it_was")
def test_a_worker_that_crashes_keeps_the_old_one(stack: LocalStack) -> None:
    own = both(stack)
    stack.configure(worker_fail_mode="crash-after:0")
    printed = stack.up_fails()
    assert "ended with exit code 70" in printed
    assert own < units(stack)
    reset(stack)
    assert units(stack) == own


def test_a_unit_is_hardly_exposed(
    stack: LocalStack, record_property: Callable[[str, object], None]
) -> None:
    for unit in both(stack):
        printed = stack.ssh(f"systemd-analyze security --no-pager {unit}")
        found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", printed)
        assert found, printed
        record_property(unit, found[1])
        assert float(found[1]) <= EXPOSURE, printed


def test_a_unit_sees_its_own_files_and_can_change_none(stack: LocalStack) -> None:
    unit, folder = stack.output("unit"), stack.output("artefact")
    pid = process(stack, unit)
    status = stack.ssh(f"cat /proc/{pid}/status")
    assert "CapEff:\t0000000000000000" in status
    assert "CapBnd:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    (uid,) = set(re.findall(r"^Uid:\t(\d+)\t", status, re.MULTILINE))
    assert stack.ssh(f"getent passwd {uid}").strip().endswith(":/nonexistent:/usr/sbin/nologin")
    inside = f"nsenter --target={pid} --mount -- setpriv --reuid={uid} --clear-groups --"
    seen = stack.ssh(f"{inside} find /opt/homeport/units-test -maxdepth 3 -mindepth 1").split()
    name = folder.rpartition("/")[2]
    assert {path.removeprefix("/opt/homeport/units-test/") for path in seen} == {
        "artefacts",
        "artefacts/ledger",
        f"artefacts/ledger/{name}",
    }
    writes = [f"touch {path}/x" for path in (f"{folder}/files", "/etc", "/var/tmp", "/tmp")]
    printed = stack.ssh(f"{inside} sh -c '{'; '.join(writes)}' 2>&1 || :")
    assert printed.count("Read-only file system") == 3
    assert "/tmp/x" not in printed.replace("/var/tmp/x", "")
    # In memory, and no larger than what tmpfs_mib says.
    filled = stack.ssh(f"{inside} dd if=/dev/zero of=/tmp/x bs=1M count=80 2>&1 || :")
    assert "No space left on device" in filled
    stack.ssh(f"{inside} rm /tmp/x")


def test_it_listens_on_the_loopback_alone(stack: LocalStack) -> None:
    pid = process(stack, stack.output("unit"))
    listening = [line for line in stack.ssh("ss -Hltnp").splitlines() if f"pid={pid}," in line]
    assert [line.split()[3].rpartition(":")[0] for line in listening] == ["127.0.0.1"]


def test_limits_are_set(stack: LocalStack) -> None:
    unit = stack.output("unit")
    shown = stack.ssh(
        f"systemctl show {unit} --property=MemoryMax,MemorySwapMax,CPUQuotaPerSecUSec"
    )
    assert "MemoryMax=268435456" in shown
    assert "MemorySwapMax=0" in shown
    assert "CPUQuotaPerSecUSec=1s" in shown
    # That they bind is the kernel's affair; the local cloud's machines have control groups of
    # version 1, where swap cannot be limited like this.


def test_secrets_lie_only_where_their_unit_reads_them(stack: LocalStack) -> None:
    unit = stack.output("unit")
    folder = f"/opt/homeport/units-test/apps/web/{stack.output('release')}"
    listed = stack.ssh(f"find {folder} -printf '%P %m %U:%G\\n'").splitlines()[1:]
    assert sorted(listed) == ["secrets 500 0:0", "secrets/DATABASE_PASSWORD 400 0:0"]
    password = stack.ssh(f"cat {folder}/secrets/DATABASE_PASSWORD").strip()
    assert len(password) >= 32
    pid = process(stack, unit)
    variables = stack.ssh(f"tr '\\0' '\\n' < /proc/{pid}/environ")
    assert f"DATABASE_PASSWORD_FILE=/run/credentials/{unit}/DATABASE_PASSWORD" in variables
    looked = stack.ssh(f"systemctl show {unit}; systemctl cat {unit}; ps axww; journalctl --quiet")
    assert password not in looked + variables
    printed = stack.ssh(f"grep -rlF -e {password} /etc /var/log /opt/homeport /root || :")
    assert {line.rpartition("/")[2] for line in printed.splitlines()} == {"DATABASE_PASSWORD"}


def test_cron_jobs_run_as_units_and_in_containers(stack: LocalStack) -> None:
    asked = "journalctl --quiet --output=cat --identifier=units-test-check"
    until(lambda: stack.ssh(f"{asked} || :") != "", 30, "a run of the unit")
    asked = "journalctl --quiet --output=cat --boot | grep -F '50% of $HOME' || :"
    until(lambda: stack.ssh(asked) != "", 30, "a run of the container")
    assert stack.ssh("systemctl list-units --failed --plain --no-legend 'units-test-*'") == ""


def test_a_restart_of_the_server_brings_everything_back(stack: LocalStack) -> None:
    server = stack.cloud.client.servers.get_by_name("units-test-server")
    assert server
    server.reboot().wait_until_finished()
    deadline = time.monotonic() + 180
    while True:
        with load(stack) as seen:
            time.sleep(0.5)
        if not seen.lost:
            break
        assert time.monotonic() < deadline, seen.lost
    for unit in both(stack):
        assert stack.ssh(f"systemctl is-active {unit}") == "active\n"


def test_apps_that_are_removed_leave_nothing(stack: LocalStack) -> None:
    account = stack.ssh(f"systemctl show --property=User --value {stack.output('unit')}").strip()
    stack.configure(apps="false")
    stack.up()
    assert units(stack) == set()
    assert stack.ssh("systemctl list-timers --all --no-legend 'units-test-*'") == ""
    assert stack.ssh("find /etc/systemd /run/systemd -name '*units-test*'") == ""
    others = "-not -path '*/bin/*' -not -path '*/receipts/*'"
    assert stack.ssh(f"find /opt/homeport/units-test -type f {others}") == ""
    assert stack.ssh("find /opt/homeport/units-test -name artefacts") == ""
    receipts = stack.ssh("ls /opt/homeport/units-test/receipts")
    assert not re.search("web|worker|ledger", receipts)
    assert stack.ssh(f"getent passwd {account} || echo none") == "none\n"
