"""Smoke checks: declared by a project, run one by one, told in a table."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from homeport import paths, smoke, stacks

SITE = smoke.Site(hostname="shop.example.com", address="192.0.2.1", ca_file=None)
STACK = smoke.Stack(site=SITE, outputs={"release": "abc"})


def test_a_project_declares_its_checks_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "smoke.py").write_text(
        "from homeport.smoke import Check\n"
        "def checks(stack):\n"
        "    return [Check(name='told', probe=lambda: stack.outputs['release'])]\n"
    )
    (result,) = smoke.run(smoke.declared(tmp_path, STACK))
    assert (result.name, result.passed, result.detail) == ("told", True, "abc")


def test_a_project_without_checks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(stacks.StackError, match=r"has no smoke\.py; write one"):
        smoke.declared(tmp_path, STACK)


def test_a_failing_check_does_not_stop_the_rest_and_is_told() -> None:
    def wrong() -> str:
        return smoke.equal("status", 500, 200) and "never"

    checks = [
        smoke.Check(name="first", probe=wrong),
        smoke.Check(name="second", probe=lambda: "fine"),
    ]
    results = smoke.run(checks)
    assert [result.passed for result in results] == [False, True]
    assert results[0].detail == "ValueError: status is 500, expected 200"
    console = Console(file=io.StringIO(), width=120)
    smoke.show(results, console)
    printed = console.file.getvalue()  # type: ignore[attr-defined] # the StringIO above
    assert "failed" in printed
    assert "ok" in printed


@pytest.mark.parametrize("project", [paths.ROOT, *sorted(paths.SYSTEMS.glob("*/Pulumi.yaml"))])
def test_every_project_has_checks_with_names_of_their_own(project: Path) -> None:
    folder = project if project.is_dir() else project.parent
    outputs = {
        "release": "abc",
        "spa_origin": "https://app.example.com",
        "google": "https://accounts.google.com",
        "smoke_login": {"username": "smoke", "password": "x"},
        "admin": "operator",
        "smoke": dict.fromkeys(("anon", "service", "mail", "objects", "admin"), "x"),
    }
    names = [
        check.name for check in smoke.declared(folder, smoke.Stack(site=SITE, outputs=outputs))
    ]
    assert len(names) == len(set(names)) >= 5
