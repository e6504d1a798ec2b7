"""The page of dms by npm: the same bytes from the same input, whoever brings Node.js."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "systems" / "dms" / "page"
NPM = ROOT / "systems" / "npm"
OLD = "#!/bin/sh\necho 'this Node.js is too old' >&2\nexit 1\n"

pytestmark = pytest.mark.timeout(300)


def npm(page: Path, *arguments: str, path: str = os.environ["PATH"]) -> str:
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(
        [NPM, *arguments], cwd=page, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(page: Path, path: str) -> dict[str, str]:
    """Build a copy of the page; return the hash of each file by its name."""
    shutil.copytree(PAGE, page, ignore=shutil.ignore_patterns("node_modules"))
    npm(page, "ci", "--include=dev", path=path)
    npm(page, "run", "build", path=path)
    made = page / "dist"
    files = (file for file in made.rglob("*") if file.is_file())
    return {
        str(file.relative_to(made)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files
    }


def test_a_node_that_is_too_old_is_replaced_by_one_that_builds_the_same_bytes(
    tmp_path: Path,
) -> None:
    old = tmp_path / "old" / "node"
    old.parent.mkdir()
    old.write_text(OLD)
    old.chmod(0o755)
    shadowed = f"{old.parent}:{os.environ['PATH']}"
    pinned = built(tmp_path / "pinned", shadowed)
    assert pinned == built(tmp_path / "installed", os.environ["PATH"])
    assert sorted(Path(name).suffix for name in pinned) == [".css", ".html", ".js"]
    assert npm(PAGE, "exec", "--", "node", "--version", path=shadowed).startswith("v24.")


def test_nothing_of_npm_lands_in_the_users_home() -> None:
    assert npm(PAGE, "config", "get", "cache").strip() == str(ROOT / ".tools" / "npm")


def test_the_lock_file_names_no_registry_and_has_a_hash_for_every_package() -> None:
    packages = json.loads((PAGE / "package-lock.json").read_text())["packages"]
    del packages[""]
    assert packages
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert package["integrity"].startswith("sha512-"), name
