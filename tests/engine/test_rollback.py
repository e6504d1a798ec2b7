"""The way back of a setting that is or was an object, through the real engine's history."""

from pathlib import Path

import pytest

from homeport import releases, stacks
from tests.engine.conftest import Engine

pytestmark = pytest.mark.engine

PROGRAM = """
    import pulumi

    pulumi.export("release_settings", {"web": "app.files"})
    pulumi.export("files", pulumi.Config().require_object("app")["files"])
"""
URL = "https://example.com/shop-1.2.tar.gz"


def test_an_object_comes_back_as_it_was_with_nothing_of_the_later_one(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = engine.project(tmp_path / "shop", PROGRAM)

    def up(**files: str) -> object:
        engine.run("config", "set", "--path", "app.port", "8000", cwd=project)
        for key, value in files.items():
            engine.run("config", "set", "--path", f"app.files.{key}", value, cwd=project)
        engine.run("up", "--yes", "--skip-preview", cwd=project)
        return engine.outputs(project)["files"]

    first = up(url=URL, sha256="a" * 64, strip_components="1")
    assert first == {"url": URL, "sha256": "a" * 64, "strip_components": 1}
    up(url=f"{URL}?a=b", sha256="b" * 64, folder="dist")
    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)
    entry = releases.rollback(stacks.Target(project=project, stack="dev", cloud=None), "web", None)
    assert (entry.update, entry.given) == (1, first)
    assert up() == first


def test_a_text_comes_back_where_an_object_stands_and_the_other_way_round(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = engine.project(tmp_path / "shop", PROGRAM)
    aim = stacks.Target(project=project, stack="dev", cloud=None)
    built = {"path": "image", "arguments": {"VERSION": "1.1.0"}}

    def up(given: object = None) -> object:
        engine.run("config", "set", "--path", "app.port", "8000", cwd=project)
        if given:
            engine.run("config", "rm", "--path", "app.files", cwd=project)
            for path, text in releases.leaves("app.files", given).items():
                engine.run("config", "set", "--path", path, text, cwd=project)
        engine.run("up", "--yes", "--skip-preview", cwd=project)
        return engine.outputs(project)["files"]

    for given in (f"{URL}:1", built, f"{URL}:2"):
        assert up(given) == given
    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)
    assert releases.rollback(aim, "web", None).given == built
    assert up() == built
    assert releases.rollback(aim, "web", f"{URL}:1").given == f"{URL}:1"
    assert up() == f"{URL}:1"
