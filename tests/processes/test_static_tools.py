"""The tools of static apps: releases as a whole or not at all, one rename, nothing lost."""

import gzip
import http.server
import json
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes.fake_commands import FakeCommands
from tests.processes.https_server import write_certificate
from tests.processes.tool_runner import SYSTEM, Ended, Machine

HOME = f"/opt/homeport/{SYSTEM}/static/docs"
PAGE = "<h1>page</h1>" * 50
STYLE = "body { colour: red }" * 50
HASHED = "assets/app.0123456789ab.css"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    root = tmp_path / "root"
    made = Machine(root)
    made.stack.mkdir(parents=True)
    return made


@pytest.fixture(autouse=True)
def commands(machine: Machine) -> FakeCommands:
    return FakeCommands(machine, "runuser", "sync")


def spec(release: str, **changes: Any) -> dict[str, Any]:
    return {
        "app": "docs",
        "release": release,
        "account": "caddy",
        "keep_releases": 3,
        "artefact": f"/artefacts/{release}",
        "folder": "",
        "files": {},
        "hashed_folders": [],
        "check_paths": [],
        "disk_mib": 1,
        **changes,
    }


def put(machine: Machine, release: str, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = machine.root / "artefacts" / release / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def make(machine: Machine, release: str, **changes: Any) -> Ended:
    return machine.run("staticfiles", "up", spec(release, **changes))


def switch(machine: Machine, release: str, **changes: Any) -> Ended:
    return machine.run("staticswitch", "up", spec(release, **changes))


def remove(machine: Machine, release: str, **changes: Any) -> Ended:
    return machine.run("staticfiles", "down", spec(release, **changes))


def deploy(
    machine: Machine, release: str, holds: dict[str, str | bytes] | None = None, **changes: Any
) -> None:
    """Make a release of an index and these files, and switch to it."""
    put(machine, release, {"index.html": f"{release} {PAGE}", **(holds or {})})
    for ended in (make(machine, release, **changes), switch(machine, release, **changes)):
        assert ended.code == 0, ended.err


def live(machine: Machine) -> Path:
    return machine.root / HOME.lstrip("/") / "live"


def served(machine: Machine) -> set[str]:
    """Everything that the proxy finds below the live release, as part/path."""
    root = live(machine)
    parts = (root / part for part in ("site", "hashed"))
    return {str(p.relative_to(root)) for part in parts for p in part.rglob("*") if p.is_file()}


def test_a_release_holds_the_artefacts_files_and_their_compressed_variants(
    machine: Machine,
) -> None:
    put(machine, "a", {"index.html": PAGE, HASHED: STYLE, "logo.png": b"\x89PNG" * 200, "x": "x"})
    ended = make(machine, "a")
    assert ended.code == 0, ended.err
    size = len(PAGE) + len(STYLE) + 800 + 1
    assert ended.report == {"files": 4, "bytes": size, "hashed": 1}
    assert switch(machine, "a").code == 0
    found = {name for name in served(machine) if not name.endswith((".zst", ".br"))}
    assert found == {
        "site/index.html",
        "site/index.html.gz",
        "site/logo.png",
        "site/x",
        f"hashed/{HASHED}",
        f"hashed/{HASHED}.gz",
    }
    assert gzip.decompress((live(machine) / "site/index.html.gz").read_bytes()) == PAGE.encode()


def test_files_belong_to_nobody_who_could_change_them(machine: Machine) -> None:
    deploy(machine, "a", {HASHED: STYLE})
    for path in live(machine).resolve().rglob("*"):
        mode = path.stat().st_mode & 0o777
        assert mode == (0o750 if path.is_dir() else 0o600 if path.suffix == ".json" else 0o640)


def test_the_proxys_account_tries_to_read_everything(
    machine: Machine, commands: FakeCommands
) -> None:
    put(machine, "a", {"index.html": PAGE})
    commands.answer("runuser", "/opt/homeport/x/site/index.html\n")
    ended = make(machine, "a")
    assert ended.code == 1
    assert "the account caddy cannot read the release" in ended.err
    assert not (machine.root / HOME.lstrip("/")).exists()


@pytest.mark.parametrize(("tool", "ending"), [("brotli", ".br"), ("zstd", ".zst")])
def test_a_compressor_of_the_host_makes_its_variant(
    machine: Machine, commands: FakeCommands, tool: str, ending: str
) -> None:
    script = (
        "#!/bin/sh\nfor word; do out=${word#--output=}; case $out in *.br|*.zst) echo x > $out;"
    )
    commands.add(tool)
    command = Path(machine.environment["PATH"].split(":")[0]) / tool
    command.write_text(f"{script}; esac; done\n")
    deploy(machine, "a")
    assert (live(machine) / f"site/index.html{ending}").read_text() == "x\n"


def test_what_the_artefact_brings_compressed_is_taken_as_it_is(machine: Machine) -> None:
    own = gzip.compress(PAGE.encode(), 1)
    put(machine, "a", {"index.html": PAGE, "index.html.gz": own, "alone.gz": own})
    assert make(machine, "a").report["files"] == 2
    switch(machine, "a")
    assert (live(machine) / "site/index.html.gz").read_bytes() == own
    assert "site/alone.gz" in served(machine)


def test_a_variant_that_is_of_another_file_is_refused(machine: Machine) -> None:
    put(machine, "a", {"index.html": PAGE, "index.html.gz": gzip.compress(b"old")})
    ended = make(machine, "a")
    assert ended.code == 1
    assert "index.html.gz of the artefact is not index.html compressed" in ended.err


def test_an_unchanged_file_has_the_same_time_in_every_release_and_a_changed_one_another(
    machine: Machine,
) -> None:
    """Proxies make the ETag of time and size."""
    times = []
    for release, text in (("a", "1"), ("b", "2"), ("c", "1")):
        deploy(machine, release, {"same.txt": "same", "text.txt": text})
        os.utime(machine.root / "artefacts" / release / "text.txt", (0, 0))
        site = live(machine) / "site"
        times.append(tuple((site / name).stat().st_mtime for name in ("same.txt", "text.txt")))
    assert times[0] == times[2]
    assert times[0][0] == times[1][0]
    assert times[0][1] != times[1][1]


def test_settings_replace_the_artefacts_own_with_its_compressed_variants(machine: Machine) -> None:
    own = {"env.js": "theirs", "env.js.gz": gzip.compress(b"theirs")}
    deploy(machine, "a", own, files={"env.js": "window.environment = {};\n"})
    assert (live(machine) / "site/env.js").read_text() == "window.environment = {};\n"
    assert "site/env.js.gz" not in served(machine)


def test_hidden_files_are_not_served_but_for_those_that_must_be(machine: Machine) -> None:
    files: dict[str, str | bytes] = {".env": "x", ".git/config": "x", ".well-known/a": "x"}
    deploy(machine, "a", {**files, "sub/.htpasswd": "x"})
    names = {name for name in served(machine) if not name.endswith((".gz", ".zst", ".br"))}
    assert names == {"site/index.html", "site/.well-known/a"}


def test_only_the_named_folder_of_the_artefact_is_served(machine: Machine) -> None:
    put(machine, "a", {"dist/index.html": PAGE, "src/secret.txt": "x"})
    assert make(machine, "a", folder="dist").code == 0
    switch(machine, "a")
    assert "site/index.html" in served(machine)
    assert not [name for name in served(machine) if "secret" in name]


@pytest.mark.parametrize(
    ("files", "changes", "message"),
    [
        ({"page.html": PAGE}, {}, "the artefact has no index.html"),
        ({"index.html": ""}, {}, "the artefact's index.html for / is empty"),
        ({"index.html": PAGE}, {"check_paths": ["/about"]}, "the artefact has no about"),
        ({"index.html": PAGE}, {"folder": "dist"}, "no folder 'dist'; it has index.html"),
        ({"index.html": PAGE}, {"disk_mib": 2**40}, "MiB are free"),
    ],
)
def test_a_broken_artefact_makes_no_release_and_the_old_one_goes_on(
    machine: Machine, files: dict[str, str | bytes], changes: dict[str, Any], message: str
) -> None:
    deploy(machine, "old")
    before = served(machine)
    put(machine, "bad", files)
    ended = make(machine, "bad", **changes)
    assert ended.code == 1
    assert message in ended.err
    assert served(machine) == before
    assert [p.name for p in (live(machine).parent / "releases").iterdir()] == ["old"]


def test_a_page_that_must_be_there_may_be_a_folder_with_an_index(machine: Machine) -> None:
    put(machine, "a", {"index.html": PAGE, "about/index.html": PAGE, "up.txt": "up"})
    assert make(machine, "a", check_paths=["/about", "/up.txt"]).code == 0


def test_a_link_to_a_file_is_the_file_and_a_link_to_a_folder_is_refused(machine: Machine) -> None:
    put(machine, "a", {"index.html": PAGE, "sub/x.txt": "x"})
    folder = machine.root / "artefacts/a"
    (folder / "y.txt").symlink_to("sub/x.txt")
    assert make(machine, "a").code == 0
    switch(machine, "a")
    assert not (live(machine) / "site/y.txt").is_symlink()
    (folder / "loop").symlink_to(".")
    ended = make(machine, "b", artefact="/artefacts/a")
    assert ended.code == 1
    assert "loop in the artefact is no file" in ended.err


def test_a_second_run_changes_nothing(machine: Machine) -> None:
    deploy(machine, "a", {HASHED: STYLE})
    inodes = {path: path.stat().st_ino for path in live(machine).resolve().rglob("*")}
    shutil.rmtree(machine.root / "artefacts")
    assert make(machine, "a").report["hashed"] == 1
    assert switch(machine, "a").report["live"] == "a"
    assert {path: path.stat().st_ino for path in live(machine).resolve().rglob("*")} == inodes


def test_what_a_dead_run_left_is_made_anew(machine: Machine) -> None:
    half = machine.root / HOME.lstrip("/") / "releases/.a/site"
    half.mkdir(parents=True)
    (half / "left.html").write_text("half")
    deploy(machine, "a")
    assert "site/left.html" not in served(machine)
    assert not half.exists()


def names(*numbers: int) -> set[str]:
    return {f"hashed/assets/app.{number:08x}ab.css" for number in numbers}


def test_hashed_files_are_kept_for_so_many_releases_and_then_go(machine: Machine) -> None:
    for number in range(1, 6):
        asset = f"assets/app.{number:08x}ab.css"
        deploy(machine, f"r{number}", {asset: f"{number} {STYLE}"}, keep_releases=2)
        if number > 1:
            assert remove(machine, f"r{number - 1}").code == 0
    plain = {name for name in served(machine) if name.endswith(".css")}
    assert plain == names(3, 4, 5)
    assert {f"{name}.gz" for name in plain} <= served(machine)
    kept = live(machine) / "hashed/assets/app.00000003ab.css"
    assert kept.read_text().startswith("3 ")


def test_a_way_back_serves_the_files_of_the_release_that_it_leaves(machine: Machine) -> None:
    deploy(machine, "a", {"assets/app.aaaaaaaa1.css": STYLE})
    deploy(machine, "b", {"assets/app.bbbbbbbb1.css": STYLE})
    # The engine goes back to a release that is still there by removing the one that is live.
    assert remove(machine, "b").report == {"live": "a"}
    styles = {name for name in served(machine) if name.endswith(".css")}
    assert styles == {"hashed/assets/app.aaaaaaaa1.css", "hashed/assets/app.bbbbbbbb1.css"}


@pytest.mark.parametrize("folders", [[], ["/assets"]])
def test_a_hashed_name_with_another_content_is_refused(
    machine: Machine, folders: list[str]
) -> None:
    name = "assets/logo.svg" if folders else HASHED
    deploy(machine, "a", {name: "one"}, hashed_folders=folders)
    put(machine, "b", {"index.html": PAGE, name: "two"})
    ended = make(machine, "b", hashed_folders=folders)
    assert ended.code == 1
    assert f"{name} is not what it was, but has the same name" in ended.err
    # Also when the release between had no such file at all.
    deploy(machine, "c", {}, hashed_folders=folders)
    assert make(machine, "b", hashed_folders=folders).code == 1


@pytest.mark.parametrize(
    ("name", "hashed"),
    [
        ("a.0123456789ab.css", True),
        ("a-1b2c3d4e.js", True),
        ("sub/a.deadbeef1.js.map", True),
        ("report-20240101.pdf", False),
        ("a.deadbeef.css", True),
        ("a.48213377.chunk.js", True),
        ("a-48213377.js.map", True),
        ("a.deadbeef.txt", False),
        ("defaced1/index.txt", False),
        ("a.0123456789ab.html", False),
        ("a.1b2c3d4.js", False),
        ("a-1B2C3D4E.js", False),
    ],
)
def test_a_hash_shows_in_a_name(machine: Machine, name: str, hashed: bool) -> None:
    deploy(machine, "a", {name: "x"})
    assert (f"hashed/{name}" in served(machine)) is hashed


def test_a_kept_file_gives_way_to_what_the_release_has_in_its_place(machine: Machine) -> None:
    deploy(machine, "b", {"y.1b2c3d4e.js/old.1b2c3d4e.js": "1", "z.1b2c3d4e.js": "1"})
    deploy(machine, "c", {"y.1b2c3d4e.js": "2", "z.1b2c3d4e.js/new.1b2c3d4e.js": "2"})
    plain = {name for name in served(machine) if name.endswith(".js")}
    assert plain == {"hashed/y.1b2c3d4e.js", "hashed/z.1b2c3d4e.js/new.1b2c3d4e.js"}


class Proxy:
    """Serves what `live` leads to, as the proxy does, and something else after `honest` answers."""

    def __init__(self, folder: Path, site: Callable[[], Path]) -> None:
        folder.mkdir()
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        write_certificate(certificate, key)
        self.asked: list[str] = []
        self.honest = 1000
        self.lie = (200, b"")
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                name = self.path.removeprefix("/docs").lstrip("/") or "index.html"
                status, body = 200, (site() / "site" / name).read_bytes()
                if len(outer.asked) > outer.honest:
                    status, body = outer.lie
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)


