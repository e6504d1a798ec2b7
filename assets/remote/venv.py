#!/usr/bin/python3 -B
"""Makes a virtual environment of what an artefact pins: wheels only, each with a known hash.

Nothing of a package runs while it is installed, so root may do it. What was made as a whole is
marked, and shared by everything that wants the same; a half of one, or one whose interpreter is
gone, is made anew.
"""

import json
import shutil
import sys
import time
from pathlib import Path

import _packages
from _homeport import Spec, at, fail, folder, installed, lock, main, run, sha256
from _room import check_disk

MARK = ".complete"
QUIETLY = ["--quiet", "--no-input", "--no-cache-dir", "--root-user-action=ignore"]
PINNED = ["--no-deps", "--only-binary=:all:", "--require-hashes"]
PACKED = "pack the artefact again with a lock file that fits its wheels and this host's Python"


def up(spec: Spec) -> None:
    """Make the environment unless it is there."""
    files, venv = at(spec["files"]), at(spec["venv"])
    start = time.monotonic()
    if folder(spec) not in venv.parents:
        fail(f"{spec['venv']} is outside the folder of {spec['system']}", "", "correct the path")
    with lock(f"venv-{spec['system']}", timeout_seconds=1200):
        there = (venv / MARK).is_file() and works(venv)
        if not there:
            shutil.rmtree(venv, ignore_errors=True)
            make(spec, files, venv)
    seconds = round(time.monotonic() - start, 3)
    sys.stdout.write(json.dumps({"was_there": there, "seconds": seconds}) + "\n")


def works(venv: Path) -> bool:
    """Return whether the interpreter of an environment still runs."""
    python = venv / "bin/python"
    return python.exists() and run([str(python), "-c", ""], check=False).returncode == 0


def make(spec: Spec, files: Path, venv: Path) -> None:
    """Make the environment and mark it."""
    check_disk(venv.parent, spec["disk_mib"], "a virtual environment")
    lines = files / spec["requirements"]
    if not lines.is_file():
        cure = "add it to the artefact, or say where it is: Venv(requirements=...)"
        fail(f"the artefact holds no {spec['requirements']}", "", cure)
    wheel = pip_wheel(spec["python"])
    run([spec["python"], "-m", "venv", "--without-pip", str(venv)])
    wanted = venv / "requirements.txt"
    wanted.write_text("\n".join([f"-r {lines}", *own_wheels(spec, files), ""]))
    source = ["--no-index", f"--find-links={files / spec['wheels']}"] if spec["wheels"] else []
    pip = [str(venv / "bin/python"), "-m", "pip", "--disable-pip-version-check"]
    path = {"PYTHONPATH": str(wheel)}
    install = [*pip, "install", *QUIETLY, *PINNED, *source, f"--requirement={wanted}"]
    run(install, env=path, cure=PACKED, timeout_seconds=1200)
    run([*pip, "check"], env=path, cure=PACKED)
    (venv / MARK).touch()


def own_wheels(spec: Spec, files: Path) -> list[str]:
    """Return the lines that install the app itself, which the artefact's hash has vouched for."""
    found = sorted({path for pattern in spec["install"] for path in files.glob(pattern)})
    return [f"{path} --hash=sha256:{sha256(path.read_bytes())}" for path in found]


def pip_wheel(python: str) -> Path:
    """Return the pip that comes with an interpreter, which can run without being installed.

    So an environment takes seconds less, and holds nothing that installs.
    """
    if not installed(python) or run([python, "-c", "import ensurepip"], check=False).returncode:
        _packages.ensure([f"{python}-venv"], [])
    where = "import ensurepip; print(ensurepip.__path__[0])"
    cure = f"see whether the host has {python}, or name another one in Venv"
    bundled = Path(run([python, "-c", where], cure=cure).stdout.strip()) / "_bundled"
    places = (bundled, Path("/usr/share/python-wheels"))
    found = [wheel for place in places for wheel in sorted(place.glob("pip-*.whl"))]
    if not found:
        fail(f"{python} comes without pip", "", f"install {python}-venv on the host")
    return found[0]


if __name__ == "__main__":
    main({"up": up})
