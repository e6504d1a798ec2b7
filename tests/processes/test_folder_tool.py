"""The tool `folder`: made once, somebody's own, and gone without a trace."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.processes.tool_runner import Ended, Machine

TOOLS = Path(__file__).parents[2] / "assets" / "remote"
PATH = "/srv/shop/uploads"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "root" / "srv").mkdir(parents=True)
    return Machine(tmp_path / "root")


def run(machine: Machine, verb: str = "up", path: str = PATH, **more: Any) -> Ended:
    return machine.run(
        "folder", verb, {"path": path, "uid": 10001, "gid": 10001, "mode": "0750", **more}
    )


def test_a_folder_is_made_with_its_mode_and_goes_with_its_content_and_its_parents(
    machine: Machine,
) -> None:
    assert run(machine).code == 0
    folder = machine.root / "srv/shop/uploads"
    assert folder.stat().st_mode & 0o777 == 0o750
    assert (machine.root / "srv/shop").stat().st_mode & 0o777 == 0o755
    (folder / "a").mkdir()
    (folder / "a" / "b").write_text("x")
    assert run(machine).code == 0
    assert run(machine, "down").code == 0
    assert [*(machine.root / "srv").iterdir()] == []
    assert machine.receipt("folder-srv-shop-uploads") is None


def test_a_parent_goes_with_the_last_folder_in_it(machine: Machine) -> None:
    run(machine)
    run(machine, path="/srv/shop/logs")
    run(machine, "down")
    assert (machine.root / "srv/shop/logs").is_dir()
    run(machine, "down", path="/srv/shop/logs")
    assert [*(machine.root / "srv").iterdir()] == []


def test_a_folder_that_was_there_stays_with_its_content(machine: Machine) -> None:
    folder = machine.root / "srv/shop/uploads"
    folder.mkdir(parents=True)
    (folder / "kept").write_text("x")
    assert run(machine).code == 0
    assert run(machine, "down").code == 0
    assert (folder / "kept").read_text() == "x"


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_is_refused(machine: Machine, kind: str) -> None:
    (machine.root / "srv/shop").mkdir()
    path = machine.root / "srv/shop/uploads"
    path.symlink_to("/tmp") if kind == "link" else path.write_text("x")
    ended = run(machine)
    assert ended.code == 1
    assert "/srv/shop/uploads is no folder" in ended.err


def test_a_link_that_somebody_put_in_its_place_is_not_followed_at_its_end(
    machine: Machine, tmp_path: Path
) -> None:
    run(machine)
    folder = machine.root / "srv/shop/uploads"
    folder.rmdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "kept").write_text("x")
    folder.symlink_to(tmp_path / "other")
    assert run(machine, "down").code == 0
    assert (tmp_path / "other" / "kept").exists()


@pytest.fixture
def rootless(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> ModuleType:
    """The shared module as tools import it, below the machine's root."""
    monkeypatch.setenv("HOMEPORT_ROOT", str(machine.root))
    monkeypatch.syspath_prepend(str(TOOLS))
    for name in ("_homeport", "_rootless"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    spec = importlib.util.spec_from_file_location("_rootless", TOOLS / "_rootless.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("inside", "outside"),
    [(0, 1001), (1, 165_536), (10_001, 175_536), (65_536, 231_071), (65_537, 500_000)],
)
def test_users_inside_are_the_accounts_numbers_outside(
    rootless: ModuleType, machine: Machine, inside: int, outside: int
) -> None:
    ranges = "other:100000:65536\napps:165536:65536\napps:500000:10\n"
    machine.write("/etc/subuid", ranges)
    assert rootless.outside("/etc/subuid", "apps", 1001, inside) == outside


def test_a_number_beyond_the_accounts_ranges_is_refused(
    rootless: ModuleType, machine: Machine
) -> None:
    machine.write("/etc/subuid", "apps:165536:65536\n")
    with pytest.raises(Exception, match="apps has no subordinate number for 65537"):
        rootless.outside("/etc/subuid", "apps", 1001, 65_537)