@pytest.fixture
def proxy(machine: Machine, tmp_path: Path) -> Iterator[Proxy]:
    made = Proxy(tmp_path / "tls", lambda: live(machine))
    thread = threading.Thread(target=made.server.serve_forever, args=(0.05,))
    thread.start()
    statics = [{"folder": HOME, "path": "/docs"}]
    machine.write_receipt("site-x", {"meta": {"hostnames": ["x.example.com"], "statics": statics}})
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def try_switch(machine: Machine, release: str, proxy: Proxy) -> Ended:
    return switch(machine, release, proxy_port=proxy.server.server_port, try_seconds=0.5)


def test_after_the_switch_the_site_is_asked_for_what_has_changed(
    machine: Machine, proxy: Proxy
) -> None:
    for release in ("a", "b"):
        put(machine, release, {"index.html": PAGE, "news.html": release})
        assert make(machine, release).code == 0
    assert try_switch(machine, "a", proxy).report["probed"] is False
    assert try_switch(machine, "b", proxy).report == {"before": "a", "live": "b", "probed": True}
    assert proxy.asked[-2:] == ["/docs/", "/docs/news.html"]


@pytest.mark.parametrize("status", [200, 500])
def test_a_proxy_that_does_not_follow_gets_the_old_release_back(
    machine: Machine, proxy: Proxy, status: int
) -> None:
    deploy(machine, "a", proxy_port=proxy.server.server_port)
    put(machine, "b", {"index.html": "b"})
    make(machine, "b")
    proxy.honest, proxy.lie = 1, (status, (live(machine) / "site/index.html").read_bytes())
    ended = try_switch(machine, "b", proxy)
    assert ended.code == 1
    said = "gave something else than index.html of release b" if status == 200 else "gave 500"
    assert f"https://x.example.com/docs/ on this host {said}" in ended.err
    assert live(machine).readlink().name == "a"
    assert machine.receipt("static-docs.b") is None
    proxy.honest = 1000
    assert try_switch(machine, "b", proxy).code == 0


