"""Stops a deploy at one of its steps, kills what it depends on, and looks at what is left."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from homeport import stacks
from homeport.cloud import docker
from homeport.cloud.instance import Cloud
from homeport.cloud.servers import container_named
from tests.e2e.load import Load
from tests.e2e.local_stack import LocalStack

HOSTNAME = "chaos.example.com"
PATIENCE_SECONDS = 60
"""How long a visitor waits: a machine that is busy with other tests must not count as lost."""
IMAGES = ("ghcr.io/homeport/ledger:1.0.0", "ghcr.io/homeport/ledger:1.1.0")
OF_RELEASES = "/var/lib/docker/containers/*/config.v2.json"

# When the server shows that a deploy is at a step, and the processes that are held there. What
# is held goes on once something has been killed, as a tool would whose engine is gone.
STEPS = {
    "prepare": ("pgrep -f '^docker pull'", "[b]in/image up"),
    "jobs": ("pgrep -f '[d]ocker-init -- ledger static'", "[b]in/job up"),
    "start": (
        f'test $(grep -l \'"Name":"/chaos-test-web-[0-9a-f]\\{{8\\}}"\' {OF_RELEASES}'
        " | wc -l) -gt 1",
        "[d]ocker system dial-stdio",
    ),
    "switch": (
        "pgrep -f '[b]in/route up' && "
        'test "$(nft list map ip homeport_chaos_test live)" != "$before"',
        "[b]in/route up",
    ),
    "drain": ("pgrep -f '[b]in/route down'", "[b]in/route down"),
}
WATCH = """
before=$(nft list map ip homeport_chaos_test live)
end=$(($(date +%s) + 300))
until {{ {seen}; }} >/dev/null; do
  test $(date +%s) -lt $end || exit 1
  sleep 0.02
done
pkill -STOP -f '{held}' || :
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Aim(stacks.Target):
    """The stack of a test, as `homeport up` takes it."""

    variables: dict[str, str] = dataclasses.field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        return self.variables


@dataclasses.dataclass(frozen=True)
class Site:
    """The app on its server, with a console that needs no sshd."""

    stack: LocalStack
    container: str

    @classmethod
    def of(cls, stack: LocalStack, cloud: Cloud) -> "Site":
        return cls(stack, container_named(cloud, "chaos-test-server"))

    def console(self, script: str) -> str:
        return docker.run("exec", self.container, "sh", "-c", script, timeout=400)

    @property
    def state(self) -> dict[str, Any]:
        """The engine's state, read without the engine."""
        file = self.stack.folder / "state/.pulumi/stacks/chaos/test.json"
        found: dict[str, Any] = json.loads(file.read_text())["checkpoint"]["latest"]
        return found

    def output(self, name: str) -> str:
        return str(self.state["resources"][0]["outputs"][name])

    def load(self) -> Load:
        authority = self.stack.cloud.environment["HOMEPORT_CA"]
        return Load(
            self.output("address"), HOSTNAME, authority, rate=10, patience_seconds=PATIENCE_SECONDS
        )

    def up(self) -> int:
        """Do what `homeport up` does, and return its exit code."""
        variables = self.stack.cloud.environment
        aim = Aim(project=self.stack.folder, stack="test", cloud=None, variables=variables)
        return stacks.run(aim, "up", ["--yes", "--skip-preview", "--non-interactive"])

    def next_release(self) -> None:
        """Ask for a release with another image, which has to be pulled."""
        self.console("docker image prune --all --force")
        file = self.stack.folder / "Pulumi.test.yaml"
        values = yaml.safe_load(file.read_text())
        asked = values["config"]
        number = int(asked["chaos:generation"]) + 1
        asked |= {"chaos:generation": str(number), "chaos:image": IMAGES[number % 2]}
        file.write_text(yaml.safe_dump(values))

    def instances(self) -> set[str]:
        """All containers, of jobs too, running or not."""
        return set(self.console("docker ps --all --format '{{.Names}}'").split())

    def wait_at(self, step: str) -> None:
        """Return when the deploy is at the step, and hold it there."""
        seen, held = STEPS[step]
        self.console(WATCH.format(seen=seen, held=held))

    def go_on(self, step: str) -> None:
        self.console(f"pkill -CONT -f '{STEPS[step][1]}' || :")

    def wait_until_it_serves(self) -> None:
        """Return when every request of half a second is answered."""
        deadline = time.monotonic() + 240
        while True:
            with self.load() as seen:
                time.sleep(0.5)
            if not seen.lost:
                return
            assert time.monotonic() < deadline, seen.lost


@contextlib.contextmanager
def deploying(site: Site) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `pulumi up` in a session of its own."""
    folder = str(site.stack.folder)
    with (Path(folder) / "up.log").open("wb") as log:
        started = subprocess.Popen(
            ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "-C", folder],
            env=site.stack.cloud.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield started
        started.wait(timeout=300)
    finally:
        kill_session(started.pid)
        started.wait()


def kill_session(leader: int) -> None:
    """Kill a process and everything that it started: the engine, its plugins, the program."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            pid = int(entry.name)
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)


def kill_engine(_site: Site, engine: int) -> None:
    kill_session(engine)


def kill_sshd(site: Site, _engine: int) -> None:
    site.console("pkill -KILL '^sshd'")


def kill_docker(site: Site, _engine: int) -> None:
    # systemd would refuse to start it once more after three times within a minute.
    site.console("systemctl reset-failed docker containerd; pkill -KILL '^(dockerd|containerd)$'")


def cut_the_power(site: Site, _engine: int) -> None:
    server = site.stack.cloud.client.servers.get_by_name("chaos-test-server")
    assert server
    server.reset().wait_until_finished()
