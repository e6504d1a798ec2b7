"""`homeport preview|up|destroy`: thin over `pulumi`, pointed at the real cloud or at a local one.

The program and its stack files are the same in both cases. For a local cloud, three things differ
and are kept beside that cloud, so that nothing in the checkout changes: the state, its passphrase,
and a copy of the stack file, with the image digests that the local registry serves, and with what
a person would set besides (`given.py`).
"""

import dataclasses
import json
import re
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from homeport import engine, given, interrupted, leases, paths
from homeport.cloud import instance, process, served

_DIGEST = re.compile(r"(?P<reference>[\w./:-]+:[\w.-]+)@sha256:[0-9a-f]{64}")


class StackError(RuntimeError):
    """Says why an operation on a stack could not be started, and the way out."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A stack of a project, and where it goes."""

    project: Path
    """The folder with Pulumi.yaml."""
    stack: str
    """`staging` or `production`."""
    cloud: instance.Cloud | None
    """The local cloud; None is the real one, with HCLOUD_TOKEN and a backend of the user's own."""

    @property
    def name(self) -> str:
        """The project's name, as Pulumi knows it."""
        return str(yaml.safe_load((self.project / "Pulumi.yaml").read_text())["name"])

    @property
    def place(self) -> str:
        """Where that is, for people."""
        return f"the local cloud {self.cloud.name}" if self.cloud else "Hetzner Cloud"

    @property
    def environment(self) -> dict[str, str]:
        """What the engine and its plugins need beyond this process's own environment."""
        if self.cloud is None:
            return {}
        backend = self.cloud.folder / "pulumi"
        backend.mkdir(parents=True, exist_ok=True)
        return {
            **self.cloud.environment(),
            # Each file would have another one about itself, which is not written at once: whoever
            # reads the state meanwhile, or after an engine was killed there, is told "EOF".
            "PULUMI_BACKEND_URL": f"file://{backend}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(_passphrase(self.cloud.folder)),
        }


def target(system: str | None, stack: str, cloud_name: str | None) -> Target:
    """Return where an operation goes: the local cloud when it runs, else the real one.

    Raises:
        StackError: when there is no such stack.
    """
    project = folder_of(system)
    if stack not in of(project):
        known = ", ".join(of(project))
        msg = (
            f"STACK={stack}: there is no Pulumi.{stack}.yaml in {project.name}; there are: {known}"
        )
        raise StackError(msg)
    return Target(project=project, stack=stack, cloud=_cloud(cloud_name))


def of(project: Path) -> list[str]:
    """Return the names of a project's stacks, `staging` before `production`."""
    return sorted((p.name.split(".")[1] for p in project.glob("Pulumi.*.yaml")), reverse=True)


def _cloud(name: str | None) -> instance.Cloud | None:
    """Return the local cloud of that name or a running default one; None is the real cloud."""
    if name == "none":
        return None
    if name is not None:
        return instance.load(name)
    found = instance.Cloud.read(instance.DEFAULT_NAME)
    return found if found and process.answers(found) else None


def folder_of(system: str | None) -> Path:
    """Return the folder of a system's Pulumi project; None is the starter.

    Raises:
        StackError: when there is no such system, naming those there are.
    """
    if system is None:
        return paths.ROOT
    folder = paths.SYSTEMS / system.replace("-", "_")
    if not (folder / "Pulumi.yaml").exists():
        known = sorted(p.parent.name for p in paths.SYSTEMS.glob("*/Pulumi.yaml"))
        names = ", ".join(known) or "none yet"
        msg = f"SYSTEM={system}: no such system; there are: {names} (leave it out for the starter)"
        raise StackError(msg)
    return folder


def run(
    aim: Target,
    operation: str,
    arguments: Sequence[str] = (),
    *,
    extra: Mapping[str, str] | None = None,
) -> int:
    """Run `pulumi OPERATION` on the target, with `extra` environment; return its exit code.

    A lock that a killed deploy of this machine left is removed first, and what it was in the middle
    of is looked at; other locks are respected.
    """
    build(aim.project)
    options = ["--stack", aim.stack, *config_file(aim), *arguments]
    if operation == "destroy":
        # The program writes the keys that the Docker provider logs in with (docs/adr/0006).
        options.append("--run-program")
    environment = {**aim.environment, **(extra or {})}
    done = engine.run([operation, *options], cwd=aim.project, extra=environment)
    if done.returncode != 0 and leases.left_behind(leases.held(done.stderr)):
        sys.stderr.write("that deploy was killed on this machine: removing its lock\n")
        answer(aim, ["cancel", "--yes"])
        recover(aim)
        done = engine.run([operation, *options], cwd=aim.project, extra=environment)
    return done.returncode