def test_a_site_that_was_broken_before_does_not_hold_a_release_up(
    machine: Machine, proxy: Proxy
) -> None:
    deploy(machine, "a")
    put(machine, "b", {"index.html": "b"})
    make(machine, "b")
    proxy.honest, proxy.lie = 0, (401, b"a password is needed")
    assert try_switch(machine, "b", proxy).report == {"before": "a", "live": "b", "probed": False}


def test_the_live_release_of_a_site_is_not_removed_before_the_site(machine: Machine) -> None:
    deploy(machine, "a")
    machine.write_receipt(
        "site-x",
        {"meta": {"hostnames": ["x.test"], "statics": [{"folder": HOME, "path": "/docs"}]}},
    )
    ended = remove(machine, "a")
    assert ended.code == 1
    assert "release a of docs serves x.test/docs, and there is no other" in ended.err
    assert "remove the site first" in ended.err
    assert live(machine).readlink().name == "a"
    (machine.stack / "receipts/site-x.json").unlink()
    assert remove(machine, "a").report == {"live": None}
    assert not (machine.stack / "static").exists()
    assert machine.receipt("static-docs.a") is None


def test_a_release_that_never_got_the_traffic_does_not_take_over(machine: Machine) -> None:
    deploy(machine, "a")
    put(machine, "b", {"index.html": "b"})
    make(machine, "b")
    assert remove(machine, "a").report == {"live": None}


