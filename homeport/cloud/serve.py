"""The API's process: the stand-in for the vendor's API, and a watch on systems that restart."""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Protocol

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from homeport.cloud import google_standin, images
from homeport.cloud.api import create_app
from homeport.cloud.contract import MachineryError
from homeport.cloud.instance import API_SOCKET, LABEL, Cloud, load
from homeport.cloud.machinery import DockerMachinery
from homeport.cloud.names import GOOGLE_STANDIN

log = logging.getLogger("homeport.cloud.serve")

REBOOTED, HALTED = 129, 130
"""Exit codes of a container whose system restarts or switches off: signals to PID 1."""


def main() -> None:
    """Serve the instance that the first argument names until a signal ends the process."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    cloud = load(sys.argv[1])
    machinery = DockerMachinery(cloud, images.ensure(log.info))
    app = create_app(cloud.folder / "api.sqlite", machinery, cloud.token)
    watcher = threading.Thread(
        target=watch, args=(cloud, machinery, app.state.power_changed), daemon=True
    )
    watcher.start()
    # Clients keep connections for a while; one that ends first resets a request now and then.
    google = google_standin.create_app(cloud.folder / "google.pem", cloud.google_secret)
    by_name = ByName(app, {GOOGLE_STANDIN: google})
    server = uvicorn.Server(uvicorn.Config(by_name, timeout_keep_alive=75))
    server.run(sockets=listening(cloud))


class ByName:
    """Gives a request to the application of the host name that it asks for, or to the first one."""

    def __init__(self, first: ASGIApp, others: Mapping[str, ASGIApp]) -> None:
        self._first = first
        self._others = {name.encode(): app for name, app in others.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; start and stop are the first one's."""
        host = dict(scope.get("headers", ())).get(b"host", b"")
        await self._others.get(host, self._first)(scope, receive, send)


def listening(cloud: Cloud) -> list[socket.socket]:
    """Return where requests come from: this machine, and servers by way of the front."""
    path = cloud.folder / API_SOCKET
    path.unlink(missing_ok=True)
    front = socket.socket(socket.AF_UNIX)
    front.bind(os.path.relpath(path))  # few characters are allowed
    path.chmod(0o666)  # the front's workers are another account
    front.listen(128)
    return [socket.create_server(("127.0.0.1", cloud.port), backlog=128), front]


class PowerChanged(Protocol):
    """How the API is told of a machine that was switched on or off from within."""

    def __call__(self, server_id: int, *, running: bool) -> None:
        """Record it."""


def watch(cloud: Cloud, machinery: DockerMachinery, tell: PowerChanged) -> None:
    """Switch servers on again whose system restarts itself, and note those that switched off."""
    argv = [
        *("docker", "events", "--format", "{{json .}}", "--filter", "event=die"),
        *("--filter", f"label={LABEL}={cloud.key}", "--filter", f"label={LABEL}.server"),
    ]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as events:
        assert events.stdout  # noqa: S101  (it is a pipe)
        for line in events.stdout:
            attributes = json.loads(line)["Actor"]["Attributes"]
            server, code = int(attributes[f"{LABEL}.server"]), int(attributes["exitCode"])
            if code in (REBOOTED, HALTED):
                try:
                    running = machinery.ended(server, rebooted=code == REBOOTED)
                    tell(server, running=running)
                except MachineryError:
                    log.exception("server %d ended with %d and could not be followed", server, code)


if __name__ == "__main__":
    main()
