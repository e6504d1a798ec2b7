"""Finds the Pulumi engine and runs it: the one place that starts `pulumi`."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
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
) -> subprocess.CompletedProcess[str]:
    """Run `pulumi ARGUMENTS` in `cwd`; output goes to the terminal unless `quiet`."""
    return subprocess.run(
        [str(binary()), *arguments],
        cwd=cwd,
        env=environment(extra),
        text=True,
        check=False,
        capture_output=quiet,
    )
