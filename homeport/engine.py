"""Finds the Pulumi engine and runs it: the one place that starts `pulumi`."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from homeport import paths


class EngineMissingError(RuntimeError):
    """Says that there is no `pulumi` to run, and how to get one."""


def binary() -> Path:
    """Return the `pulumi` to run: the one built here, or the one on PATH.

    Raises:
        EngineMissingError: when there is neither.
    """
    built = paths.TOOLCHAIN / "bin" / "pulumi"
    if built.exists():
        return built
    found = shutil.which("pulumi")
    if found is None:
        msg = "no pulumi found; run `make toolchain`, or install the official CLI"
        raise EngineMissingError(msg)
    return Path(found)


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment, completed so that the engine finds its own plugins."""
    env = dict(os.environ)
    built = paths.TOOLCHAIN / "bin" / "pulumi"
    if built.exists():
        env["PATH"] = f"{built.parent}{os.pathsep}{env['PATH']}"
        env["PULUMI_HOME"] = str(paths.TOOLCHAIN / "home")
        # Its plugins were built with it: one that is missing fails at once.
        env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    env.setdefault("PULUMI_SKIP_UPDATE_CHECK", "true")
    return env | dict(extra)


def run(
    arguments: Sequence[str],
    *,
    cwd: Path,
    extra: Mapping[str, str],
    quiet: bool = False,
    stdin: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `pulumi ARGUMENTS` in `cwd`; output goes to the terminal unless `quiet`.

    What it says on standard error is returned in both cases. `stdin` is for quiet runs.
    """
    command = [str(binary()), *arguments]
    env = environment(extra)
    if quiet:
        return subprocess.run(
            command, cwd=cwd, env=env, text=True, check=False, capture_output=True, input=stdin
        )
    said = []
    with (
        subprocess.Popen(command, cwd=cwd, env=env, text=True, stderr=subprocess.PIPE) as running,
        _interrupts_left_to_the_engine(),
    ):
        assert running.stderr  # noqa: S101 - it is a pipe
        for line in running.stderr:
            sys.stderr.write(line)
            said.append(line)
        running.wait()
    return subprocess.CompletedProcess(command, running.returncode, "", "".join(said))


@contextlib.contextmanager
def _interrupts_left_to_the_engine() -> Iterator[None]:
    """Let Ctrl-C reach the engine alone, which then ends what it does in an orderly way."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
