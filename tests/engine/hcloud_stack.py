"""A stack of `hcloud_program.py` against the API stand-in, run by the real engine."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.unit.cloud.service import TOKEN, Service

PROGRAM = Path(__file__).with_name("hcloud_program.py")


class Engine(Protocol):
    """What this needs of the fixture `engine`."""

    def run(
        self, *arguments: str, cwd: Path, check: bool = True, timeout_seconds: float = 120
    ) -> subprocess.CompletedProcess[str]: ...

    def project(self, folder: Path, program: str, *, name: str = "trial") -> Path: ...

    def outputs(self, project: Path) -> dict[str, object]: ...


@dataclass(frozen=True)
class HcloudStack:
    """The stack; every command is checked for its exit code."""

    engine: Engine
    folder: Path

    def _operate(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        agreed = () if command == "preview" else ("--yes", "--skip-preview")
        return self.engine.run(
            command, *agreed, *arguments, cwd=self.folder, check=False, timeout_seconds=300
        )

    def succeed(self, command: str, *arguments: str) -> str:
        done = self._operate(command, *arguments)
        assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def fail(self, command: str, *arguments: str) -> str:
        done = self._operate(command, *arguments)
        assert done.returncode != 0, f"{command} passed:\n{done.stdout}"
        return done.stdout + done.stderr

    def set(self, key: str, value: str, *flags: str) -> None:
        self.engine.run("config", "set", key, value, *flags, cwd=self.folder)

    def output(self, name: str) -> str:
        return str(self.engine.outputs(self.folder)[name])


def open_stack(engine: Engine, folder: Path, service: Service) -> HcloudStack:
    """Return a new stack of the program, leading to the service."""
    project = engine.project(folder, PROGRAM.read_text(), name="hcloud-conformance")
    stack = HcloudStack(engine, project)
    stack.set("endpoint", service.endpoint)
    stack.set("token", TOKEN, "--secret")
    stack.set("server_type", "cx23")
    stack.set("protected", "true")
    return stack
