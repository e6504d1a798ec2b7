"""The build is quick when nothing changed, gives way to the official CLI, and names ways out."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from homeport import paths

pytestmark = pytest.mark.engine


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the sources that has built nothing yet."""
    shutil.copytree(paths.ROOT / "toolchain", tmp_path / "toolchain")
    return tmp_path


def build(root: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [root / "toolchain" / "build"],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_build_with_nothing_to_do_is_silent() -> None:
    done = build(paths.ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_official_cli_is_used_where_it_is_new_enough(checkout: Path) -> None:
    folder = checkout / "bin"
    folder.mkdir()
    cli = folder / "pulumi"
    cli.write_text("#!/bin/sh\necho v3.300.1\n")
    cli.chmod(0o755)
    done = build(checkout, PATH=f"{folder}:{os.environ['PATH']}")
    assert done.returncode == 0
    assert str(cli) in done.stdout
    assert not (checkout / ".toolchain" / "bin").exists()
    assert "PULUMI_HOME" not in (checkout / ".toolchain" / "env").read_text()

    cli.write_text("#!/bin/sh\necho v3.100.0\n")
    done = build(checkout, PATH=f"{folder}:{os.environ['PATH']}", GOPROXY="off")
    assert f"{cli} is older than" in done.stdout


def test_where_no_module_can_be_fetched_the_ways_out_are_named(checkout: Path) -> None:
    done = build(checkout, GOPROXY="off")
    assert done.returncode == 1
    for way_out in ("official Pulumi CLI", "GOPROXY", ".toolchain/gomod"):
        assert way_out in done.stderr
    assert not (checkout / ".toolchain" / "stamp").exists()


def test_builds_wait_for_each_other(checkout: Path) -> None:
    (checkout / ".toolchain").mkdir()
    with (checkout / ".toolchain" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = subprocess.Popen(
            [checkout / "toolchain" / "build"],
            env=os.environ | {"GOPROXY": "off"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert waiting.stdout is not None
        assert "waiting for it" in waiting.stdout.readline()
        assert waiting.poll() is None
    waiting.stdout.read()
    assert waiting.wait(timeout=30) == 1
    waiting.stdout.close()
