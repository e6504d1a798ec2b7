"""Approvals and the proof of backups: who, for what, until when, once."""

import dataclasses
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from homeport import stacks
from homeport.guard import approvals, backups, rules

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MADE = approvals.Approval(
    project="shop",
    stack="production",
    operation="up",
    listing="1",
    plan="2",
    meaning="3",
    config="4",
    state="5",
    touches=("container:signing-app",),
    backups=(),
    made=NOW,
    until=NOW + timedelta(minutes=30),
)


def key(folder: Path, name: str) -> tuple[Path, str]:
    file = folder / name
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(file)]
    subprocess.run(argv, check=True)
    return file, file.with_suffix(".pub").read_text().strip()


@pytest.fixture
def place(tmp_path: Path) -> approvals.Place:
    made = approvals.Place(tmp_path / "approvals").cleared()
    approvals.write_private(made.document, MADE.text())
    approvals.write_private(made.plan, "{}")
    return made


def test_an_approval_reads_back_as_it_was_written() -> None:
    assert approvals.parsed(MADE.text()) == MADE
    assert dataclasses.replace(MADE, number="").number != MADE.number
    for text in ("", "{}", "[]", MADE.text().replace("made", "maid")):
        with pytest.raises(stacks.StackError, match="cannot be read"):
            approvals.parsed(text)


def test_a_signature_says_who_of_those_who_may(place: approvals.Place, tmp_path: Path) -> None:
    anna, annas = key(tmp_path, "anna")
    _, bens = key(tmp_path, "ben")
    approvals.sign(place, anna)
    assert approvals.signer(place, {"ben": bens, "anna": annas}) == "anna"
    with pytest.raises(stacks.StackError, match=r"anybody who may approve here \(ben\)"):
        approvals.signer(place, {"ben": bens})
    place.document.write_text(MADE.text().replace("production", "staging"))
    with pytest.raises(stacks.StackError, match="not signed"):
        approvals.signer(place, {"anna": annas})


def test_a_signature_for_something_else_approves_nothing(
    place: approvals.Place, tmp_path: Path
) -> None:
    anna, annas = key(tmp_path, "anna")
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(anna), "-n", "git", str(place.document)]
    subprocess.run(argv, check=True, capture_output=True)
    with pytest.raises(stacks.StackError, match="not signed"):
        approvals.signer(place, {"anna": annas})


def test_a_key_that_cannot_sign_is_named(place: approvals.Place, tmp_path: Path) -> None:
    with pytest.raises(stacks.StackError, match="--key"):
        approvals.sign(place, tmp_path / "none")


def test_an_approval_is_used_up_once_and_its_files_are_private(place: approvals.Place) -> None:
    assert place.document.stat().st_mode & 0o777 == 0o600
    assert place.folder.stat().st_mode & 0o777 == 0o700
    assert place.use_up(NOW).read_text() == "{}"
    assert not place.document.exists()
    with pytest.raises(stacks.StackError, match="used up a moment ago"):
        place.use_up(NOW + timedelta(seconds=1))


def receipt(folder: Path, **changes: Any) -> Path:
    backup = folder / "signing.dump"
    backup.write_bytes(b"rows")
    about = {
        "of": ["database:signing"],
        "file": backup.name,
        "sha256": approvals.digest_of(backup),
        "time": NOW.isoformat(),
    }
    file = folder / "receipt.json"
    file.write_text(json.dumps(about | changes))
    return file


def test_a_receipt_counts_when_its_file_is_that_very_file(tmp_path: Path) -> None:
    found = backups.read(receipt(tmp_path))
    assert found.of == ("database:signing",)
    assert found.time == NOW
    (tmp_path / "signing.dump").write_bytes(b"rats")
    with pytest.raises(stacks.StackError, match="is not what was backed up"):
        backups.read(tmp_path / "receipt.json")
    (tmp_path / "signing.dump").unlink()
    with pytest.raises(stacks.StackError, match="cannot be read"):
        backups.read(tmp_path / "receipt.json")


