"""One real process of a sample app."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

# Nothing listens there: the port is reserved, and no service has it.
NO_DATABASE = "postgresql://ledger:not-a-real-password@127.0.0.1:1/ledger"


class Process:
    """One process that ends with the test: of the ledger, of another app by its module, or of a
    program."""

    def __init__(
        self,
        command: list[str],
        env: dict[str, str],
        log: Path,
        module: str = "ledger",
        program: Path | None = None,
    ) -> None:
        self.port = int(env.get("PORT", "0"))
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        with log.open("wb") as output:
            self.popen = subprocess.Popen(
                [*([str(program)] if program else [sys.executable, "-m", module]), *command],
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
