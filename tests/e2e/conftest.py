"""What tests on a local cloud share: the cloud, its API's client, servers to log in to."""

import dataclasses
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hcloud import Client
from hcloud.images import Image
from hcloud.server_types import ServerType
from hcloud.servers import BoundServer
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from homeport.cloud import lifecycle, vendor
from homeport.cloud.instance import Cloud

BOOT_SECONDS = 120.0


class ByDeployment(LoadScopeScheduling):
    """Keeps in one process what shares a deployment: a file, or a folder with a conftest."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0])
        folder, here = file.parent, Path(__file__).parent
        shared = folder.name != here.name and (here / folder.name / "conftest.py").exists()
        return str(folder if shared else file)


LONGEST = ("systems", "test_app.py", "chaos", "sites", "links", "staged", "test_static_app.py")
"""What takes longest, by file or folder here: it begins first, so that no process ends late."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest before the rest, which stays in its order."""
    here = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        parts = item.path.relative_to(here).parts if here in item.path.parents else ()
        return next((n for n, name in enumerate(LONGEST) if name in parts), len(LONGEST))

    items.sort(key=rank)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByDeployment:
    """Spread the tests over processes in this way, whatever `--dist` says."""
    return ByDeployment(config, log)


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """A running cloud of this run's own, or the one that HOMEPORT_E2E_CLOUD names, which stays."""
    given = os.environ.get("HOMEPORT_E2E_CLOUD")
    started = lifecycle.up(given or f"e2e-{os.getpid()}", print)
    yield started
    if not given:
        lifecycle.down(started)


@pytest.fixture(scope="session")
def client(cloud: Cloud) -> Client:
    return vendor.client(cloud)


@dataclasses.dataclass(frozen=True)
class Login:
    """A key pair of this test run, and the host key that its servers are given."""

    folder: Path

    @property
    def public(self) -> str:
        return (self.folder / "user.pub").read_text().strip()

    def host_key(self, kind: str) -> str:
        return (self.folder / f"host{kind}").read_text()


@pytest.fixture(scope="session")
def login(tmp_path_factory: pytest.TempPathFactory) -> Login:
    folder = tmp_path_factory.mktemp("login")
    for name in ("user", "host"):
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / name)]
        subprocess.run(argv, check=True)
    return Login(folder)


@dataclasses.dataclass(frozen=True)
class Machine:
    """A server that is up, and a way in whose host key was known before."""

    server: BoundServer
    login: Login
    user: str = "root"

    @property
    def ip(self) -> str:
        assert self.server.public_net
        assert self.server.public_net.ipv4
        return str(self.server.public_net.ipv4.ip)

    def ssh(
        self, command: str, user: str | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        known = self.login.folder / f"known-{self.ip}"
        known.write_text(f"{self.ip} {self.login.host_key('.pub')}")
        options = {
            "UserKnownHostsFile": str(known),
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": "3",
        }
        flags = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        target = f"{user or self.user}@{self.ip}"
        argv = ["ssh", "-q", "-i", str(self.login.folder / "user"), *flags, target, command]
        return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)

    def run(self, command: str, user: str | None = None, timeout: float = 120) -> str:
        done = self.ssh(command, user, timeout)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def wait_for_ssh(self) -> None:
        until(lambda: self.ssh("true").returncode == 0, BOOT_SECONDS, f"SSH on {self.ip}")


def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for something; fail with its name when it does not come about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not come about in {seconds} s"
        time.sleep(0.2)


type_of = ServerType(name="cx23")

MakeMachine = Callable[..., Machine]


@pytest.fixture(scope="session")
def make_machine(client: Client, login: Login) -> Iterator[MakeMachine]:
    """Make servers by name, image and more user data; they go at the end of the run."""
    made: list[BoundServer] = []

    def make(name: str, image: str = "debian-12", extra: str = "", **options: object) -> Machine:
        indented = login.host_key("").strip().replace("\n", "\n    ")
        user_data = (
            "#cloud-config\n"
            "ssh_genkeytypes: []\n"
            f"ssh_keys:\n  ed25519_private: |\n    {indented}\n"
            f"  ed25519_public: {login.host_key('.pub').strip()}\n"
            f"ssh_authorized_keys: ['{login.public}']\n{extra}"
        )
        answer = client.servers.create(
            name,
            type_of,
            Image(name=image),
            user_data=user_data,
            **options,  # type: ignore[arg-type]
        )
        made.append(answer.server)
        for action in [answer.action, *answer.next_actions]:
            action.wait_until_finished()
        server = client.servers.get_by_id(answer.server.id)
        return Machine(server, login)

    yield make
    for server in made:
        if client.servers.get_by_name(str(server.name)):
            server.delete().wait_until_finished()


@pytest.fixture(scope="session")
def docker_machine(make_machine: MakeMachine) -> Machine:
    """A server with Docker and Caddy from Debian's packages, as a product would install them."""
    extra = (
        "package_update: true\npackages: [docker.io, caddy, dnsutils]\n"
        "write_files:\n  - {path: /etc/greeting, content: hello}\n"
        "users:\n  - default\n  - {name: deploy, shell: /bin/bash}\n"
        "runcmd: [[touch, /root/ran]]\n"
    )
    machine = make_machine("docker-machine", extra=extra)
    # Packages are being installed meanwhile, and the machine is busy: a connection may fail.
    waiting = "cloud-init status --wait"
    until(lambda: machine.ssh(waiting, timeout=300).returncode == 0, 300, "the end of cloud-init")
    return machine
