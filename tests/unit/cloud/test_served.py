"""What the list of served images says, and in which order it is built."""

from pathlib import Path

import pytest

from homeport.cloud import docker, images, served
from homeport.cloud.contract import MachineryError

LISTED = """
[[image]]
references = ["registry.example.com/custom:1"]
context = "systems/odoo/image"
onto = "registry.example.com/plain:1"
version = "1.0.0"

[[image]]
references = ["registry.example.com/plain:1"]
folder = "hello"
base = "12"
"""


def listed(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (folder / "images.toml").write_text(text)
    monkeypatch.setattr(served, "LIST", folder / "images.toml")


def test_every_image_of_the_project_has_one_source_and_a_base() -> None:
    for entry in served.entries():
        sources = (entry.folder, entry.app, entry.context)
        assert sum(source is not None for source in sources) == 1, entry
        assert bool(entry.base) is not bool(entry.onto), entry


def test_what_an_image_is_built_onto_is_built_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(tmp_path, monkeypatch, LISTED)
    built: list[tuple[str, str, str]] = []

    def build(name: str, context: Path, arguments: dict[str, str], _: object) -> str:
        built.append((name, context.name, arguments["BASE"]))
        return f"built/{name}"

    monkeypatch.setattr(images, "base", lambda release, _: f"debian:{release}")
    monkeypatch.setattr(images, "build", build)
    monkeypatch.setattr(docker, "inspect", lambda *_: {})
    assert served.build_all(print) == {
        "registry.example.com/plain:1": "built/hello",
        "registry.example.com/custom:1": "built/custom",
    }
    assert built == [("hello", "hello", "debian:12"), ("custom", "image", "built/hello")]


def test_an_image_onto_one_that_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(
        tmp_path,
        monkeypatch,
        LISTED.replace('onto = "registry.example.com/plain:1"', 'onto = "x:1"'),
    )
    with pytest.raises(MachineryError, match="custom:1 is built onto x:1, which is not there"):
        served.entries()


def test_the_s3_gateway_is_of_the_version_that_its_tag_says() -> None:
    (entry,) = [entry for entry in served.entries() if entry.folder == "s3"]
    (reference,) = entry.references
    required = (images.FOLDER / "s3" / "go.mod").read_text()
    assert f"\tgithub.com/versity/versitygw v{reference.rpartition(':')[2]}\n" in required


def test_what_an_image_needs_is_made_before_and_its_failure_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "prepare"
    script.write_text("#!/bin/sh\necho no compiler >&2; exit 3\n")
    script.chmod(0o755)
    built: list[str] = []
    monkeypatch.setattr(images, "image_id", lambda _: "sha256:1")
    monkeypatch.setattr(docker, "inspect", lambda *_: None)
    monkeypatch.setattr(docker, "run", lambda *argv, **_: built.append(argv[-1]))
    with pytest.raises(MachineryError, match="preparing tool failed: no compiler"):
        images.build("tool", tmp_path, {"BASE": "debian:12"}, print)
    assert built == []
    script.write_text(f"#!/bin/sh\nmkdir {tmp_path}/dist\n")
    images.build("tool", tmp_path, {"BASE": "debian:12"}, print)
    assert built == [str(tmp_path)]
    assert (tmp_path / "dist").is_dir()
