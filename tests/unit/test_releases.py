"""What an app ran before, from the engine's history, and what a rollback chooses."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from homeport import commands, releases, stacks

NAMED = {"web": "app.image", "site": "page"}


def update(
    version: int, image: str, *, result: str = "succeeded", kind: str = "update"
) -> dict[str, Any]:
    return {
        "kind": kind,
        "version": version,
        "result": result,
        "startTime": f"2026-01-02T03:0{version}:00.000Z",
        "config": {
            "shop:app": {"value": json.dumps({"image": image}), "secret": False},
            "shop:page": {"value": "page-1", "secret": False},
        },
    }


UPDATES = [
    update(6, "app:3", result="failed"),
    update(5, "app:1"),
    update(4, "app:2", kind="refresh"),
    update(3, "app:2"),
    update(2, "app:1"),
    update(1, "app:1"),
]


def found(app: str) -> list[releases.Past]:
    return [entry for entry in releases.past(NAMED, "shop", UPDATES) if entry.app == app]


def test_only_updates_that_succeeded_and_changed_the_setting_count_the_newest_first() -> None:
    assert [(entry.value, entry.update, entry.current) for entry in found("web")] == [
        ("app:1", 5, True),
        ("app:2", 3, False),
        ("app:1", 1, False),
    ]
    assert [(entry.value, entry.update) for entry in found("site")] == [("page-1", 1)]


def test_the_time_is_that_of_the_first_update_with_the_value() -> None:
    assert found("web")[1].since.isoformat() == "2026-01-02T03:03:00+00:00"


def test_a_secret_or_missing_setting_is_none() -> None:
    assert releases.given_in({"shop:a": {"value": "x", "secret": True}}, "shop", "a") is None
    assert releases.given_in({}, "shop", "a") is None
    assert releases.given_in({"shop:a": {"value": "{}"}}, "shop", "a.b") is None


def test_a_setting_that_is_no_text_is_shown_as_json_and_set_value_by_value() -> None:
    files = {"url": "u", "at": 1, "to": ["x", {"a.b": True}]}
    first = {**update(1, ""), "config": {"shop:a": {"objectValue": {"b": files}}}}
    (entry,) = releases.past({"web": "a.b"}, "shop", [first])
    assert entry.value == '{"at": 1, "to": ["x", {"a.b": true}], "url": "u"}'
    assert releases.leaves("shop:a.b", entry.given) == {
        'shop:a.b["url"]': "u",
        'shop:a.b["at"]': "1",
        'shop:a.b["to"][0]': "x",
        'shop:a.b["to"][1]["a.b"]': "true",
    }


@pytest.mark.parametrize(
    ("wanted", "number"), [(None, 3), ("3", 3), ("app:2", 3), ("1", 1), ("app:1", 1)]
)
def test_a_rollback_goes_to_the_release_before_or_to_the_one_that_is_named(
    wanted: str | None, number: int
) -> None:
    assert releases.choose(found("web"), "web", wanted).update == number


@pytest.mark.parametrize(
    ("app", "wanted", "message"),
    [
        ("api", None, "no app api has been deployed in this stack; there are: web"),
        ("web", "app:9", r"no earlier release of web fits 'app:9'; name one of: 3 \(app:2\)"),
        ("web", "app", "more than one release of web fits 'app'; name one of: 3"),
    ],
)
def test_what_cannot_be_gone_back_to_is_refused_with_what_can(
    app: str, wanted: str | None, message: str
) -> None:
    with pytest.raises(stacks.StackError, match=message):
        releases.choose(found("web"), app, wanted)


def test_without_an_earlier_release_there_is_no_way_back() -> None:
    with pytest.raises(stacks.StackError, match="site has no release before the present one"):
        releases.choose(found("site"), "site", None)


@pytest.mark.parametrize(
    ("typed", "wanted", "handed_on"),
    [
        (["web"], None, []),
        (["web", "app:1"], "app:1", []),
        (["web", "--yes"], None, ["--yes"]),
        (["web", "--yes", "--skip-preview"], None, ["--yes", "--skip-preview"]),
        (["web", "app:1", "--yes"], "app:1", ["--yes"]),
    ],
)
def test_what_a_rollback_does_not_know_is_an_option_of_up(
    typed: list[str],
    wanted: str | None,
    handed_on: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    aim = stacks.Target(project=tmp_path, stack="staging", cloud=None)
    asked: list[Any] = []

    def rollback(_: stacks.Target, app: str, release: str | None) -> releases.Past:
        asked.extend((app, release))
        return found("web")[1]

    def run(_: stacks.Target, operation: str, arguments: list[str]) -> int:
        asked.extend((operation, arguments))
        return 0

    monkeypatch.setattr(stacks, "target", lambda *_: aim)
    monkeypatch.setattr(releases, "rollback", rollback)
    monkeypatch.setattr(stacks, "run", run)
    assert CliRunner().invoke(commands.app, ["rollback", *typed]).exit_code == 0
    assert asked == ["web", wanted, "up", handed_on]
