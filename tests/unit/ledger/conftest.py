"""An app without a database, and real `ledger` processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

# Nothing listens there: the port is reserved, and no service has it.
NO_DATABASE = "postgresql://ledger:not-a-real-password@127.0.0.1:1/ledger"


class Process:
    """One `ledger` process that ends with the test."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path) -> None:
        self.port = int(env.get("PORT", "0"))
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        with log.open("wb") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "ledger", *command],
                env={"PATH": os.environ["PATH"], **env},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_until_up(self) -> None:
        for _ in range(200):
            assert self.popen.poll() is None, self.log
            try:
                httpx.get(f"{self.url}/livez", timeout=1)
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(self.log)

    def terminate(self) -> None:
        self.popen.send_signal(signal.SIGTERM)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts `ledger COMMAND` with a clean environment; keyword arguments are variables."""
    processes: list[Process] = []

    def start_one(*command: str, **env: str) -> Process:
        defaults = {
            "HOST": "127.0.0.1",
            "PORT": str(free_port()),
            "RELEASE": "v1",
            "DATABASE_URL": NO_DATABASE,
            "HEARTBEAT_FILE": str(tmp_path / "alive"),
        }
        log = tmp_path / f"ledger-{len(processes)}.log"
        processes.append(Process(list(command), {**defaults, **env}, log))
        return processes[-1]

    yield start_one
    for process in processes:
        if process.popen.poll() is None:
            process.popen.kill()
        process.popen.wait()
