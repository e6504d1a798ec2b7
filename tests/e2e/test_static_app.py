"""Static apps behind each proxy: changed under load, broken, taken back, restarted, removed."""

import dataclasses
import gzip
import hashlib
import json
import re
import signal
import ssl
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from components.proxies.choice import chosen
from components.proxies.proxy import Kind
from homeport.cloud.instance import Cloud
from tests.e2e.load import Load
from tests.e2e.local_stack import LocalStack, changes, local_cloud, open_stack, running_up

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
PROGRAM = Path(__file__).parent / "statics"
HOSTNAME = "statics.example.com"
PROXIES: tuple[Kind, ...] = ("caddy", "nginx")


def build(folder: Path, number: int) -> str:
    """Write a build of the page, every line of which says its number; return its script's path."""
    script = f"/* {number} */\n" * 200
    name = f"assets/app.{hashlib.sha256(script.encode()).hexdigest()[:12]}.js"
    files = {
        "index.html": f"<script src=/{name}></script>\n" + f"<p>page {number}</p>\n" * 200,
        "env.js": "the build's own",
        "same.txt": "the same in every build\n" * 50,
        ".env": "never meant for the public",
        name: script,
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return f"/{name}"


def zip_docs(path: Path) -> None:
    """Write the second artefact, an archive with more in it than the site."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("public/index.html", "<h1>docs</h1>")
        archive.writestr("public/start/index.html", "<h1>start</h1>")
        archive.writestr("public/404.html", "<h1>no such page</h1>")
        archive.writestr("public/bundle/DfX9_k2-.js", "// hashed, though it does not show\n" * 20)
        archive.writestr("source.txt", "not for the public")


@dataclasses.dataclass(frozen=True)
class Served:
    """The stack, its proxy, and a client of its site."""

    stack: LocalStack
    proxy: Kind
    client: httpx.Client
    scripts: dict[int, str]

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(
            path,
            headers={
                "Host": HOSTNAME,
                **{name.replace("_", "-"): v for name, v in headers.items()},
            },
            extensions={"sni_hostname": HOSTNAME},
        )

    @property
    def configuration(self) -> str:
        """The file of the site on the server."""
        proxy = chosen(self.proxy)
        return f"{proxy.FOLDER}/statics-test-site{proxy.SUFFIX}"

    @property
    def number(self) -> str:
        """Which build is served."""
        return number_of(self.get("/"))

    def load(self) -> Load:
        ca = self.stack.cloud.environment["HOMEPORT_CA"]
        address = self.stack.output("address")
        return Load(address, HOSTNAME, ca, path="/", rate=100, release_of=number_of)


def number_of(answer: httpx.Response) -> str:
    """Return the numbers of the builds that an answer is of; more than one is a mixture."""
    return ",".join(sorted(set(re.findall(r"page (\d+)", answer.text)))) or "none"


@pytest.fixture(scope="module", params=PROXIES)
def served(
    request: pytest.FixtureRequest, cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    internet = local_cloud(cloud)
    stack = open_stack("statics", PROGRAM, tmp_path_factory.mktemp("statics"), internet)
    scripts = {number: build(stack.folder / f"page{number}", number) for number in (1, 2, 3)}
    zip_docs(stack.folder / "docs.zip")
    stack.configure(
        system="debian-13", proxy=request.param, acme="letsencrypt-staging", page="page1"
    )
    try:
        stack.up()
        context = ssl.create_default_context(cafile=internet.environment["HOMEPORT_CA"])
        with httpx.Client(
            base_url=f"https://{stack.output('address')}", verify=context, timeout=15
        ) as client:
            yield Served(stack, request.param, client, scripts)
    finally:
        stack.destroy()


def test_a_page_is_asked_for_each_time_and_comes_only_when_it_has_changed(served: Served) -> None:
    answer = served.get("/")
    assert (answer.status_code, number_of(answer)) == (200, "1")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["cache-control"] == "no-cache"
    assert "last-modified" not in answer.headers
    again = served.get("/", If_None_Match=answer.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    # Before the release; but the date of a file says nothing about when it got there.
    dated = served.get("/", If_Modified_Since="Tue, 01 Jan 2030 00:00:00 GMT")
    assert dated.status_code == 200


def test_what_is_sent_compressed_was_compressed_before(served: Served) -> None:
    script = served.scripts[1]
    folder = f"{served.stack.output('folder')}/live/hashed"
    kept = served.stack.ssh(f"gzip -dc {folder}{script}.gz | sha256sum").split()[0]
    plain = served.get(script, Accept_Encoding="identity")
    packed = served.get(script, Accept_Encoding="gzip")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.content == packed.content
    assert hashlib.sha256(plain.content).hexdigest() == kept
    assert len(gzip.compress(plain.content)) >= int(packed.headers["content-length"])
    assert packed.headers["etag"] != plain.headers["etag"]


def test_a_hashed_file_is_kept_for_a_year(served: Served) -> None:
    for path in (served.scripts[1], "/docs/bundle/DfX9_k2-.js"):
        answer = served.get(path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/orders/7", 200, "page 1"),
        ("/people/ann@example.org", 200, "page 1"),
        ("/assets/app.000000000000.js", 404, "404 Not Found"),
        ("/favicon.ico", 404, "404 Not Found"),
        ("/.env", 200, "page 1"),
        ("/docs/", 200, "<h1>docs</h1>"),
        ("/docs/start/", 200, "<h1>start</h1>"),
        ("/docs/nothing", 404, "<h1>no such page</h1>"),
        ("/docs/bundle/gone.js", 404, "<h1>no such page</h1>"),
        ("/docs/source.txt", 404, "<h1>no such page</h1>"),
    ],
)
def test_a_path_without_a_file_gets_what_the_app_has_for_it(
    served: Served, path: str, status: int, text: str
) -> None:
    answer = served.get(path)
    assert answer.status_code == status
    assert text in answer.text
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(("path", "to"), [("/docs", "/docs/"), ("/docs/start", "/docs/start/")])
def test_a_folder_without_its_slash_leads_to_the_one_with_it(
    served: Served, path: str, to: str
) -> None:
    answer = served.get(path)
    assert (answer.status_code, answer.headers["location"]) == (308, to)


def test_the_page_gets_its_settings_and_the_name_of_its_release(served: Served) -> None:
    text = served.get("/env.js").text
    assert "</script>" not in text
    settings = json.loads(text.removeprefix("window.settings = ").removesuffix(";\n"))
    assert settings == {"RELEASE": served.stack.output("release"), "title": "</script>"}


def test_only_the_proxy_may_read_the_files_and_nobody_change_them(served: Served) -> None:
    folder = served.stack.output("folder")
    modes = served.stack.ssh(
        f"find -L {folder}/live/site {folder}/live/hashed -printf '%m %u:%g\\n'"
    )
    group = chosen(served.proxy).GROUP
    assert set(modes.split("\n")[:-1]) == {f"750 root:{group}", f"640 root:{group}"}
    refused = served.stack.ssh(f"runuser -u nobody -- cat {folder}/live/site/index.html 2>&1 || :")
    assert "Permission denied" in refused


def test_a_second_up_changes_nothing(served: Served) -> None:
    assert set(changes(served.stack.up())) == {"unchanged"}


def test_a_release_change_loses_no_request_and_mixes_nothing(served: Served) -> None:
    before, unchanged = served.stack.output("release"), served.get("/same.txt")
    with served.load() as seen:
        served.stack.configure(page="page2")
        served.stack.up()
        time.sleep(0.5)
    assert seen.lost == {}
    assert set(seen.releases) == {"1", "2"}
    # A page that was loaded before the deploy gets what it names; what did not change stays valid.
    old = served.get(served.scripts[1])
    assert (old.status_code, old.text[:7]) == (200, "/* 1 */")
    same = served.get("/same.txt", If_None_Match=unchanged.headers["etag"])
    assert same.status_code == 304
    listed = served.stack.ssh(f"ls {served.stack.output('folder')}/releases")
    assert listed.split() == [served.stack.output("release")]
    assert before != served.stack.output("release")


def test_the_way_back_is_the_same_way(served: Served) -> None:
    with served.load() as seen:
        served.stack.configure(page="page1")
        served.stack.up()
        time.sleep(0.5)
    assert seen.lost == {}
    assert set(seen.releases) == {"1", "2"}
    assert served.number == "1"
    assert served.get(served.scripts[2]).status_code == 200


def test_an_engine_that_dies_after_the_switch_loses_nothing_on_the_way_back(
    served: Served,
) -> None:
    with served.load() as seen:
        served.stack.configure(page="page2")
        with running_up(served.stack) as dying:
            while served.number == "1":
                assert dying.poll() is None
        assert dying.returncode == -signal.SIGKILL
        assert served.stack.pulumi("cancel", "--yes").returncode == 0
        # The state may not know of the switch, and is told to go back to the release before it.
        served.stack.configure(page="page1")
        served.stack.up()
        time.sleep(0.5)
    assert seen.lost == {}
    assert set(seen.releases) == {"1", "2"}
    assert served.number == "1"
    assert served.get(served.scripts[2]).status_code == 200
    listed = served.stack.ssh(f"ls {served.stack.output('folder')}/releases")
    assert listed.split() == [served.stack.output("release")]


@pytest.mark.parametrize(
    ("index", "said"),
    [
        (None, "artefact: it has no index.html; build it, or correct folder"),
        ("", "the artefact's index.html for / is empty"),
    ],
)
def test_a_broken_artefact_leaves_the_old_release_serving(
    served: Served, index: str | None, said: str
) -> None:
    """The first is refused in the plan, the second by the gate on the host."""
    broken = served.stack.folder / "page3/index.html"
    whole = broken.read_text()
    broken.unlink()
    if index is not None:
        broken.write_text(index)
    with served.load() as seen:
        served.stack.configure(page="page3")
        assert said in served.stack.up_fails()
        time.sleep(0.5)
    broken.write_text(whole)
    assert seen.lost == {}
    assert set(seen.releases) == {"1"}


def test_a_proxy_that_does_not_show_the_release_gets_the_old_one_back_and_up_converges(
    served: Served,
) -> None:
    link = f"{served.stack.output('folder')}/live"
    release = served.stack.ssh(f"basename $(readlink {link})").strip()
    site, service = served.configuration, chosen(served.proxy).SERVICE
    served.stack.ssh(
        f"cp -p {site} /root/kept && sed -i s,page/live,page/releases/{release}, {site} "
        f"&& systemctl reload {service}"
    )
    served.stack.configure(page="page3")
    printed = served.stack.up_fails()
    assert "gave something else than index.html of release" in printed
    assert "the release before serves again" in printed
    assert served.stack.ssh(f"readlink {link}").strip() == f"releases/{release}"
    served.stack.ssh(f"mv /root/kept {site} && systemctl reload {service}")
    assert served.number == "1"
    served.stack.up()
    assert served.number == "3"
    for script in served.scripts.values():
        assert served.get(script).status_code == 200


def test_the_release_survives_a_restart_of_the_server(served: Served) -> None:
    server = served.stack.cloud.client.servers.get_by_name("statics-test-server")
    assert server
    server.reboot().wait_until_finished()
    deadline = time.monotonic() + 180
    while True:
        try:
            assert served.number == "3"
            break
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_without_site_and_apps_nothing_of_them_is_left(served: Served) -> None:
    served.stack.configure(served="false")
    served.stack.up()
    left = served.stack.ssh(
        f"find /opt/homeport/statics-test {chosen(served.proxy).FOLDER}"
    ).split()
    ours = [path.removeprefix("/opt/homeport/statics-test/") for path in left]
    found = [path for path in ours if not path.startswith("bin/")]
    assert not [path for path in found if path.startswith(("static", "artefacts"))]
    assert not [path for path in found if "static-" in path or "artefact-" in path]
    assert served.configuration not in left