def build(project: Path) -> None:
    """Have what a project deploys as artefacts: by its own script `build`, if it has one.

    Raises:
        StackError: the script failed; with what it said.
    """
    script = project / "build"
    if not script.is_file():
        return
    done = subprocess.run([str(script)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        msg = f"{script.relative_to(paths.ROOT)} failed: {done.stderr.strip()}"
        raise StackError(msg)


def recover(aim: Target) -> None:
    """Make the state sure of what a killed deploy was in the middle of."""
    deployment = exported(aim)["deployment"]
    for line in interrupted.remarks(deployment):
        sys.stderr.write(f"{line}\n")
    arguments = interrupted.recovery(deployment)
    if arguments:
        answer(aim, [*arguments, *config_file(aim)])


def outputs(aim: Target, *, secret: bool = False) -> dict[str, Any]:
    """Return the stack's outputs; secret ones stay hidden unless they are asked for."""
    shown = ["--show-secrets"] if secret else []
    result: dict[str, Any] = json.loads(answer(aim, ["stack", "output", "--json", *shown]))
    return result


def exported(aim: Target) -> dict[str, Any]:
    """Return the stack's state, its secrets encrypted."""
    state: dict[str, Any] = json.loads(answer(aim, ["stack", "export"]))
    return state


def answer(aim: Target, arguments: Sequence[str]) -> str:
    """Return what `pulumi ARGUMENTS --stack STACK` prints.

    Raises:
        StackError: it failed; with what it said.
    """
    done = engine.run(
        [*arguments, "--stack", aim.stack], cwd=aim.project, extra=aim.environment, quiet=True
    )
    if done.returncode != 0:
        raise StackError(done.stderr.strip() or done.stdout.strip())
    return done.stdout


def _passphrase(folder: Path) -> Path:
    """Return the file that holds the passphrase of a local cloud's states, made once."""
    file = folder / "passphrase"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24))
    return file


def config_file(aim: Target) -> list[str]:
    """Return the option that names a local cloud's copy of the stack file, made anew each time.

    Raises:
        StackError: when the stack file names an image that the local registry does not serve.
    """
    if aim.cloud is None:
        return []
    folder = aim.cloud.folder / "stacks" / aim.name
    made = folder / f"Pulumi.{aim.stack}.yaml"
    its_salt = salt(aim, folder, aim.environment)
    digests = served.digests(aim.cloud)
    source = (aim.project / f"Pulumi.{aim.stack}.yaml").read_text()
    text = _DIGEST.sub(lambda found: _local(found["reference"], digests), source)
    kept = yaml.safe_load(made.read_text()).get("config") or {}
    made.write_text(text.rstrip("\n") + f"\nencryptionsalt: {its_salt}\n")
    _give_passwords(aim, made, kept, aim.cloud)
    return ["--config-file", str(made)]


def _give_passwords(
    aim: Target, made: Path, kept: Mapping[str, Any], cloud: instance.Cloud
) -> None:
    """Put what a local cloud sets in a person's place into a copy, secrets encrypted once."""
    values = yaml.safe_load(made.read_text())
    config = values["config"]
    secrets = given.fit(cloud, aim.name, config)
    # What is encrypted again is another text: a plan that was approved would be void.
    config |= {key: kept[key] for key in secrets if key in kept}
    made.write_text(yaml.safe_dump(values, sort_keys=False))
    for key, value in secrets.items():
        if key not in config:
            encrypt(aim, made, key, value, aim.environment)


def _local(reference: str, digests: dict[str, str]) -> str:
    full = full_reference(reference)
    if full not in digests:
        known = ", ".join(sorted(digests))
        msg = f"the local registry does not serve {full}; it serves: {known}"
        raise StackError(msg)
    return f"{reference}@{digests[full]}"


def full_reference(reference: str) -> str:
    """Return an image reference with the registry and folder that Docker adds to a short one."""
    first, slash, _ = reference.partition("/")
    if not slash:
        return f"docker.io/library/{reference}"
    return reference if "." in first or ":" in first else f"docker.io/{reference}"


def salt(aim: Target, folder: Path, environment: Mapping[str, str]) -> str:
    """Return a stack's encryption salt; makes the stack when it is not there yet.

    The stack is made from a bare copy of the project file, because `pulumi stack init` writes the
    salt into the stack file of its folder, and the checkout's own belongs to the real cloud.

    Raises:
        StackError: when the engine does not make it.
    """
    made = folder / f"Pulumi.{aim.stack}.yaml"
    if not made.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "Pulumi.yaml").write_text(f"name: {aim.name}\nruntime: python\n")
        done = engine.run(["stack", "init", aim.stack], cwd=folder, extra=environment, quiet=True)
        if done.returncode != 0:
            raise StackError(done.stderr.strip())
    return str(yaml.safe_load(made.read_text())["encryptionsalt"])


def encrypt(aim: Target, made: Path, key: str, value: str, environment: Mapping[str, str]) -> None:
    """Put a secret into a copy of the stack file.

    Raises:
        StackError: when the engine does not take it.
    """
    argv = ["config", "set", "--secret", "--config-file", str(made), "--stack", aim.stack, key]
    done = engine.run(argv, cwd=made.parent, extra=environment, quiet=True, stdin=value)
    if done.returncode != 0:
        raise StackError(done.stderr.strip())
