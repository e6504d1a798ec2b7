"""A project of this repository on the local cloud: stack, site, and the console of its server."""

import concurrent.futures
import contextlib
import dataclasses
import functools
import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import hcloud
import yaml

from homeport import engine, paths, smoke, stacks
from homeport.cloud.servers import container_named
from tests.e2e.local_stack import changes
from tests.e2e.state import AskedOnce, state_file

_DONE = re.compile(r"^ *[-+~]+ +\S+ (\S+) (?:created|updated|replaced|deleted)\b", re.MULTILINE)
GONE = object()
"""A key with this value is left out of the stack file."""


@dataclasses.dataclass
class Deployed:
    """A shipped stack, with some keys of its stack file changed."""

    aim: stacks.Target
    changes: dict[str, Any] = dataclasses.field(default_factory=dict)
    printed: list[str] = dataclasses.field(default_factory=list)

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `pulumi` on the stack; what it prints is kept for the search for secrets."""
        argv = [*arguments, "--stack", self.aim.stack, "--non-interactive", "--color=never"]
        done = engine.run(argv, cwd=self.aim.project, extra=self.aim.environment, quiet=True)
        self.printed += [done.stdout, done.stderr]
        return done

    def try_up(self, **changes: Any) -> subprocess.CompletedProcess[str]:
        """Run `up`; a change is `section__key=value`, and stays for the next time."""
        self.changes |= changes
        return self.pulumi("up", "--yes", "--skip-preview", *self._config_file())

    def up(self, **changes: Any) -> str:
        """Run `up`, which must succeed; return what it printed."""
        done = self.try_up(**changes)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def changed(self) -> set[str]:
        """Run `up`; return the names of the resources that it made, changed or removed."""
        printed = self.up()
        done = _DONE.findall(printed)
        counted = changes(printed)
        assert counted.pop("unchanged") > 0
        assert len(done) == sum(counted.values())
        return set(done)

    def changes_nothing(self) -> None:
        """Run `up` again, which must change nothing and open no SSH connection."""
        lines = "journalctl -u ssh -o cat --no-pager | wc -l"
        before = self.console(lines)
        assert self.changed() == set()
        assert self.console(lines) == before, "sshd saw a connection"

    def refresh(self, target: str) -> None:
        """Have the engine look at one resource anew."""
        options = ["--yes", "--skip-preview", "--target", target]
        done = self.pulumi("refresh", *options, *self._config_file())
        assert done.returncode == 0, done.stdout + done.stderr

    def is_protected(self) -> None:
        """Check that the preview of `destroy` refuses, before anything is touched."""
        done = self.pulumi("destroy", "--yes", "--run-program", *self._config_file())
        assert done.returncode != 0
        assert "protect" in done.stdout + done.stderr
        assert self.broken() == []

    def destroy(self) -> None:
        """Remove everything, which must succeed."""
        options = ["--yes", "--skip-preview", "--run-program"]
        done = self.pulumi("destroy", *options, *self._config_file())
        assert done.returncode == 0, done.stdout + done.stderr

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs."""
        return self._outputs()

    @functools.cached_property
    def _outputs(self) -> AskedOnce[dict[str, Any]]:
        return AskedOnce(self._state, lambda: stacks.outputs(self.aim))

    @functools.cached_property
    def _smoke(self) -> AskedOnce[smoke.Stack]:
        return AskedOnce(self._state, lambda: smoke.deployed(self.aim))

    @property
    def _state(self) -> Path:
        assert self.aim.cloud
        return state_file(self.aim.cloud.folder / "pulumi", self.aim.name, self.aim.stack)

    def secrets(self) -> set[str]:
        """Return every secret value that the state holds, in plain text."""
        return set().union(*(_secrets(resource) for resource in self._resources()))

    def _resources(self) -> list[dict[str, Any]]:
        """Return what the state holds, secrets in plain text."""
        argv = ["stack", "export", "--show-secrets", "--stack", self.aim.stack]
        done = engine.run(argv, cwd=self.aim.project, extra=self.aim.environment, quiet=True)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)["deployment"]["resources"]
        return found

    def copied_to(self, systems: Path) -> stacks.Target:
        """Copy the system, its stack file with the changes, for commands that write into that.

        Args:
            systems: the folder that the copy is put into, beside an environment of the checkout.
        """
        copy = dataclasses.replace(self.aim, project=systems / self.aim.project.name)
        # Keys at run time, and the sockets of connections with them.
        kept_back = shutil.ignore_patterns(".homeport")
        shutil.copytree(self.aim.project, copy.project, ignore=kept_back)
        (systems.parent / ".venv").symlink_to(paths.ROOT / ".venv")
        file = copy.project / f"Pulumi.{copy.stack}.yaml"
        file.write_text(self._changed(file.read_text()))
        return copy

    def generated(self, name: str) -> str:
        """Return a secret that the program has made, by the name of its resource."""
        (found,) = [each for each in self._resources() if each["urn"].endswith(f"::{name}")]
        return str(json.loads(found["outputs"]["result"]["plaintext"]))

    @property
    def site(self) -> smoke.Site:
        """The site, as smoke checks reach it."""
        return self._smoke().site

    def broken(self) -> list[smoke.Result]:
        """Run the project's own smoke checks; return those that do not hold."""
        checks = smoke.declared(self.aim.project, self._smoke())
        return [result for result in smoke.run(checks) if not result.passed]

    @property
    def system(self) -> str:
        """What the names of everything on the server begin with."""
        return f"{self.aim.name}-{self.aim.stack}"

    def console(self, script: str, stdin: str = "") -> str:
        """Run a shell script as root on the server, past SSH and firewalls."""
        argv = ["docker", "exec", "--interactive", self.container, "sh", "-c", script]
        done = subprocess.run(argv, input=stdin.encode(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout.decode(errors="replace")

    @property
    def container(self) -> str:
        """What plays the server on this machine."""
        assert self.aim.cloud
        return container_named(self.aim.cloud, f"{self.system}-server")

    def _config_file(self) -> list[str]:
        """Write the stack file with the changes; return the option that names it."""
        option, path = stacks.config_file(self.aim)
        changed = Path(path).with_suffix(".changed.yaml")
        changed.write_text(self._changed(Path(path).read_text()))
        return [option, str(changed)]

    def _changed(self, text: str) -> str:
        """Return a stack file's text with the changes."""
        values = yaml.safe_load(text)
        for dotted, value in self.changes.items():
            section, _, key = dotted.partition("__")
            target = values["config"].setdefault(f"{self.aim.name}:{section}", {})
            if value is GONE:
                target.pop(key, None)
            else:
                target |= {key: value}
        return yaml.safe_dump(values)


@contextlib.contextmanager
def production(made: Deployed, client: hcloud.Client, **unprotected: bool) -> Iterator[None]:
    """Have production come up, be well and protected meanwhile, and go once it is told twice.

    Args:
        made: the stack.
        client: asks the cloud, which has nothing of it in the end.
        unprotected: the keys that let it go, as `up` takes them.
    """
    try:
        made.up()
        assert made.broken() == []
        made.changes_nothing()
        made.is_protected()
        yield
    finally:
        made.up(**unprotected)
        made.destroy()
    assert left(client, made.system) == []


def open_ports(address: str, candidates: Sequence[int]) -> list[int]:
    """Return which ports of an address take connections."""

    def answers(port: int) -> bool:
        try:
            with socket.create_connection((address, port), timeout=2):
                return True
        except OSError:
            return False

    with concurrent.futures.ThreadPoolExecutor(len(candidates)) as pool:
        found = zip(candidates, pool.map(answers, candidates), strict=True)
        return [port for port, open_ in found if open_]


def left(client: hcloud.Client, mark: str) -> list[str]:
    """Return what is there in the cloud under a name."""
    kinds = (
        client.servers,
        client.primary_ips,
        client.firewalls,
        client.ssh_keys,
        client.volumes,
        client.zones,
    )
    names = [str(item.name) for kind in kinds for item in kind.get_all()]
    return [name for name in names if mark in name]


def _secrets(resource: dict[str, Any]) -> set[str]:
    """Return what is secret of a resource: random values, and the private part of a key."""
    if resource["type"].startswith("random:"):
        held = [resource["outputs"].get(key) for key in ("result", "base64", "hex")]
        return {json.loads(value["plaintext"]) for value in held if value}
    if resource["type"] == "command:remote:Command":
        connection = json.loads(resource["inputs"]["connection"]["plaintext"])
        lines = str(connection["privateKey"]).splitlines()
        # The first lines hold what all keys share, and the public part.
        return set(lines[-3:-1])
    return set()
