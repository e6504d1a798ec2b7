"""A server that somebody else set up: four ways to become root, and nothing stays behind."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.server_types import ServerType

from components import keys
from components.existing_server import deploy_account
from homeport.cloud.instance import Cloud
from tests.e2e.local_stack import LocalCloud, LocalStack, changes, local_cloud, open_stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]
PROGRAM = Path(__file__).parent / "hosts/existing"
PASSWORD = "canary pass'word \"$HOME #homeport"
"""Has everything in it that a shell or a prompt could trip over."""

LOGINS = {
    "root": "root",
    "sudo": "with-sudo",
    "sudo-password": "asks-sudo",
    "su-password": "only-su",
}


@dataclass(frozen=True)
class Machine:
    """A server that Homeport did not make."""

    address: str
    host_key: str
    private_key: str
    key_file: Path

    def run(self, command: str) -> str:
        """Run a command as root, past everything of Homeport's."""
        options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        options += ["-o", "LogLevel=ERROR", "-o", "ConnectionAttempts=30", "-i", str(self.key_file)]
        argv = ["ssh", "-F", "/dev/null", *options, f"root@{self.address}", command]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def local(cloud: Cloud) -> LocalCloud:
    return local_cloud(cloud)


@pytest.fixture(scope="module", params=["debian-12"])
def machine(
    request: pytest.FixtureRequest, local: LocalCloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    seed, host_seed = os.urandom(32), os.urandom(32)
    public = keys.public_line(seed, "owner")
    key_file = tmp_path_factory.mktemp("owner") / "key"
    key_file.write_text(keys.private_key(seed, "owner"))
    key_file.chmod(0o600)
    users = [
        {"name": name, "shell": "/bin/bash", "ssh_authorized_keys": [public]}
        for name in LOGINS.values()
    ]
    for user in users:
        user["lock_passwd"] = user["name"] != "root"  # type: ignore[assignment]
    users[1]["sudo"] = "ALL=(ALL) NOPASSWD:ALL"
    users[2]["sudo"] = "ALL=(ALL) ALL"
    users[2]["lock_passwd"] = False  # type: ignore[assignment]
    passwords = [
        {"name": name, "password": PASSWORD, "type": "text"} for name in ("root", "asks-sudo")
    ]
    document = {
        "users": users,
        "disable_root": False,
        "ssh_deletekeys": True,
        "ssh_keys": {
            "ed25519_private": keys.private_key(host_seed, "host"),
            "ed25519_public": keys.public_line(host_seed, "host"),
        },
        "chpasswd": {"expire": False, "users": passwords},
        "locale": False,
    }
    client = local.client
    made = client.servers.create(
        name="existing",
        server_type=ServerType(name="cx23"),
        image=Image(name=request.param),
        location=Location(name="fsn1"),
        user_data="#cloud-config\n" + yaml.safe_dump(document),
    )
    made.action.wait_until_finished()
    for action in made.next_actions:
        action.wait_until_finished()
    assert made.server.id is not None
    server = client.servers.get_by_id(made.server.id)
    assert server.public_net is not None
    assert server.public_net.ipv4 is not None
    address = str(server.public_net.ipv4.ip)
    machine = Machine(address, keys.public_line(host_seed, "host"), key_file.read_text(), key_file)
    try:
        # 2 says that something was odd and did no harm: passwords come after accounts here.
        machine.run("cloud-init status --wait || [ $? = 2 ]")
        yield machine
    finally:
        server.delete().wait_until_finished()


def snapshot(machine: Machine) -> dict[str, str]:
    """Return what Homeport could have left: accounts, rights, files, units, tables."""
    looks = {
        "accounts": "cut -d: -f1 /etc/passwd | sort",
        "rights": "ls /etc/sudoers.d",
        "homes": "ls /home",
        "folder": "ls -A /opt",
        "files": "find /etc /usr/local /root -iname '*homeport*' | sort",
        "daemon": "cat /etc/docker/daemon.json 2>/dev/null; true",
        "units": "systemctl list-unit-files --no-legend 'homeport*'; true",
        "volumes": "command -v docker >/dev/null && docker volume ls --quiet; true",
    }
    return {name: machine.run(command) for name, command in looks.items()}


def stack_for(
    privilege: str,
    machine: Machine,
    local: LocalCloud,
    folder: Path,
    *,
    agent: bool = False,
    **more: str,
) -> LocalStack:
    stack = open_stack(f"x{privilege.replace('-', '')[:6]}", PROGRAM, folder, local)
    stack.configure(
        address=machine.address,
        host_key=machine.host_key,
        user=LOGINS[privilege],
        privilege=privilege,
        **more,
    )
    if not agent:
        stack.configure(private_key=machine.private_key)
    if privilege.endswith("-password"):
        stack.configure(password=PASSWORD)
    return stack


@pytest.mark.parametrize("privilege", LOGINS)
def test_a_server_is_used_with_its_owners_privilege_and_given_back_as_it_was(
    machine: Machine, local: LocalCloud, tmp_path: Path, privilege: str
) -> None:
    before = snapshot(machine)
    stack = stack_for(privilege, machine, local, tmp_path / "stack")
    project = f"x{privilege.replace('-', '')[:6]}"
    account = deploy_account(f"{project}-test")
    stack.up()
    assert machine.run("docker volume ls --quiet") == f"kept-{project}\n"
    assert ("root\n" if privilege == "root" else f"{account}\n") == stack.ssh("id --user --name")
    assert (account in machine.run("ls /home")) is (privilege != "root")
    assert set(changes(stack.up())) == {"unchanged"}
    assert PASSWORD not in machine.run("journalctl --no-pager -o cat")
    stack.destroy()
    after = snapshot(machine)
    assert after == before


def test_the_deploy_account_has_no_password_and_no_other_way_in(
    machine: Machine, local: LocalCloud, tmp_path: Path
) -> None:
    stack = stack_for("sudo", machine, local, tmp_path / "stack")
    (stack.folder / "page").mkdir()
    (stack.folder / "page/index.html").write_text("hello")
    stack.configure(artefact="page")
    account = deploy_account("xsudo-test")
    stack.up()
    try:
        # What such an account uploads lies where only root writes, and no copy stays with it.
        assert machine.run(f"cat {stack.output('page')}/index.html") == "hello"
        assert machine.run(f"stat --format=%U:%a {stack.output('page')}/*") == "root:644\n"
        assert machine.run(f"ls -A /home/{account} | grep homeport || :") == ""
        assert machine.run(f"getent shadow {account} | cut -d: -f2") == "*\n"
        keys_file = machine.run(f"cat /home/{account}/.ssh/authorized_keys")
        assert keys_file.startswith("restrict,")
        assert len(keys_file.splitlines()) == 1
        assert stack.ssh("sudo -n id --user") == "0\n"
    finally:
        stack.destroy()


def test_a_wrong_password_is_told_clearly_and_shown_nowhere(
    machine: Machine, local: LocalCloud, tmp_path: Path
) -> None:
    stack = stack_for("sudo-password", machine, local, tmp_path / "stack")
    stack.configure(password="canary-wrong-password")
    printed = stack.up_fails()
    assert "incorrect password" in printed or "Sorry, try again" in printed
    assert "canary-wrong-password" not in printed
    stack.configure(password=PASSWORD)
    stack.up()
    stack.destroy()


def test_another_host_key_than_the_pinned_one_stops_everything(
    machine: Machine, local: LocalCloud, tmp_path: Path
) -> None:
    stack = stack_for("root", machine, local, tmp_path / "stack")
    stack.configure(host_key=keys.public_line(bytes(32), "somebody else"))
    printed = stack.up_fails()
    assert "host key" in printed
    stack.destroy()


def test_a_server_behind_a_bastion_is_reached_through_it(
    machine: Machine, local: LocalCloud, tmp_path: Path
) -> None:
    stack = stack_for("sudo", machine, local, tmp_path / "stack")
    bastion = {"address": machine.address, "host_key": machine.host_key, "user": "only-su"}
    stack.configure(address="127.0.0.1", bastion=bastion)
    stack.up()
    try:
        assert stack.ssh("echo $SSH_CONNECTION").startswith("127.0.0.1 ")
        assert machine.run("docker volume ls --quiet") == "kept-xsudo\n"
    finally:
        stack.destroy()


def test_without_a_key_the_operators_agent_logs_in(
    machine: Machine, local: LocalCloud, tmp_path: Path
) -> None:
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True)
    agent = dict(re.findall(r"(SSH_\w+)=([^;]+);", started.stdout))
    with_agent = LocalCloud({**local.environment, **agent})
    try:
        add = ["ssh-add", "-q", str(machine.key_file)]
        subprocess.run(add, env=with_agent.environment, check=True)
        stack = stack_for("root", machine, with_agent, tmp_path / "stack", agent=True)
        stack.up()
        try:
            assert machine.run("docker volume ls --quiet") == "kept-xroot\n"
            assert stack.ssh("id --user") == "0\n"
            assert not list(stack.folder.rglob(".homeport/**/key"))
        finally:
            stack.destroy()
    finally:
        os.kill(int(agent["SSH_AGENT_PID"]), signal.SIGTERM)


def test_a_machine_that_does_not_fit_is_refused_with_everything_that_is_wrong(
    machine: Machine, local: LocalCloud, tmp_path: Path
) -> None:
    machine.run(
        "cp /etc/os-release /root/os-release; sed -i s/^ID=.*/ID=plan9/ /usr/lib/os-release"
    )
    machine.run("mv /usr/bin/docker /root/docker")
    stack = stack_for("root", machine, local, tmp_path / "stack", install_docker="false")
    try:
        printed = stack.up_fails()
    finally:
        machine.run("cat /root/os-release > /usr/lib/os-release; mv /root/docker /usr/bin/docker")
        stack.destroy()
    assert "it runs plan9-12; supported are debian-12, debian-13" in printed
    assert "Docker does not answer: `apt-get install docker.io`" in printed
