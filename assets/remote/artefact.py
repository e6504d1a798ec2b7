#!/usr/bin/python3 -B
"""Brings an artefact to the host: fetched, checked by its hash, unpacked as a whole or not at all.

What an account uploaded is copied to where only root writes, and the copy is what gets checked and
unpacked. It lies in a folder named by its content, which never changes: a second `up` only looks.
`down` forgets it; of those that nothing uses any more, the newest few stay for a way back, and none
does once the program has no artefact of this name.
"""

import contextlib
import hashlib
import http.client
import json
import os
import pwd
import shutil
import ssl
import stat
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import _packages
from _homeport import (
    Spec,
    at,
    fail,
    folder,
    lock,
    main,
    make_directory,
    receipts,
    remove_receipt,
    run,
    write_receipt,
)
from _room import check_disk
from _unpack import unpack

PAUSES = (1, 4)
CHUNK = 2**20
UPLOAD_AGAIN = "upload it again: `pulumi up --replace '**-upload-{id}'`"


def up(spec: Spec) -> None:
    """Make the artefact's folder unless it is there."""
    place = home(spec) / spec["id"]
    with lock(f"artefact-{spec['system']}"):
        for path in (home(spec).parent, home(spec)):
            # Accounts that run it pass through; which other artefacts there are, they need not see.
            make_directory(path, mode=0o711)
        there = place.is_dir()
        if not there:
            make(spec, place)
        os.utime(place)
        write_receipt(spec, receipt(spec, spec["id"]), {"path": str(place), "of": spec["source"]})
        forget_upload(spec)
    sys.stdout.write(json.dumps({"path": str(place), "was_there": there}) + "\n")


def down(spec: Spec) -> None:
    """Forget the artefact, and remove those that nobody will go back to."""
    with lock(f"artefact-{spec['system']}"):
        remove_receipt(spec, receipt(spec, spec["id"]))
        forget_upload(spec)
        if not home(spec).is_dir():
            return
        live = {path.stem for path in receipts(spec).glob(receipt(spec, "*") + ".json")}
        newest = sorted(home(spec).iterdir(), key=lambda path: -path.stat().st_mtime)
        for path in newest[spec["keep"] if live else 0 :]:
            if receipt(spec, path.name) not in live:
                shutil.rmtree(path)
        for path in (home(spec), home(spec).parent):
            with contextlib.suppress(OSError):
                path.rmdir()


def home(spec: Spec) -> Path:
    """Return the folder of all artefacts of this name."""
    return folder(spec) / "artefacts" / str(spec["name"])


def receipt(spec: Spec, identity: str) -> str:
    """Return the name of the receipt of one artefact."""
    # A name never holds a dot, so no pattern meets another one's receipts.
    return f"artefact-{spec['name']}.{identity}"


def make(spec: Spec, place: Path) -> None:
    """Fetch, check and unpack beside `place`, then give it its name."""
    work = place.parent / ".new"
    shutil.rmtree(work, ignore_errors=True)
    make_directory(work, mode=0o700)
    try:
        archive, files = work / "archive", work / "files"
        check_disk(work, spec["disk_mib"], "an artefact")
        {"upload": take_upload, "url": download, "git": clone}[spec["source"]["kind"]](
            spec, archive
        )
        if spec["form"] == "file":
            make_directory(files)
            archive.rename(files / spec["file"])
            (files / spec["file"]).chmod(0o644 if spec["file"].endswith(".whl") else 0o755)
        else:
            unpack(archive, spec["form"], files, strip=spec["strip"], spare_mib=spec["disk_mib"])
            archive.unlink()
        run(["sync", "--file-system", str(work)])
        work.chmod(0o755)
        work.rename(place)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def take_upload(spec: Spec, archive: Path) -> None:
    """Copy what the login uploaded, and check the copy."""
    try:
        descriptor = os.open(
            uploaded(spec), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        )
    except OSError as error:
        cure = UPLOAD_AGAIN.format(id=spec["id"])
        fail(f"the upload of artefact {spec['name']} is not there: {error}", "", cure)
    with os.fdopen(descriptor, "rb") as source:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            fail(f"{uploaded(spec)} is no file", "", UPLOAD_AGAIN.format(id=spec["id"]))
        check_disk(archive.parent, spec["disk_mib"], "an artefact", status.st_size)
        digest = copy(source, archive, spec["disk_mib"])
    if digest != spec["source"]["sha256"]:
        forget_upload(spec)
        what = (
            f"the upload of artefact {spec['name']} is not what was sent: its SHA-256 is {digest}"
        )
        fail(f"{what}, not {spec['source']['sha256']}", "", UPLOAD_AGAIN.format(id=spec["id"]))