def test_a_release_that_is_not_live_goes_without_a_trace(machine: Machine) -> None:
    deploy(machine, "a")
    deploy(machine, "b")
    assert remove(machine, "a").report == {"live": "b"}
    assert [p.name for p in (live(machine).parent / "releases").iterdir()] == ["b"]
    assert remove(machine, "a").code == 0


def test_another_app_of_a_similar_name_is_left_alone(machine: Machine) -> None:
    deploy(machine, "a")
    put(machine, "b", {"index.html": "b"})
    for tool in ("staticfiles", "staticswitch"):
        assert machine.run(tool, "up", spec("b", app="docs-b")).code == 0
    assert machine.run("staticfiles", "down", spec("b", app="docs-b")).report == {"live": None}
    assert live(machine).readlink().name == "a"


def test_no_reader_ever_finds_a_gap_or_a_mixture(machine: Machine) -> None:
    """A process reads through the link as fast as it can while releases change."""
    for release in ("a", "b"):
        deploy(machine, release, {"page.txt": release * 5000})
    reader = (
        "import pathlib, sys\n"
        f"page = pathlib.Path({str(live(machine) / 'site/page.txt')!r})\n"
        "seen = set()\n"
        "print('ready', flush=True)\n"
        "while not pathlib.Path(sys.argv[1]).exists(): seen.add(page.read_text())\n"
        "print(sorted(text[0] for text in seen), all(len(set(text)) == 1 for text in seen))\n"
    )
    done = machine.root / "done"
    argv = ["python3", "-c", reader, str(done)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as reading:
        assert reading.stdout
        reading.stdout.readline()
        for release in ("a", "b") * 4:
            assert json.loads(switch(machine, release).out)["live"] == release
        done.touch()
        out, _ = reading.communicate(timeout=30)
    assert out == "['a', 'b'] True\n"
