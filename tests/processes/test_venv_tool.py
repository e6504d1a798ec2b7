"""The tool `venv`: what is pinned and nothing else, whole or not at all."""

import hashlib
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.processes.tool_runner import SYSTEM, Machine

FILES = f"/opt/homeport/{SYSTEM}/artefacts/shop/1234/files"
VENV = f"/opt/homeport/{SYSTEM}/artefacts/shop/1234/venv-5678"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "root")
    (made.root / FILES.lstrip("/")).mkdir(parents=True)
    return made


def wheel(folder: Path, name: str, requires: str = "") -> Path:
    """Write the smallest wheel there is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-1-py3-none-any.whl"
    about = f"{name}-1.dist-info"
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"print({name!r})\n")
        archive.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{needs}"
        )
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    return path


def venv(**changes: Any) -> dict[str, Any]:
    return {
        "files": FILES,
        "venv": VENV,
        "requirements": "requirements.lock",
        "wheels": "wheels",
        "install": ["*.whl"],
        "python": "python3",
        "disk_mib": 1,
        **changes,
    }


def pack(machine: Machine, *, right: bool = True) -> Path:
    """Put a wheelhouse with a package, its lock file and the app's own wheel into the artefact."""
    files = machine.root / FILES.lstrip("/")
    package = wheel(files / "wheels", "pack")
    wheel(files, "own", requires="pack")
    digest = hashlib.sha256(package.read_bytes() if right else b"other").hexdigest()
    (files / "requirements.lock").write_text(f"pack==1 --hash=sha256:{digest}\n")
    return files


def test_an_environment_holds_what_is_pinned_and_the_app_and_is_made_once(
    machine: Machine,
) -> None:
    pack(machine)
    ended = machine.run("venv", "up", venv())
    assert ended.code == 0, ended.err
    assert ended.report["was_there"] is False
    python = machine.root / VENV.lstrip("/") / "bin/python"
    asked = [str(python), "-c", "import pack, own"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "pack\nown\n"
    assert not (python.parent / "pip").exists()
    assert machine.run("venv", "up", venv()).report["was_there"] is True
    # One that was cut off, or lost its interpreter, is made anew.
    python.unlink()
    assert machine.run("venv", "up", venv()).report["was_there"] is False


def test_a_package_whose_hash_is_another_is_refused_and_leaves_no_environment(
    machine: Machine,
) -> None:
    pack(machine, right=False)
    ended = machine.run("venv", "up", venv())
    assert ended.code == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in ended.err
    assert machine.run("venv", "up", venv()).code == 1


def test_an_app_whose_needs_are_not_pinned_is_refused(machine: Machine) -> None:
    files = pack(machine)
    wheel(files, "own", requires="pack>=2")
    ended = machine.run("venv", "up", venv())
    assert ended.code == 1
    assert "own 1 has requirement pack>=2" in ended.err


def test_a_package_that_the_wheels_lack_is_refused(machine: Machine) -> None:
    files = pack(machine)
    (files / "requirements.lock").write_text(f"other==1 --hash=sha256:{'0' * 64}\n")
    ended = machine.run("venv", "up", venv())
    assert "No matching distribution found for other==1" in ended.err
    assert "next: pack the artefact again" in ended.err


def test_an_artefact_without_a_lock_file_is_refused(machine: Machine) -> None:
    ended = machine.run("venv", "up", venv())
    assert "the artefact holds no requirements.lock" in ended.err


def test_an_environment_lies_in_the_stacks_own_folder(machine: Machine) -> None:
    ended = machine.run("venv", "up", venv(venv="/srv/venv"))
    assert f"/srv/venv is outside the folder of {SYSTEM}" in ended.err