def uploaded(spec: Spec) -> Path:
    """Return where the upload lies: in the home of the account that logged in."""
    account = pwd.getpwnam(os.environ.get("SUDO_USER") or "root")
    return at(account.pw_dir) / str(spec["source"]["upload"])


def forget_upload(spec: Spec) -> None:
    """Remove the upload, which is not needed any more."""
    if spec["source"]["kind"] == "upload":
        uploaded(spec).unlink(missing_ok=True)


class OnlyHttps(urllib.request.HTTPRedirectHandler):
    """Follows redirections as long as they stay encrypted."""

    def redirect_request(  # noqa: PLR0917 - as the library calls it
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the request that follows, or refuse it."""
        if not newurl.startswith("https://"):
            fail(f"the address leads to {newurl}, which is not encrypted", "", "name another one")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(spec: Spec, archive: Path) -> None:
    """Download the artefact, trying again what may pass, and check it."""
    source = spec["source"]
    for pause in (*PAUSES, None):
        try:
            with open_url(source["url"]) as answer:
                digest = copy(answer, archive, spec["disk_mib"])
            break
        except OSError as error:
            wrong = isinstance(error, urllib.error.HTTPError) and error.code < 500
            final = wrong or isinstance(getattr(error, "reason", None), ssl.SSLError)
            if final or pause is None:
                cure = "check the address, and the host's way to it, then `pulumi up` again"
                fail(f"cannot download {source['url']}: {error}", "", cure)
        time.sleep(pause)
    if digest != source["sha256"]:
        what = f"{source['url']} has the SHA-256 {digest}, not {source['sha256']}"
        fail(what, "", "find out who changed it; if it is right, correct sha256 in the program")


@contextlib.contextmanager
def open_url(url: str) -> Iterator[IO[bytes]]:
    """Open an address; certificates are checked against the host's own roots."""
    secure = urllib.request.HTTPSHandler(context=ssl.create_default_context())
    opener = urllib.request.build_opener(secure, OnlyHttps)
    request = urllib.request.Request(url, headers={"User-Agent": "homeport"})  # noqa: S310 - https
    with opener.open(request, timeout=60) as answer:
        yield answer


def copy(source: IO[bytes], target: Path, spare_mib: int) -> str:
    """Copy a file and return the SHA-256 of what was written."""
    digest = hashlib.sha256()
    with target.open("wb") as file:
        while chunk := source.read(CHUNK):
            check_disk(target.parent, spare_mib, "an artefact", len(chunk))
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def clone(spec: Spec, archive: Path) -> None:
    """Fetch one commit and pack its files; Git itself checks that they are that commit's."""
    source = spec["source"]
    if not shutil.which("git"):
        _packages.ensure(["git"], [])
    repository = archive.parent / "repository"
    git = ["git", "-C", str(repository)]
    quiet = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    cure = f"check that {source['url']} can be read from the host and has {source['commit']}"
    run(["git", "init", "--quiet", "--bare", str(repository)])
    wanted = [*git, "fetch", "--quiet", "--no-tags", "--depth=1", source["url"], source["commit"]]
    if run(wanted, check=False, env=quiet).returncode != 0:
        # Not every server gives away a commit that no branch ends with.
        everything = [
            "--quiet",
            source["url"],
            "+refs/heads/*:refs/heads/*",
            "+refs/tags/*:refs/tags/*",
        ]
        run([*git, "fetch", *everything], env=quiet, cure=cure, timeout_seconds=1200)
    form = ["archive", "--format=tar", f"--output={archive}"]
    run([*git, *form, f"{source['commit']}^{{commit}}"], cure=cure)
    shutil.rmtree(repository)


if __name__ == "__main__":
    main({"up": up, "down": down})
