"""A stack of `program` on the local cloud, and the console of its server."""

import dataclasses
import functools
import json
import subprocess
from pathlib import Path
from typing import Any

from homeport import engine
from homeport.cloud.instance import Cloud
from homeport.cloud.servers import container_named
from tests.e2e.state import AskedOnce, state_file

PROGRAM = Path(__file__).parent / "program"


@dataclasses.dataclass(frozen=True)
class Deployed:
    """A stack of the program and the console of its server."""

    cloud: Cloud
    stack: str
    folder: Path
    """A copy of the program, since the engine keeps a stack's configuration beside it."""
    backend: Path
    """Where its state is."""

    @property
    def environment(self) -> dict[str, str]:
        """What the engine needs."""
        return {
            **self.cloud.environment(),
            "PULUMI_BACKEND_URL": self.backend.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "only-for-tests",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [*arguments, "--stack", self.stack, "--non-interactive", "--color=never"]
        return engine.run(argv, cwd=self.folder, extra=self.environment, quiet=True)

    def configure(self, **values: str | None) -> None:
        """Set keys of the stack's configuration; None removes one."""
        for key, value in values.items():
            change = ["set", key, value] if value is not None else ["rm", key]
            done = self.pulumi("config", *change)
            assert done.returncode == 0, done.stderr

    def up(self, **values: str | None) -> str:
        """Bring the stack up with these keys changed; return what the engine printed."""
        self.configure(**values)
        done = self.pulumi("up", "--yes", "--skip-preview")
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def failing_up(self, **values: str | None) -> str:
        """Bring the stack up and expect that this fails."""
        self.configure(**values)
        done = self.pulumi("up", "--yes", "--skip-preview")
        assert done.returncode != 0, done.stdout
        return done.stdout + done.stderr

    def outputs(self) -> dict[str, Any]:
        return self._outputs()

    @functools.cached_property
    def _outputs(self) -> AskedOnce[dict[str, Any]]:
        def ask() -> dict[str, Any]:
            done = self.pulumi("stack", "output", "--json", "--show-secrets")
            assert done.returncode == 0, done.stderr
            parsed: dict[str, Any] = json.loads(done.stdout)
            return parsed

        return AskedOnce(state_file(self.backend, "proof", self.stack), ask)

    def console(self, *argv: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command as root on the server, past SSH and firewalls."""
        command = ["docker", "exec", "--interactive", self._server(), *argv]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)

    def run(self, *argv: str, stdin: str = "") -> str:
        """Run a command on the server that must succeed; return what it printed."""
        done = self.console(*argv, stdin=stdin)
        assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
        return done.stdout

    def superuser(self, database: str, sql: str) -> str:
        """Run SQL as the superuser, inside the container."""
        psql = ("psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", database)
        container = self.outputs()["container"]
        return self.run("docker", "exec", "-i", "-u", "postgres", container, *psql, stdin=sql)

    def _server(self) -> str:
        return container_named(self.cloud, f"proof-{self.stack}-server")
