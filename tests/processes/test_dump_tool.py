"""The tool `dump`, as a real process; a docker that plays the server's own commands."""

import hashlib
import os
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.processes.tool_runner import SYSTEM, Machine

SERVER = f"{SYSTEM}-postgres"
# What stands in for `docker exec … COMMAND`: it dumps lines, and reads them back to their end.
COMMANDS = """\
echo "$*" >>"$CALLS"
case "$*" in
  *psql*) echo "${SIZE:-8000000}" ;;
  *pg_dump*) echo begin; [ -z "$FAIL_DUMP" ] || { echo "lock timeout" >&2; exit 1; }; echo end ;;
  *pg_restore*) grep -q "^${END:-end}$" || { echo "unexpected end of file" >&2; exit 1; } ;;
esac
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "root")
    made.root.mkdir()
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "docker").write_text(f"#!/bin/sh\n{COMMANDS}")
    (commands / "docker").chmod(0o755)
    made.environment |= {"PATH": f"{commands}:{os.environ['PATH']}", "CALLS": f"{tmp_path}/calls"}
    return made


def spec(release: str = "bbbb2222", **changes: Any) -> dict[str, Any]:
    return {
        "receipt": f"job-web-{release}-migrate-dump",
        "job_receipt": f"job-web-{release}-migrate",
        "app": "web",
        "release": release,
        "container": SERVER,
        "database": "shop",
        "keep": 3,
        "timeout_seconds": 20,
        **changes,
    }


def folder(machine: Machine) -> Path:
    return machine.stack / "dumps/shop"


def names(machine: Machine) -> list[str]:
    return sorted(path.name for path in folder(machine).iterdir())


def calls(machine: Machine) -> list[str]:
    path = Path(machine.environment["CALLS"])
    return path.read_text().splitlines() if path.exists() else []


def test_a_dump_lies_where_root_alone_looks_and_says_when_and_before_what(
    machine: Machine,
) -> None:
    ended = machine.run("dump", "up", spec())
    assert (ended.code, ended.err) == (0, "")
    (name,) = names(machine)
    assert re.fullmatch(r"\d{8}T\d{6}Z-before-web-bbbb2222\.dump", name)
    path = folder(machine) / name
    assert path.read_text() == "begin\nend\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert {folder(machine).stat().st_mode & 0o777, path.parent.parent.stat().st_mode & 0o777} == {
        0o700
    }
    shown = f"/opt/homeport/{SYSTEM}/dumps/shop/{name}"
    assert (ended.report["dump"], ended.report["bytes"]) == (shown, 10)
    receipt = machine.receipt("job-web-bbbb2222-migrate-dump")
    assert (receipt["path"], receipt["bytes"]) == (shown, 10)
    assert receipt["sha256"] == hashlib.sha256(b"begin\nend\n").hexdigest()
    assert datetime.fromisoformat(receipt["time"]).utcoffset() == timedelta(0)
    # What proves a backup is in the step's output too, and so in the stack's state.
    proof = {key: receipt[key] for key in ("bytes", "sha256", "time")}
    assert ended.report.items() >= {"dump": shown, "database": "shop", **proof}.items()
    before = f"exec --interactive --user=postgres {SERVER}"
    assert calls(machine)[1:] == [
        f"{before} pg_dump --format=custom --lock-wait-timeout=60000 --dbname=shop",
        f"{before} pg_restore --file=/dev/null",
    ]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"FAIL_DUMP": "1"}, "shop cannot be dumped: pg_dump ended with 1"),
        ({"END": "more"}, "shop gave a dump that is broken: pg_restore ended with 1"),
        ({"SIZE": str(2**60)}, "MiB would stay free at"),
    ],
)
def test_what_cannot_be_kept_ends_the_deploy_and_leaves_nothing(
    machine: Machine, environment: dict[str, str], said: str
) -> None:
    machine.environment |= environment
    ended = machine.run("dump", "up", spec())
    assert ended.code == 1
    assert said in ended.err
    assert "next: " in ended.err
    assert names(machine) == []
    assert machine.receipt("job-web-bbbb2222-migrate-dump") is None


def test_a_migration_that_is_tried_again_keeps_the_dump_from_before_its_first_try(
    machine: Machine,
) -> None:
    machine.run("dump", "up", spec())
    before = names(machine)
    assert machine.run("dump", "up", spec()).report == {"done_before": True}
    assert names(machine) == before


def test_a_job_that_is_done_is_not_dumped_for_any_more(machine: Machine) -> None:
    machine.write_receipt("job-web-bbbb2222-migrate", {"ran": "x"})
    assert machine.run("dump", "up", spec()).report == {"done_before": True}
    assert calls(machine) == []


def test_only_the_newest_dumps_stay(machine: Machine) -> None:
    folder(machine).mkdir(parents=True)
    for year in (2021, 2022, 2023):
        (folder(machine) / f"{year}0101T000000Z-before-web-aaaa{year}.dump").write_text("old")
    assert machine.run("dump", "up", spec(keep=2)).code == 0
    oldest, newest = names(machine)
    assert oldest == "20230101T000000Z-before-web-aaaa2023.dump"
    assert newest.endswith("-before-web-bbbb2222.dump")


def test_a_release_that_comes_back_is_dumped_for_again(machine: Machine) -> None:
    machine.run("dump", "up", spec())
    machine.set_docker({})
    machine.write_receipt("job-web-bbbb2222-migrate", {"ran": "x"})
    gone = {"app": "web", "release": "bbbb2222", "image": "web:1"}
    machine.run("image", "down", gone)
    assert machine.receipt("job-web-bbbb2222-migrate-dump") is None
    assert machine.run("dump", "up", spec()).report["bytes"] == 10


def test_the_server_of_a_rootless_account_is_dumped_by_the_accounts_podman(
    machine: Machine, tmp_path: Path
) -> None:
    commands = tmp_path / "commands"
    (commands / "docker").rename(commands / "podman")
    passing = '#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nexec "$@"\n'
    (commands / "setpriv").write_text(passing)
    (commands / "setpriv").chmod(0o755)
    ended = machine.run("dump", "up", spec(account="apps"))
    assert ended.code == 0, ended.err
    assert Path(f"{machine.root}{ended.report['dump']}").read_text() == "begin\nend\n"
