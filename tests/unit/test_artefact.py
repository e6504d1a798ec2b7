"""Artefacts: what a plan knows of them, what makes another one of them, and what is refused."""

import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from components import packing
from components.artefact import Artefact, ArtefactArgs
from components.artefact_source import GitSource, LocalSource, Source, UrlSource
from tests.recorder import Deployment, record
from tests.unit.fake_host import fake_host

SHA256 = "0" * 63 + "1"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
URL = "https://example.com/builds/app-1.2.tar.gz"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program runs in a folder of its own, which holds one folder to deploy."""
    monkeypatch.chdir(tmp_path)
    build = tmp_path / "build"
    (build / "bin").mkdir(parents=True)
    (build / "bin/app").write_text("#!/bin/sh\n")
    (build / "bin/app").chmod(0o755)
    (build / "page.html").write_text("<p>")
    return tmp_path


def deploy(source: Source, **changes: Any) -> tuple[Deployment, Artefact]:
    made: list[Artefact] = []

    def program() -> None:
        made.append(Artefact("app", ArtefactArgs(host=fake_host(), source=source, **changes)))

    return record(program), made[0]


def identity(source: Source, **changes: Any) -> str:
    return deploy(source, **changes)[1].id


def test_a_folder_travels_as_one_file_and_is_checked_and_unpacked_by_one_step() -> None:
    deployment, made = deploy(LocalSource(path="build"))
    upload = deployment.one("CopyToRemote")
    step = deployment.one("Command")
    assert upload.name == f"app-upload-{made.id}"
    assert upload.inputs["remotePath"] == f".homeport-homeport-staging-app-{made.id}"
    digest = packing.sha256_of_folder(Path("build"))
    assert upload.inputs["source"] == {"path": f".homeport/artefacts/{digest}.tar"}
    assert packing.sha256_of_file(Path(f".homeport/artefacts/{digest}.tar")) == digest
    assert step.options.dependencies == (upload.urn,)
    assert step.inputs["create"].endswith("/bin/artefact up")
    assert step.inputs["delete"].endswith("/bin/artefact down")
    folder = f"/opt/homeport/homeport-staging/artefacts/app/{made.id}"
    assert (made.folder, made.path) == (folder, f"{folder}/files")


def test_what_the_host_fetches_itself_is_not_uploaded() -> None:
    for source in (UrlSource(url=URL, sha256=SHA256), GitSource(url=URL, commit=COMMIT)):
        deployment, _ = deploy(source)
        assert not deployment.of_type("CopyToRemote")


def test_the_identity_changes_with_names_contents_links_and_the_right_to_run(
    project: Path,
) -> None:
    build = project / "build"
    seen = [identity(LocalSource(path="build"))]

    def changed() -> None:
        seen.append(identity(LocalSource(path="build")))

    (build / "page.html").write_text("<b>")
    changed()
    (build / "page.html").rename(build / "index.html")
    changed()
    (build / "index.html").chmod(0o755)
    changed()
    (build / "link").symlink_to("index.html")
    changed()
    (build / "empty").mkdir()
    changed()
    assert len(set(seen)) == len(seen)


def test_the_identity_does_not_change_with_what_differs_between_checkouts(project: Path) -> None:
    before = identity(LocalSource(path="build"))
    for path in (project / "build").rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(path.stat().st_mode & 0o700)
    (project / "build/__pycache__").mkdir()
    (project / "build/__pycache__/a.pyc").write_text("x")
    (project / "build/.git").mkdir()
    assert identity(LocalSource(path="build")) == before
    (project / "build").rename(project / "elsewhere")
    assert identity(LocalSource(path="elsewhere")) == before


def test_an_address_is_no_part_of_the_identity_but_the_hash_is() -> None:
    first = identity(UrlSource(url=URL, sha256=SHA256))
    mirror = UrlSource(url="https://mirror.example.com/app.tar.gz", sha256=SHA256)
    assert identity(mirror) == first
    assert identity(UrlSource(url=URL, sha256="2" * 64)) != first
    assert identity(UrlSource(url=URL, sha256=SHA256), strip_components=1) != first
    assert identity(GitSource(url=URL, commit=COMMIT)) != first


def test_a_folder_that_changes_while_it_is_packed_is_refused(project: Path) -> None:
    with pytest.raises(ValueError, match="changed while it was packed; run the command again"):
        packing.pack(project / "build", project / "a.tar", SHA256)
    assert [path.name for path in project.iterdir()] == ["build"]


def test_what_cannot_travel_is_refused(project: Path) -> None:
    os.mkfifo(project / "build/pipe")
    with pytest.raises(ValueError, match="pipe is neither file nor folder nor link"):
        packing.sha256_of_folder(project / "build")


def test_a_plan_knows_what_a_local_artefact_holds(project: Path) -> None:
    with tarfile.open("app.tgz", "w:gz") as archive:
        archive.add("build", arcname="app-1.2")
    with zipfile.ZipFile("app.zip", "w") as zipped:
        zipped.write("build/page.html", "page.html")
    (project / "app").write_text("binary")
    assert deploy(LocalSource(path="build"))[1].contains("bin/app")
    assert deploy(LocalSource(path="build"))[1].contains("app") is False
    assert deploy(LocalSource(path="app.tgz"), strip_components=1)[1].contains("page.html")
    assert deploy(LocalSource(path="app.zip"))[1].contains("page.html")
    assert deploy(LocalSource(path="app"))[1].contains("app")
    assert deploy(UrlSource(url=URL, sha256=SHA256))[1].contains("bin/app") is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LocalSource(path="gone"), "there is no 'gone'; build it first"),
        (lambda: UrlSource(url="http://example.com/a", sha256=SHA256), "must begin with https"),
        (lambda: UrlSource(url="https://me:pw@example.com/a", sha256=SHA256), "without user"),
        (lambda: UrlSource(url=URL, sha256="A" * 64), "64 hexadecimal digits in lower case"),
        (lambda: GitSource(url="ssh://example.com/a", commit=COMMIT), "must begin with https"),
        (lambda: GitSource(url=URL, commit="main"), "commit must be the whole name"),
        (lambda: GitSource(url=URL, commit=COMMIT[:12]), "commit must be the whole name"),
        (lambda: args(strip_components=17), "strip_components: must be from 0 to 16"),
        (lambda: args(keep=0), "keep: must be from 1 to 100"),
        (
            lambda: args(source=UrlSource(url="https://example.com/", sha256=SHA256)),
            "'' is no usable file name",
        ),
        (
            lambda: args(
                source=UrlSource(url="https://example.com/app", sha256=SHA256), strip_components=1
            ),
            "app is no archive; leave it out",
        ),
    ],
)
def test_what_cannot_be_deployed_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def args(**changes: Any) -> ArtefactArgs:
    given: dict[str, Any] = {"host": None, "source": UrlSource(url=URL, sha256=SHA256)}
    return ArtefactArgs(**{**given, **changes})
