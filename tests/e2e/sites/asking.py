"""Asks the sites from outside, as browsers do, and looks at their servers from inside."""

import contextlib
import dataclasses
import socket
import ssl
import subprocess
from collections.abc import Iterator

import httpx
from websockets.sync import client as websockets

from homeport.cloud.instance import Cloud
from homeport.cloud.servers import container_named
from tests.e2e.local_stack import LocalStack

ZONE = "sites.example.com"


@dataclasses.dataclass(frozen=True)
class Server:
    """One server: the sites on it, asked at its address under their names, and its console."""

    name: str
    """That of its main site too: `<name>.sites.example.com`."""
    kind: str
    """Its proxy."""
    address: str
    cloud: Cloud
    trust: ssl.SSLContext
    """Trusts the cloud's authority and the one of the certificates that the tests made."""

    def hostname(self, role: str = "") -> str:
        return f"{role}{self.name}.{ZONE}"

    def ask(
        self,
        path: str,
        role: str = "",
        method: str = "GET",
        scheme: str = "https",
        **options: object,
    ) -> httpx.Response:
        """Ask a site, whose hostname begins with `role`, on a connection of its own."""
        with self.streaming(path, role, method, scheme, **options) as answer:
            answer.read()
        return answer

    @contextlib.contextmanager
    def streaming(
        self,
        path: str,
        role: str = "",
        method: str = "GET",
        scheme: str = "https",
        **options: object,
    ) -> Iterator[httpx.Response]:
        """Ask a site and leave the answer's body to the caller."""
        name = self.hostname(role)
        headers = {"Host": name, "Accept-Encoding": "identity", **options.pop("headers", {})}  # type: ignore[dict-item]
        url = f"{scheme}://{self.address}"
        with (
            httpx.Client(verify=self.trust, timeout=20) as client,
            client.stream(
                method,
                url,
                headers=headers,
                # The path goes as it is: a client must not make it harmless.
                extensions={"sni_hostname": name, "target": path.encode()},
                **options,  # type: ignore[arg-type]
            ) as answer,
        ):
            yield answer

    def own_address(self) -> str:
        """Return where requests to this server come from."""
        with socket.create_connection((self.address, 443), timeout=20) as connection:
            return str(connection.getsockname()[0])

    def websocket(self, path: str) -> websockets.ClientConnection:
        plain = socket.create_connection((self.address, 443), timeout=20)
        uri = f"wss://{self.hostname()}{path}"
        return websockets.connect(
            uri, sock=plain, ssl=self.trust, server_hostname=self.hostname(), proxy=None
        )

    def certificate(self, role: str = "", protocols: tuple[str, ...] = ()) -> ssl.SSLSocket:
        """Return an open TLS connection, which knows certificate and protocol."""
        context = self.trust
        if protocols:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.set_alpn_protocols(list(protocols))
        plain = socket.create_connection((self.address, 443), timeout=20)
        return context.wrap_socket(plain, server_hostname=self.hostname(role))

    def console(self, *argv: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a command as root on the server, past SSH and firewalls."""
        container = container_named(self.cloud, f"sites-test-{self.name}")
        command = ["docker", "exec", "--interactive", container, *argv]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)

    def run(self, script: str, stdin: str = "") -> str:
        """Run a shell script on the server that must succeed; return what it printed."""
        done = self.console("sh", "-c", script, stdin=stdin)
        assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
        return done.stdout


@dataclasses.dataclass(frozen=True)
class Deployed:
    """The stack and its servers."""

    stack: LocalStack
    servers: dict[str, Server]
    password: str
    found: str
    """What lay on the server `beside` before Homeport put a proxy there."""


def configuration(server: Server) -> str:
    """Return names, hashes and links of all configuration on a server, and what is enabled."""
    folders = "/etc/nginx /etc/systemd/system /usr/local/lib /var/lib/homeport-acme"
    return server.run(
        f"find {folders} 2>/dev/null -type f -exec sha256sum {{}} + | sort -k 2;"
        f"find {folders} 2>/dev/null -printf '%p %m %u:%g %l\\n' | sort;"
        "systemctl is-enabled nginx; systemctl is-active nginx"
    )
