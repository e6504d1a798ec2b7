"""The tool `secretfiles`, as a real process."""

from pathlib import Path
from typing import Any

import pytest

from tests.processes.tool_runner import SYSTEM, Machine

FOLDER = f"/opt/homeport/{SYSTEM}/apps/web/bbbb2222/secrets"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "root")


def spec(**changes: Any) -> dict[str, Any]:
    entry = {"path": FOLDER, "uid": 10001, "gid": 10001, "files": {"A": "one", "B": "tw\no\n"}}
    return {"folders": [{**entry, **changes}]}


def here(machine: Machine) -> Path:
    return machine.root / FOLDER.lstrip("/")


def test_only_the_owner_can_read_and_the_content_is_exact(machine: Machine) -> None:
    ended = machine.run("secretfiles", "up", spec())
    assert (ended.code, ended.err) == (0, "")
    assert "one" not in ended.out
    assert here(machine).stat().st_mode & 0o7777 == 0o500
    assert {file.name: file.stat().st_mode & 0o7777 for file in here(machine).iterdir()} == {
        "A": 0o400,
        "B": 0o400,
    }
    assert (here(machine) / "B").read_bytes() == b"tw\no\n"


def test_a_repeated_run_replaces_and_removes(machine: Machine) -> None:
    machine.run("secretfiles", "up", spec())
    machine.run("secretfiles", "up", spec(files={"A": "changed"}))
    assert [file.name for file in here(machine).iterdir()] == ["A"]
    assert (here(machine) / "A").read_text() == "changed"


def test_going_removes_every_empty_folder_above_but_not_what_others_use(machine: Machine) -> None:
    machine.run("secretfiles", "up", spec())
    machine.write_receipt("image-web-bbbb2222", {})
    machine.run("secretfiles", "down", spec())
    assert not (machine.stack / "apps").exists()
    assert (machine.stack / "receipts").exists()
    assert machine.run("secretfiles", "down", spec()).code == 0


def test_secrets_of_a_job_that_is_done_do_not_come_back(machine: Machine) -> None:
    entry = spec(unless_receipt="job-web-bbbb2222-migrate")
    machine.run("secretfiles", "up", entry)
    assert here(machine).exists()
    machine.write_receipt("job-web-bbbb2222-migrate", {})
    machine.run("secretfiles", "up", entry)
    assert not here(machine).exists()


@pytest.mark.parametrize("path", ["/etc", f"/opt/homeport/{SYSTEM}/../other", "/opt/homeport/x/y"])
def test_a_folder_outside_the_stack_is_refused_without_touching_it(
    machine: Machine, path: str
) -> None:
    (machine.root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
    for verb in ("up", "down"):
        ended = machine.run("secretfiles", verb, spec(path=path))
        assert ended.code == 1
        assert "is outside the folder of shop-staging" in ended.err
        assert "one" not in ended.err
    assert (machine.root / path.lstrip("/")).exists()
