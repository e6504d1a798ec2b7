"""The upgrade of an app that somebody else installed: its steps, its refusals, and the guard."""

import json
import re
from typing import Any

import pytest

from components.staged_parts import Answers, Bucket, Stage
from components.staged_upgrade import StagedUpgrade, StagedUpgradeArgs
from homeport.guard.touching import touched
from tests.recorder import Deployment, Record, record
from tests.unit.fake_host import fake_host
from tests.unit.test_guard_plans import command, planned

GOOD: dict[str, Any] = {
    "container": "signing-app",
    "version": "1.13.1",
    "database_container": "signing-db",
    "database": "signing",
    "answers": Answers(port=3000, path="/api/health"),
    "stages": [
        Stage(version="2.0.0", image="ghcr.io/x/signer:2.0.0", environment={"A": "1"}),
        Stage(version="2.11.0", image="ghcr.io/x/signer:2.11.0"),
    ],
    "volumes": ["signing-data", "/srv/objects"],
    "files": ["/srv/signing"],
    "counts": {"documents": "SELECT count(*) FROM documents"},
}
VITAL = (
    *("container:signing-app", "container:signing-db", "volume:signing-data", "database:signing"),
    *("file:/srv/signing", "file:/srv/objects", "certificate:sign.example.com"),
)


def upgrade(**more: Any) -> Deployment:
    def run() -> None:
        StagedUpgrade("signer", StagedUpgradeArgs(host=fake_host(), **{**GOOD, **more}))

    return record(run)


def steps(made: Deployment) -> dict[str, Record]:
    return {s.name: s for s in made.of_type("Command") if s.name.startswith("signer-")}


def document(step: Record) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(step.inputs["stdin"])
    return parsed


def test_images_backup_and_trial_are_steps_and_the_upgrade_only_when_asked_for() -> None:
    before = ["signer-image-2.0.0", "signer-image-2.11.0", "signer-backup", "signer-trial"]
    assert set(steps(upgrade())) == set(before)
    assert set(steps(upgrade(proceed=True))) == {*before, "signer-run"}


def test_nothing_stops_before_all_images_are_here_and_the_copy_has_worked() -> None:
    made = steps(upgrade(proceed=True))

    def waits_for(name: str) -> str:
        return " ".join(made[name].options.dependencies)

    assert "signer-image-2.0.0" in waits_for("signer-backup")
    assert "signer-image-2.11.0" in waits_for("signer-backup")
    assert "signer-backup" in waits_for("signer-trial")
    assert "signer-trial" in waits_for("signer-run")


def test_to_proceed_changes_neither_backup_nor_trial_and_a_revision_changes_both() -> None:
    first, second = steps(upgrade()), steps(upgrade(proceed=True))
    third = steps(upgrade(proceed=True, revision=2))
    for name in ("signer-backup", "signer-trial"):
        assert first[name].inputs == second[name].inputs
        assert third[name].inputs != second[name].inputs
    assert third["signer-run"].inputs == second["signer-run"].inputs


def test_what_is_said_on_the_way_is_shown_and_removing_it_leaves_the_app() -> None:
    made = steps(upgrade(proceed=True))
    for name in ("signer-backup", "signer-trial", "signer-run"):
        assert made[name].inputs["logging"] == "stderr"
    # Only what a run that was cut off has left is put right; see the tool.
    assert sorted(name for name in made if "delete" in made[name].inputs) == [
        *("signer-backup", "signer-image-2.0.0", "signer-image-2.11.0")
    ]
    assert document(made["signer-run"])["stages"][0]["environment"] == {"A": "1"}
    assert "files" not in document(made["signer-run"])


def test_the_guard_lets_backup_and_trial_pass_and_asks_for_the_upgrade_by_name() -> None:
    made = steps(upgrade(proceed=True))
    for name in ("signer-backup", "signer-trial"):
        [step] = planned(adds=command(name.replace("signer-", "staged"), document(made[name])))
        assert touched(step, VITAL) == []
    [step] = planned(adds=command("stagedrun", document(made["signer-run"])))
    wanted = [*VITAL[:4], "file:/srv/objects"]
    assert touched(step, VITAL) == wanted


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"container": "a b"}, "container: must be a container's name (got 'a b')"),
        ({"database_container": ""}, "database_container: must be a container's name"),
        ({"database": ""}, "database: must not be empty"),
        ({"stages": []}, "stages: must name at least one version, and none twice"),
        ({"version": "2.0.0"}, "stages: must name at least one version, and none twice"),
        ({"volumes": ["a/b"]}, "volumes: 'a/b' is neither a volume's name nor an absolute"),
        ({"volumes": ["/"]}, "volumes: '/' is neither"),
        ({"files": ["srv"]}, "files: 'srv' is not absolute and plain"),
        ({"files": ["/srv/../etc"]}, "files: '/srv/../etc' is not absolute and plain"),
        ({"counts": {}, "stages": [Stage(version="2", image="x:2", counts={"d": ""})]}, "'d'"),
    ],
)
def test_what_cannot_be_upgraded_is_refused_in_the_preview(
    change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        upgrade(**change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "a b"}, "stage: version: must be a word such as 2.11.0"),
        ({"image": "x:latest"}, "does not say which version"),
        ({"environment": {"a-b": "1"}}, "stage 2: environment: 'a-b' is no variable name"),
        ({"timeout_seconds": 0}, "stage 2: timeout_seconds must be from 1 to 86400"),
    ],
)
def test_a_stage_that_is_none_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Stage(**{"version": "2", "image": "x:2", **change})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"port": 0}, "answers: port must be from 1 to 65535"),
        ({"path": "health"}, "answers: path must begin with a slash"),
        ({"api_path": "api"}, "answers: api_path must begin with a slash"),
        ({"api_headers": {"X": "{a b}"}}, "answers: api_headers: X: braces are for variables"),
    ],
)
def test_answers_that_cannot_be_asked_for_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Answers(**{"port": 1, "path": "/", **change})


BUCKET = {"endpoint": "{S3}", "name": "signing", "access_key": "{ID}", "secret_key": "{SECRET}"}


def test_a_bucket_is_told_to_the_backup_alone_by_the_apps_own_variables() -> None:
    made = steps(upgrade(proceed=True, bucket=Bucket(**BUCKET)))
    assert document(made["signer-backup"])["bucket"] == {**BUCKET, "region": "us-east-1"}
    assert "bucket" not in document(made["signer-run"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"endpoint": "s3.example.com"}, "bucket: endpoint must begin with https://"),
        ({"secret_key": "canary"}, "bucket: secret_key must be a variable of the app"),
        ({"name": "{a"}, "bucket: name: braces are for variables"),
    ],
)
def test_a_bucket_that_cannot_be_listed_is_refused_without_its_key(
    change: dict[str, str], said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        Bucket(**{**BUCKET, **change})
    assert "canary" not in str(caught.value)
