"""The tool `artefact`: only what the hash names is unpacked, as a whole, and nothing gets out."""

import hashlib
import io
import os
import shutil
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes.https_server import HttpsServer
from tests.processes.tool_runner import Ended, Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    root = tmp_path / "root"
    (root / "root").mkdir(parents=True)
    made = Machine(root)
    made.environment["SUDO_USER"] = ""
    return made


def tar(*entries: tuple[str, str] | tarfile.TarInfo) -> bytes:
    """Return an archive of files with these contents, and of whatever else is given."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for entry in entries:
            info = entry if isinstance(entry, tarfile.TarInfo) else tarfile.TarInfo(entry[0])
            content = b"" if isinstance(entry, tarfile.TarInfo) else entry[1].encode()
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return target.getvalue()


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def spec(content: bytes, **changes: Any) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    return {
        "name": "app",
        "id": digest[:16],
        "source": {"kind": "upload", "sha256": digest, "upload": f".upload-{digest[:16]}"},
        "form": "tar",
        "file": "app.tar.gz",
        "strip": 0,
        "keep": 3,
        "disk_mib": 1,
        **changes,
    }


def upload(machine: Machine, document: dict[str, Any], content: bytes) -> Path:
    path = machine.root / "root" / document["source"]["upload"]
    path.write_bytes(content)
    return path


def up(machine: Machine, content: bytes, **changes: Any) -> Path:
    """Upload and unpack; return the folder of the files."""
    document = spec(content, **changes)
    upload(machine, document, content)
    ended = machine.run("artefact", "up", document)
    assert ended.code == 0, ended.err
    return home(machine) / document["id"] / "files"


def refused(machine: Machine, content: bytes, **changes: Any) -> Ended:
    """Upload what must be refused; nothing of it may stay but the upload."""
    document = spec(content, **changes)
    upload(machine, document, content)
    ended = machine.run("artefact", "up", document)
    assert ended.code == 1
    assert list(home(machine).iterdir()) == []
    assert machine.receipt(f"artefact-app.{document['id']}") is None
    return ended


def home(machine: Machine) -> Path:
    return machine.stack / "artefacts/app"


def modes(folder: Path) -> dict[str, str]:
    found = [path for path in folder.rglob("*") if not path.is_symlink()]
    return {str(p.relative_to(folder)): oct(stat.S_IMODE(p.stat().st_mode))[2:] for p in found}


def test_what_was_uploaded_is_unpacked_with_modes_of_ours_and_the_upload_goes(
    machine: Machine,
) -> None:
    run = tarfile.TarInfo("bin/run")
    run.mode = 0o6777
    files = up(machine, tar(("a.txt", "hello"), run, ("deep/er/b", "x")))
    assert (files / "a.txt").read_text() == "hello"
    assert modes(files) == {
        "a.txt": "644",
        "bin": "755",
        "bin/run": "755",
        "deep": "755",
        "deep/er": "755",
        "deep/er/b": "644",
    }
    assert not list((machine.root / "root").iterdir())
    assert stat.S_IMODE(home(machine).stat().st_mode) == 0o711
    assert machine.receipt(f"artefact-app.{files.parent.name}")


def test_a_second_run_needs_no_upload_and_changes_nothing(machine: Machine) -> None:
    content = tar(("a", "1"))
    files = up(machine, content)
    inode = (files / "a").stat().st_ino
    ended = machine.run("artefact", "up", spec(content))
    assert ended.report["was_there"] is True
    assert (files / "a").stat().st_ino == inode


def test_an_upload_that_was_changed_on_the_way_is_refused_and_removed(machine: Machine) -> None:
    document = spec(tar(("a", "1")))
    path = upload(machine, document, tar(("a", "2")))
    ended = machine.run("artefact", "up", document)
    assert "is not what was sent" in ended.err
    assert "next: upload it again: `pulumi up --replace" in ended.err
    assert list(home(machine).iterdir()) == []
    assert not path.exists()


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "nothing"])
def test_an_upload_that_is_no_plain_file_is_never_opened(machine: Machine, kind: str) -> None:
    content = tar(("a", "1"))
    document = spec(content)
    path = upload(machine, document, content)
    real = path.rename(machine.root / "elsewhere")
    if kind == "link":
        path.symlink_to(real)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    ended = machine.run("artefact", "up", document)
    assert ended.code == 1
    assert "upload it again" in ended.err or "Is a directory" in ended.err
    assert not (home(machine) / document["id"]).exists()
    assert real.read_bytes() == content


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (("../evil", "x"), "leads out of the artefact"),
        (("/etc/evil", "x"), "leads out of the artefact"),
        (("a/../../evil", "x"), "leads out of the artefact"),
        (special("dev", tarfile.CHRTYPE), "is neither file nor folder nor link"),
        (special("disk", tarfile.BLKTYPE), "is neither file nor folder nor link"),
        (special("pipe", tarfile.FIFOTYPE), "is neither file nor folder nor link"),
        (special("link", tarfile.SYMTYPE, "../../x"), "is a link that leads out"),
        (special("link", tarfile.SYMTYPE, "/etc/passwd"), "is a link that leads out"),
        (("good", "again"), "'good' is there twice"),
        (special("good", tarfile.SYMTYPE, "other"), "'good' is there twice"),
    ],
)
def test_what_an_archive_must_not_hold_is_refused(
    machine: Machine, entry: tuple[str, str] | tarfile.TarInfo, why: str
) -> None:
    ended = refused(machine, tar(("good", "x"), entry))
    assert why in ended.err
    assert "next: pack the artefact again" in ended.err
    assert not list(machine.root.parent.rglob("evil"))


def test_links_that_lead_out_only_together_are_refused(machine: Machine) -> None:
    content = tar(
        ("d1/d2/file", "x"),
        special("d1/d2/up", tarfile.SYMTYPE, "../.."),
        special("out", tarfile.SYMTYPE, "d1/d2/up/.."),
    )
    assert "'out' is a link that leads out" in refused(machine, content).err


def test_nothing_is_written_through_a_link(machine: Machine) -> None:
    outside = machine.root / "outside"
    outside.mkdir()
    content = tar(special("way", tarfile.SYMTYPE, str(outside)), ("way/evil", "x"))
    refused(machine, content)
    assert list(outside.iterdir()) == []


def test_inner_links_and_hard_links_work(machine: Machine) -> None:
    files = up(
        machine,
        tar(
            ("lib/real", "x"),
            special("lib/alias", tarfile.SYMTYPE, "real"),
            special("hard", tarfile.LNKTYPE, "lib/real"),
        ),
    )
    assert (files / "lib/alias").read_text() == (files / "hard").read_text() == "x"
    assert (files / "hard").stat().st_nlink == 1


def test_leading_folders_are_dropped(machine: Machine) -> None:
    files = up(machine, tar(("app-1.2/README", "x"), ("app-1.2/bin/run", "y")), strip=1)
    assert set(modes(files)) == {"README", "bin", "bin/run"}


def test_a_zip_is_unpacked_and_its_links_and_modes_are_seen(machine: Machine) -> None:
    def packed(*entries: tuple[str, str, int]) -> bytes:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            for name, content, mode in entries:
                info = zipfile.ZipInfo(name)
                info.external_attr = mode << 16
                archive.writestr(info, content)
        return target.getvalue()

    files = up(
        machine,
        packed(
            ("run", "x", 0o100755), ("sub/", "", 0o40755), ("sub/a", "y", 0), ("l", "run", 0o120777)
        ),
        form="zip",
    )
    assert modes(files) == {"run": "755", "sub": "755", "sub/a": "644"}
    assert (files / "l").read_text() == "x"
    shutil.rmtree(home(machine))
    out = packed(("l", "../../../x", 0o120777))
    assert "is a link that leads out" in refused(machine, out, form="zip").err
    assert "neither" in refused(machine, packed(("p", "", 0o10644)), form="zip").err


def test_a_file_that_is_no_archive_stays_one_and_may_be_run(machine: Machine) -> None:
    assert modes(up(machine, b"\x7fELF", form="file", file="app")) == {"app": "755"}
    assert modes(up(machine, b"PK", form="file", file="a-1.whl")) == {"a-1.whl": "644"}


@pytest.mark.parametrize("form", ["tar", "zip"])
def test_a_broken_archive_is_refused(machine: Machine, form: str) -> None:
    assert f"no {form} archive that can be unpacked" in refused(machine, b"junk", form=form).err
    if form == "tar":
        content = tar(("a", "x" * 100_000))
        assert "can be unpacked" in refused(machine, content[: len(content) // 2]).err


def test_a_full_disk_is_noticed_before_anything_is_unpacked(machine: Machine) -> None:
    ended = refused(machine, tar(("a", "1")), disk_mib=2**40)
    assert "an artefact needs" in ended.err
    assert "next: make room" in ended.err


def test_a_run_that_was_cut_off_is_made_good(machine: Machine) -> None:
    half = home(machine) / ".new" / "files"
    half.mkdir(parents=True)
    (half / "junk").write_text("x")
    assert modes(up(machine, tar(("a", "1")))) == {"a": "644"}
    assert len(list(home(machine).iterdir())) == 1


def test_the_newest_stay_for_a_way_back_and_all_go_with_the_last(machine: Machine) -> None:
    contents = [tar(("a", str(number))) for number in range(5)]
    documents = [spec(content, keep=2) for content in contents]
    for number, content in enumerate(contents):
        folder = up(machine, content, keep=2).parent
        os.utime(folder, (number, number))
        if number:
            assert machine.run("artefact", "down", documents[number - 1]).code == 0
    there = {path.name for path in home(machine).iterdir()}
    assert there == {documents[3]["id"], documents[4]["id"]}
    assert machine.run("artefact", "down", documents[4]).code == 0
    assert not (machine.stack / "artefacts").exists()


def test_what_another_release_uses_stays_whatever_its_age(machine: Machine) -> None:
    old, new = tar(("a", "old")), tar(("a", "new"))
    used = up(machine, old, keep=1)
    os.utime(used.parent, (1, 1))
    up(machine, new, keep=1)
    assert machine.run("artefact", "down", spec(new, keep=1)).code == 0
    assert used.is_dir()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / "app.py").write_text("print()")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=first")
    return folder


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_a_commit_is_unpacked_even_when_a_branch_has_moved_on(
    machine: Machine, repository: Path
) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    (repository / "app.py").write_text("changed")
    git(repository, "commit", "--quiet", "--all", "--message=second")
    machine.environment |= {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{repository}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://example.com/app",
    }
    source = {"kind": "git", "url": "https://example.com/app", "commit": commit}
    document = spec(b"", source=source, id="1" * 16)
    ended = machine.run("artefact", "up", document)
    assert ended.code == 0, ended.err
    files = home(machine) / ("1" * 16) / "files"
    assert modes(files) == {"app.py": "644"}
    assert (files / "app.py").read_text() == "print()"
    assert os.listdir(files.parent) == ["files"]  # noqa: PTH208 - names only
    gone = {**source, "commit": "2" * 40}
    ended = machine.run("artefact", "up", spec(b"", source=gone, id="2" * 16))
    assert ended.code == 1
    assert "can be read from the host and has 2222" in ended.err


@pytest.fixture
def server(machine: Machine, tmp_path: Path) -> Iterator[HttpsServer]:
    with HttpsServer(tmp_path / "server") as started:
        machine.environment["SSL_CERT_FILE"] = str(started.certificate)
        yield started


def fetch(machine: Machine, server: HttpsServer, path: str, content: bytes) -> Ended:
    digest = hashlib.sha256(content).hexdigest()
    source = {"kind": "url", "url": f"{server.url}{path}", "sha256": digest}
    return machine.run("artefact", "up", spec(content, source=source))


def test_an_address_is_downloaded_again_when_the_server_fails(
    machine: Machine, server: HttpsServer
) -> None:
    content = tar(("a", "1"))
    server.answers = [(503, {}, b""), (302, {"Location": "/real"}, b""), (200, {}, content)]
    ended = fetch(machine, server, "/app.tar.gz", content)
    assert ended.code == 0, ended.err
    assert modes(home(machine) / ended.report["path"].split("/")[-1] / "files") == {"a": "644"}
    assert server.asked == ["/app.tar.gz", "/app.tar.gz", "/real"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, {}, tar(("a", "other"))), "find out who changed it"),
        ((404, {}, b""), "HTTP Error 404"),
        ((302, {"Location": "http://example.com/x"}, b""), "which is not encrypted"),
    ],
)
def test_a_download_that_is_not_what_was_named_is_refused_at_once(
    machine: Machine, server: HttpsServer, answer: tuple[int, dict[str, str], bytes], said: str
) -> None:
    server.answers = [answer]
    ended = fetch(machine, server, "/app.tar.gz", tar(("a", "1")))
    assert ended.code == 1
    assert said in ended.err
    assert list(home(machine).iterdir()) == []


def test_a_server_with_a_strange_certificate_is_not_believed(
    machine: Machine, server: HttpsServer
) -> None:
    machine.environment.pop("SSL_CERT_FILE")
    content = tar(("a", "1"))
    server.answers = [(200, {}, content)]
    ended = fetch(machine, server, "/app.tar.gz", content)
    assert ended.code == 1
    assert "CERTIFICATE_VERIFY_FAILED" in ended.err
