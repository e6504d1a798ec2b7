"""The real engine, with a backend of the test's own."""

import json
import subprocess
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from homeport import engine as homeport_engine
from homeport import paths

PASSPHRASE = "only-for-tests"


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Runs `pulumi` on stacks that exist only for the test."""

    backend: Path
    """The folder that holds the stacks' states."""

    def run(
        self,
        *arguments: str,
        cwd: Path,
        stack: str = "dev",
        env: Mapping[str, str] | None = None,
        check: bool = True,
        timeout_seconds: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run `pulumi ARGUMENTS --stack STACK` in a project's folder, without questions.

        Fails the test with all output when it fails and `check` is set.
        """
        command = [str(homeport_engine.binary()), *arguments, "--stack", stack]
        done = subprocess.run(
            [*command, "--non-interactive", "--color=never"],
            cwd=cwd,
            env=self.environment() | dict(env or {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_seconds,
        )
        if check and done.returncode != 0:
            pytest.fail(f"{' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
        return done

    def environment(self) -> dict[str, str]:
        """Return an environment that leads to the test's stacks, without the user's settings."""
        ours = {
            "PULUMI_BACKEND_URL": self.backend.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        }
        inherited = homeport_engine.environment({})
        kept = ("PULUMI_HOME", "PULUMI_SKIP_UPDATE_CHECK")
        return {
            name: value
            for name, value in inherited.items()
            if name in kept or not name.startswith("PULUMI_")
        } | ours

    def project(self, folder: Path, program: str, *, name: str = "trial") -> Path:
        """Write a project with the given program, in the test's environment, with a stack `dev`."""
        folder.mkdir(parents=True, exist_ok=True)
        runtime = {"name": "python", "options": {"virtualenv": str(paths.ROOT / ".venv")}}
        # JSON is YAML.
        (folder / "Pulumi.yaml").write_text(json.dumps({"name": name, "runtime": runtime}))
        (folder / "__main__.py").write_text(textwrap.dedent(program))
        self.run("stack", "init", cwd=folder)
        return folder

    def state(self, project: Path, *, stack: str = "dev") -> str:
        """Return the stack's state as it lies in the backend."""
        exported = self.run("stack", "export", cwd=project, stack=stack)
        return exported.stdout

    def outputs(self, project: Path, *, stack: str = "dev") -> dict[str, Any]:
        """Return the stack's outputs, with secrets in plain text."""
        shown = self.run(
            "stack", "output", "--json", "--show-secrets", cwd=project, stack=stack
        ).stdout
        outputs: dict[str, Any] = json.loads(shown)
        return outputs


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Return the engine, with an empty backend."""
    backend = tmp_path / "backend"
    backend.mkdir()
    return Engine(backend=backend)