@pytest.mark.parametrize(
    "changes", [{"of": "database:signing"}, {"time": "2026-03-01T12:00:00"}, {"time": "noon"}]
)
def test_a_receipt_that_says_too_little_is_refused(tmp_path: Path, changes: Any) -> None:
    with pytest.raises(stacks.StackError, match="is no receipt of a backup"):
        backups.read(receipt(tmp_path, **changes))


def test_a_backup_must_be_young_and_of_the_thing() -> None:
    def have(**age: float) -> list[backups.Backup]:
        time = NOW - timedelta(**age)
        return [backups.Backup(of=("database:signing",), file="x", sha256="y", time=time)]

    def missing(found: list[backups.Backup], *labels: str) -> list[str]:
        return backups.missing(labels or ("database:signing",), found, hours=24, now=NOW)

    assert missing(have(hours=23)) == []
    assert missing(have(hours=25)) == ["database:signing"]
    assert missing(have(hours=-1)) == ["database:signing"]
    assert missing([]) == ["database:signing"]
    assert missing(have(hours=1), "database:signing", "volume:x") == ["volume:x"]


def test_what_a_job_dumped_is_a_backup_of_its_database() -> None:
    report = {"dump": "/opt/x.dump", "database": "signing", "sha256": "ab", "bytes": 4}
    report["time"] = "2026-03-01T12:00:00+00:00"
    printed = [json.dumps(report), "applied: 2 batches", '{"sha256": 1}', None]
    state = {"resources": [{"outputs": {"stdout": text}} for text in printed]}
    [found] = backups.reported(state)
    assert (found.of, found.file, found.time) == (("database:signing",), "/opt/x.dump", NOW)


def test_what_an_upgrade_backed_up_and_restored_is_a_backup_of_each_thing() -> None:
    times = {"sha256": "ab", "time": "2026-03-01T12:00:00+00:00"}
    listed = [
        {"of": ["database:signing", "container:db"], "file": "/opt/x.dump", **times},
        {"of": ["volume:data"], "file": "/opt/v.tar", **times},
    ]
    state = {"resources": [{"outputs": {"stdout": json.dumps({"backups": listed})}}]}
    found = list(backups.reported(state))
    wanted = ["database:signing", "container:db", "volume:data"]
    assert backups.missing(wanted, found, hours=24, now=NOW) == []
    assert found[1].file == "/opt/v.tar"


PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJfRZaRjU2cBO0g1bTnYcDLkKXQWQLS1C0jPcCqKBqb"


def held(**more: Any) -> dict[str, Any]:
    rule = {"approvers": {"anna": PUBLIC}, "vital": {"containers": ["a"]}, **more}
    return {"resources": [{"type": "homeport:guard:Guard", "outputs": {"rules": rule}}]}


def brings(**more: Any) -> dict[str, Any]:
    rule = {"approvers": {"ben": PUBLIC}, "vital": {"volumes": ["b"]}, **more}
    goal = {"outputDiff": {"adds": {"rules": rule}}}
    urn = "urn:pulumi:dev::shop::homeport:guard:Guard::guard"
    return {"resourcePlans": {urn: {"goal": goal}}}


def test_a_plan_is_judged_by_the_rules_before_it_and_by_what_is_vital_before_or_after() -> None:
    assert rules.in_force({}, {}) is None
    first = rules.in_force({}, brings())
    assert first is not None
    assert [*first.approvers] == ["ben"]
    both = rules.in_force(held(), brings(enforced=False))
    assert both is not None
    assert [*both.approvers] == ["anna"]
    assert [*both.vital.labels()] == ["container:a", "volume:b"]
    assert rules.in_force(held(), {}) is not None
    assert rules.in_force(held(enforced=False), {}) is None
    assert rules.in_force({}, brings(enforced=False)) is None
