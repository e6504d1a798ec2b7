"""The program's servers: their sites asked from outside, their consoles, what stands in."""

import contextlib
import dataclasses
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
from websockets.sync import client as websockets

from homeport.cloud.instance import Cloud
from homeport.cloud.servers import container_named
from tests.e2e.conftest import until
from tests.e2e.load import Load
from tests.e2e.local_stack import LocalStack

PROGRAM = Path(__file__).parent / "program"
_NEWER = (Path(__file__).parent / "newer_package.sh").read_text()
KINDS = ("caddy", "nginx")
RATE = 10.0
SETTLED_SECONDS = 300


@dataclasses.dataclass(frozen=True)
class Server:
    """One server of the program: its site asked from outside, and its console."""

    kind: str
    address: str
    cloud: Cloud

    @property
    def hostname(self) -> str:
        return f"{self.kind}.proxies.example.com"

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.cloud.ca_file))

    def load(self, rate: float = RATE) -> Load:
        return Load(self.address, self.hostname, str(self.cloud.ca_file), rate=rate)

    def ask(self, path: str) -> httpx.Response:
        """Ask on a connection of its own."""
        with httpx.Client(verify=self.trust, timeout=30) as client:
            return client.get(
                f"https://{self.address}{path}",
                headers={"Host": self.hostname},
                extensions={"sni_hostname": self.hostname},
            )

    @property
    def answers(self) -> bool:
        """Whether the site answers, on a connection of its own."""
        try:
            return self.ask("/livez").status_code == 200
        except httpx.HTTPError:
            return False

    def websocket(self) -> websockets.ClientConnection:
        plain = socket.create_connection((self.address, 443), timeout=30)
        uri = f"wss://{self.hostname}/ws/echo"
        return websockets.connect(
            uri, sock=plain, ssl=self.trust, server_hostname=self.hostname, proxy=None
        )

    def run(self, *argv: str, stdin: str = "") -> str:
        """Run a command as root on the server, past SSH; return what it printed."""
        container = container_named(self.cloud, f"proxies-test-{self.kind}")
        command = ["docker", "exec", "--interactive", container, *argv]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def offer_newer_package(self) -> str:
        """Have the host's sources offer a newer version of the proxy; return which."""
        return self.run("sh", "-s", self.kind, stdin=_NEWER)

    def renew_certificate(self) -> None:
        """Have certbot ask for a new certificate, as its timer does when it is time."""
        folder = "/opt/homeport/proxies-test/acme"
        places = ["--work-dir", f"{folder}/work", "--logs-dir", f"{folder}/logs"]
        certbot = ["certbot", "renew", "--quiet", "--force-renewal", "--no-random-sleep-on-renew"]
        self.run(*certbot, "--config-dir", folder, *places)

    @property
    def process(self) -> str:
        return self.run("systemctl", "show", "-P", "MainPID", self.kind)

    @property
    def standing_in(self) -> bool:
        """Whether the kernel leads new connections to a stand-in."""
        return "redirect to :3108" in self.run("nft", "list", "ruleset")

    def reachable(self, port: int) -> bool:
        """Whether something can be connected to from outside."""
        try:
            socket.create_connection((self.address, port), timeout=2).close()
        except OSError:
            return False
        return True

    @property
    def certificate(self) -> bytes:
        """The certificate that visitors are shown."""
        plain = socket.create_connection((self.address, 443), timeout=30)
        with self.trust.wrap_socket(plain, server_hostname=self.hostname) as shown:
            return shown.getpeercert(binary_form=True) or b""

    def settle(self) -> None:
        """Wait until the proxy serves by itself again, and nobody stands in."""
        state = ("systemctl", "show", "-P", "ActiveState", "homeport-return")
        until(lambda: self.run(*state) == "inactive", SETTLED_SECONDS, "the proxy's return")
        assert not self.standing_in
        units = self.run("systemctl", "list-units", "--no-legend", "homeport-standin@*")
        assert units == ""


@dataclasses.dataclass(frozen=True)
class Deployed:
    """The stack and its servers, by their proxies."""

    stack: LocalStack
    servers: dict[str, Server]

    @contextlib.contextmanager
    def under_load(self) -> Iterator[None]:
        """Ask all sites all the time; in the end every request has had its answer."""
        loads = {kind: server.load() for kind, server in self.servers.items()}
        with contextlib.ExitStack() as running:
            for load in loads.values():
                running.enter_context(load)
            yield
        assert {kind: load.lost for kind, load in loads.items()} == {kind: {} for kind in loads}
        assert all(load.answers["200"] > 10 for load in loads.values())
