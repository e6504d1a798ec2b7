"""A server from an empty cloud project, as a person and an attacker would meet it."""

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.firewall import table_name
from homeport.cloud.instance import Cloud
from tests.e2e.local_stack import LocalCloud, LocalStack, changes, local_cloud, open_stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]
PROJECT = "hosts"
SYSTEM = f"{PROJECT}-test"
PROGRAM = Path(__file__).parent / "hosts/hetzner"
EVERYONE = "0.0.0.0/0,::/0"
NOBODY_HERE = "192.0.2.0/24"


@pytest.fixture(scope="module")
def local(cloud: Cloud) -> LocalCloud:
    return local_cloud(cloud)


@pytest.fixture(scope="module", params=["debian-13"])
def stack(
    request: pytest.FixtureRequest, local: LocalCloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalStack]:
    image: str = request.param
    stack = open_stack(PROJECT, PROGRAM, tmp_path_factory.mktemp(image), local)
    stack.configure(server_type="cx23", image=image, ssh_networks=EVERYONE)
    try:
        stack.up()
        yield stack
    finally:
        stack.destroy()
        assert_nothing_left(local)


def assert_nothing_left(local: LocalCloud) -> None:
    client = local.client
    kinds = (
        client.servers,
        client.primary_ips,
        client.firewalls,
        client.ssh_keys,
        client.volumes,
    )
    left = [item.name for kind in kinds for item in kind.get_all() if SYSTEM in str(item.name)]
    assert left == []


def logins(stack: LocalStack) -> int:
    """Return how many logins sshd has accepted, that of this question included."""
    return int(stack.ssh("journalctl --no-pager -u ssh | grep -c 'Accepted publickey'"))


def answers(address: str, port: int) -> str:
    """Return `open`, `refused` (nothing listens) or `silent` (a filter drops)."""
    try:
        with socket.create_connection((address, port), timeout=3):
            return "open"
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silent"


def test_a_second_up_changes_nothing_and_opens_no_connection(stack: LocalStack) -> None:
    before = logins(stack)
    assert set(changes(stack.up())) == {"unchanged"}
    assert logins(stack) == before + 1


def test_the_server_boots_clean_with_the_baseline_in_place(stack: LocalStack) -> None:
    assert stack.ssh("systemctl is-system-running").strip() == "running"
    assert "status: done" in stack.ssh("cloud-init status")
    assert stack.ssh("docker info --format '{{.LoggingDriver}} {{.LiveRestoreEnabled}}'") == (
        "local true\n"
    )
    assert {"docker.io", "containerd", "runc"} <= set(stack.ssh("apt-mark showhold").split())
    assert stack.ssh("docker volume ls --quiet") == "kept\n"


def test_the_first_boot_left_nothing_for_the_baseline_to_restart(stack: LocalStack) -> None:
    starts = stack.ssh("journalctl --no-pager -b -u docker | grep -c 'Starting docker.service'")
    assert starts.strip() == "1"


def test_only_keys_log_in_and_only_the_planted_host_key_is_offered(stack: LocalStack) -> None:
    settings = stack.ssh("sshd -T").splitlines()
    assert "passwordauthentication no" in settings
    assert "kbdinteractiveauthentication no" in settings
    assert "permitrootlogin without-password" in settings
    assert "maxstartups 100:30:200" in settings
    scanned = subprocess.run(
        ["ssh-keyscan", "-T", "5", stack.output("address")],
        capture_output=True,
        text=True,
        check=True,
    )
    offered = {line.split(" ", 1)[1] for line in scanned.stdout.splitlines()}
    folder = stack.folder / Path(stack.output("ssh").split()[2]).parent
    [known] = (folder / "known_hosts").read_text().splitlines()
    assert offered == {known.split(" ", 1)[1]}


def test_what_no_rule_allows_is_closed_twice(stack: LocalStack) -> None:
    address = stack.output("address")
    for port in (443, 8080, 9999):
        stack.ssh(f"systemd-run --unit=listen-{port} python3 -m http.server {port} 2>/dev/null")
    try:
        time.sleep(2)
        assert answers(address, 443) == "open"
        assert answers(address, 8080) == "silent", "the host's own filter must drop it"
        assert answers(address, 9999) != "open", "the cloud must not let it in"
    finally:
        stack.ssh("systemctl stop listen-443 listen-8080 listen-9999")


def test_rules_that_lock_us_out_are_taken_back_by_the_host(stack: LocalStack) -> None:
    stack.configure(ssh_networks=NOBODY_HERE)
    printed = stack.up_fails()
    assert "no connection came in under the new rules within 20 s" in printed
    assert "next: let SSH in from where `pulumi up` runs" in printed
    stack.configure(ssh_networks=EVERYONE)
    assert changes(stack.up())["updated"] >= 1
    assert set(changes(stack.up())) == {"unchanged"}


def test_the_filter_holds_from_the_next_boot_on(stack: LocalStack, local: LocalCloud) -> None:
    server = local.client.servers.get_by_id(int(stack.output("server_id")))
    server.reboot().wait_until_finished()
    wait_for(stack)
    listed = stack.ssh("nft list tables")
    assert f"table inet {table_name(SYSTEM)}" in listed


def wait_for(stack: LocalStack, seconds: int = 60) -> None:
    address = stack.output("address")
    deadline = time.monotonic() + seconds
    while answers(address, 22) != "open":
        assert time.monotonic() < deadline, f"no sshd within {seconds} s"
        time.sleep(0.5)


def test_a_resize_keeps_server_and_address(stack: LocalStack, local: LocalCloud) -> None:
    before = (stack.output("server_id"), stack.output("address"))
    stack.configure(server_type="cpx22")
    changed = changes(stack.up())
    assert "replaced" not in changed
    assert (stack.output("server_id"), stack.output("address")) == before
    server = local.client.servers.get_by_id(int(before[0]))
    assert server.server_type is not None
    assert server.server_type.name == "cpx22"
    assert stack.ssh("docker volume ls --quiet") == "kept\n"


def test_a_server_that_is_replaced_keeps_its_address_and_gets_everything_again(
    stack: LocalStack, local: LocalCloud
) -> None:
    before = (stack.output("server_id"), stack.output("address"))
    stack.ssh("touch /root/of-the-old-machine")
    done = stack.pulumi("up", "--yes", "--skip-preview", "--replace", "**::server-server")
    assert done.returncode == 0, done.stdout + done.stderr
    assert stack.output("address") == before[1]
    assert stack.output("server_id") != before[0]
    [left] = [
        server.id for server in local.client.servers.get_all() if server.name == f"{SYSTEM}-server"
    ]
    assert str(left) == stack.output("server_id")
    assert stack.ssh("ls /root").strip() == ""
    assert stack.ssh("docker volume ls --quiet") == "kept\n"
    assert f"table inet {table_name(SYSTEM)}" in stack.ssh("nft list tables")
    assert set(changes(stack.up())) == {"unchanged"}


def test_no_key_of_ours_is_readable_in_the_state_or_on_the_command_line(stack: LocalStack) -> None:
    folder = stack.folder / Path(stack.output("ssh").split()[2]).parent
    key_line = (folder / "key").read_text().splitlines()[2]
    for file in (stack.folder / "state").rglob("*"):
        assert not file.is_file() or key_line not in file.read_text()
