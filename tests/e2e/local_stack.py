"""Stacks that the real engine runs against the local cloud, each in a folder of its own."""

import contextlib
import dataclasses
import functools
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcloud
import yaml

from homeport import engine
from homeport.cloud.instance import Cloud
from tests.e2e.state import AskedOnce, state_file

ROOT = Path(__file__).parents[2]
SECRET = {"password", "private_key", "token", "update_key"}
"""Keys of configuration whose values are stored as secrets."""


@dataclasses.dataclass(frozen=True)
class LocalCloud:
    """A running cloud and the variables by which programs use it."""

    environment: dict[str, str] = dataclasses.field(repr=False)

    @property
    def client(self) -> hcloud.Client:
        """The vendor's own client, pointed at this cloud."""
        variables = self.environment
        return hcloud.Client(
            token=variables["HCLOUD_TOKEN"], api_endpoint=variables["HCLOUD_ENDPOINT"]
        )


def local_cloud(cloud: Cloud) -> LocalCloud:
    """Return what programs need to use a running cloud."""
    passphrase = {"PULUMI_CONFIG_PASSPHRASE": "a passphrase for tests"}
    return LocalCloud(engine.environment({**cloud.environment(), **passphrase}))


@dataclasses.dataclass(frozen=True)
class LocalStack:
    """The stack `test` of one program; every operation's exit code is checked."""

    project: str
    folder: Path
    cloud: LocalCloud

    @property
    def state(self) -> Path:
        """The file that holds its state."""
        return state_file(self.folder / "state", self.project, "test")

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = ["pulumi", "--non-interactive", "-C", str(self.folder), *arguments]
        variables = self.cloud.environment
        return subprocess.run(
            argv, env=variables, capture_output=True, text=True, timeout=900, check=False
        )

    def configure(self, **values: str | dict[str, Any]) -> None:
        """Set configuration, all of it at once; what is named like a secret is stored as one."""
        texts = {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in values.items()
        }
        present = self.configuration()
        flags = [
            f"--{'secret' if key in SECRET else 'plaintext'}={key}={text}"
            for key, text in texts.items()
            if present.get(f"{self.project}:{key}") != text
        ]
        if flags:
            done = self.pulumi("config", "set-all", *flags)
            assert done.returncode == 0, done.stderr

    def configuration(self) -> dict[str, Any]:
        """Return what is set, as the stack file has it: secrets encrypted, names in full."""
        file = self.folder / "Pulumi.test.yaml"
        values: dict[str, Any] = yaml.safe_load(file.read_text()).get("config") or {}
        return values

    def up(self) -> str:
        """Bring the stack up and return what the engine printed."""
        done = self.pulumi("up", "--yes", "--skip-preview")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def up_fails(self) -> str:
        """Try to bring the stack up, which must fail, and return what was printed."""
        done = self.pulumi("up", "--yes", "--skip-preview")
        assert done.returncode != 0, done.stdout
        return done.stdout + done.stderr

    def destroy(self) -> str:
        """Remove everything; the program does not run."""
        done = self.pulumi("destroy", "--yes", "--skip-preview")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def output(self, name: str) -> str:
        """Return an output as the state has it now."""
        return str(self._outputs()[name])

    @functools.cached_property
    def _outputs(self) -> AskedOnce[dict[str, Any]]:
        def ask() -> dict[str, Any]:
            done = self.pulumi("stack", "output", "--json")
            assert done.returncode == 0, done.stderr
            found: dict[str, Any] = json.loads(done.stdout)
            return found

        return AskedOnce(self.state, ask)

    def ssh(self, command: str) -> str:
        """Run a command on the server, in a login of its own, as the stack's output says."""
        program, *arguments = self.output("ssh").split()
        done = subprocess.run(
            [program, "-o", "ControlPath=none", *arguments, command],
            cwd=self.folder,
            env=self.cloud.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def open_stack(project: str, program: Path, folder: Path, cloud: LocalCloud) -> LocalStack:
    """Return a new stack of a program, with its state below the folder."""
    shutil.copytree(program, folder, dirs_exist_ok=True)
    state = folder / "state"
    state.mkdir()
    about = {
        "name": project,
        "runtime": {"name": "python", "options": {"virtualenv": str(ROOT / ".venv")}},
        # As on a local cloud: tests look at the state while an engine writes it.
        "backend": {"url": f"file://{state}?metadata=skip"},
    }
    (folder / "Pulumi.yaml").write_text(json.dumps(about))
    stack = LocalStack(project, folder, cloud)
    done = stack.pulumi("stack", "init", "test")
    assert done.returncode == 0, done.stderr
    return stack


@contextlib.contextmanager
def running_up(stack: LocalStack) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `pulumi up` in the background, in a process group that can be killed as a whole."""
    arguments = ["up", "--yes", "--skip-preview", "--non-interactive", "-C", str(stack.folder)]
    started = subprocess.Popen(
        ["pulumi", *arguments],
        env=stack.cloud.environment,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield started
    finally:
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def schema_of(stack: LocalStack, system: str) -> str:
    """Return the revision that the release of `web` found, as its host has written it down."""
    receipt = f"job-web-{stack.output('release')}-schema.json"
    found = json.loads(stack.ssh(f"cat /opt/homeport/{system}/receipts/{receipt}"))
    return str(found["schema"])


def restarts(stack: LocalStack, unit: str) -> int:
    """Return how often systemd, or that of an account, started a unit again by itself."""
    found = stack.ssh(f"journalctl --no-pager | grep -c '{unit}: Scheduled restart' || :")
    return int(found)


def changes(printed: str) -> dict[str, int]:
    """Return what the engine counted: created, updated, unchanged, …"""
    _, _, counted = printed.rpartition("Resources:")
    found = re.findall(r"(\d+) (created|updated|replaced|deleted|unchanged)", counted)
    return {word: int(number) for number, word in found}
