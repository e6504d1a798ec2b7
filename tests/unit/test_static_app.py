"""Static apps: what makes a release, in which order things happen, and what a preview refuses."""

import dataclasses
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components import secrets
from components.artefact import Artefact, ArtefactArgs
from components.artefact_source import GitSource, LocalSource, Source
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.site import Site, SiteArgs
from components.site_routes import PathRoute
from components.static_app import StaticApp, StaticAppArgs, settings_file
from tests.recorder import Deployment, Record, record
from tests.unit.fake_host import fake_host

COMMIT = GitSource(url="https://git.example.com/docs.git", commit="a" * 40)
Making = Callable[[], dict[str, Any]]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program runs in a folder of its own, which holds one build."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build/dist/about").mkdir(parents=True)
    for name in ("index.html", "about/index.html", "up.txt"):
        (tmp_path / "build/dist" / name).write_text(name)
    return tmp_path


def program(source: Source | None = None, **more: Any) -> StaticApp:
    host = fake_host()
    proxy = ReverseProxy("proxy", ReverseProxyArgs(host=host, acme_email="ops@example.com"))
    source = source or LocalSource(path="build")
    artefact = Artefact("docs-build", ArtefactArgs(host=host, source=source))
    folder = "dist" if isinstance(source, LocalSource) else ""
    args = {"proxy": proxy, "artefact": artefact, "folder": folder, **more}
    app = StaticApp("docs", StaticAppArgs(**args))
    route = PathRoute(path="/docs", static=app, strip_prefix=True)
    Site("site", SiteArgs(proxy=proxy, hostnames=["docs.example.com"], routes=[route]))
    return app


def deploy(source: Source | None = None, *, preview: bool = False, **more: Any) -> Deployment:
    return record(lambda: program(source, **more) and None, preview=preview)


def release(deployment: Deployment) -> str:
    outputs = deployment.one("homeport:static_app:StaticApp").outputs
    assert outputs
    return str(outputs["release"])


def step(deployment: Deployment, role: str) -> Record:
    return deployment.one("Command", f"docs-{role}-{release(deployment)}")


def document(made: Record) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(made.inputs["stdin"])
    return parsed


def test_names_carry_the_release_so_that_the_old_one_stays_until_the_new_one_serves() -> None:
    deployment = deploy()
    own = [r.name for r in deployment.of_type("Command") if r.name.startswith("docs-")]
    id_ = release(deployment)
    assert f"docs-files-{id_}" in own
    assert f"docs-switch-{id_}" in own


def test_files_come_after_artefact_and_proxy_then_the_switch_then_the_site() -> None:
    deployment = deploy()
    files, switch = step(deployment, "files"), step(deployment, "switch")
    (artefact,) = [r for r in deployment.of_type("Command") if "-artefact-" in r.name]
    assert artefact.urn in files.options.dependencies
    assert deployment.one("Command", "proxy").urn in files.options.dependencies
    assert files.urn in switch.options.dependencies
    assert switch.urn in deployment.one("Command", "site-site").options.dependencies
    assert files.inputs["create"].endswith("/bin/staticfiles up")
    assert files.inputs["delete"].endswith("/bin/staticfiles down")
    assert switch.inputs["create"].endswith("/bin/staticswitch up")
    # The files' step, deleted after it, does it all.
    assert "delete" not in switch.inputs


def test_the_host_is_told_exactly_this() -> None:
    deployment = deploy(
        environment={"api": "https://a.example"},
        hashed_folders=["/assets"],
        check_paths=["/about"],
    )
    files, switch = document(step(deployment, "files")), document(step(deployment, "switch"))
    id_ = release(deployment)
    artefact = files.pop("artefact")
    assert artefact.startswith("/opt/homeport/homeport-staging/artefacts/docs-build/")
    assert artefact.endswith("/files")
    own = {"app": "docs", "release": id_, "account": "caddy", "keep_releases": 3}
    common = {"system": "homeport-staging", **own}
    assert switch == {"step": f"docs-switch-{id_}", **common}
    assert files == {
        "step": f"docs-files-{id_}",
        **common,
        "folder": "dist",
        "files": {
            "env.js": f'window.environment = {{"RELEASE": "{id_}", "api": "https://a.example"}};\n'
        },
        "hashed_folders": ["/assets"],
        "check_paths": ["/about"],
        "disk_mib": 512,
    }


def test_the_site_follows_the_link_and_is_known_to_the_guard() -> None:
    deployment = deploy()
    site = document(deployment.one("Command", "site-site"))
    folder = "/opt/homeport/homeport-staging/static/docs"
    assert site["meta"]["statics"] == [{"folder": folder, "path": "/docs"}]
    assert f"root * {folder}/live/site\n" in site["files"][0]["content"]


def test_the_release_is_known_in_the_first_preview() -> None:
    assert release(deploy(preview=True)) == release(deploy())


CHANGES: list[dict[str, Any]] = [
    {"source": COMMIT},
    {"source": dataclasses.replace(COMMIT, commit="b" * 40)},
    {"environment": {"a": "1"}},
    {"environment": {"a": "2"}},
    {"environment": {"a": "2"}, "environment_path": "/config/env.json"},
    {"environment": {"a": "2"}, "environment_variable": "settings"},
    {"hashed_folders": ["/assets"]},
    {"check_paths": ["/up.txt"]},
    {"revision": 2},
]


def test_whatever_changes_what_is_served_is_another_release() -> None:
    ids = [release(deploy(**change)) for change in ({}, *CHANGES)]
    assert len(set(ids)) == len(ids)


def test_a_changed_file_is_another_release_and_its_time_is_not(project: Path) -> None:
    before = release(deploy())
    (project / "build/dist/up.txt").touch()
    assert release(deploy()) == before
    (project / "build/dist/up.txt").write_text("changed")
    assert release(deploy()) != before


def test_how_it_is_served_is_no_release() -> None:
    assert release(deploy(single_page=True, keep_releases=9)) == release(deploy())


def settings(values: dict[str, str], **more: Any) -> str:
    found: list[dict[str, str]] = []

    def run() -> None:
        host = fake_host()
        proxy = ReverseProxy("proxy", ReverseProxyArgs(host=host, acme_email="ops@example.com"))
        artefact = Artefact("a", ArtefactArgs(host=host, source=COMMIT))
        args = StaticAppArgs(proxy=proxy, artefact=artefact, environment=values, **more)
        found.append(settings_file(args, "12345678"))

    record(run)
    (text,) = found[0].values()
    return text


HOSTILE = {
    "A": '</script><script>alert("x")</script>',
    "B": "<!-- ]]> &amp;",
    "C": "quote \" and ' and \\ and `${x}`",
    "D": "line\nand\u2028separator\u2029end",
    "E": "grün 🎈",
}


def test_no_setting_can_leave_its_script() -> None:
    text = settings(HOSTILE, environment_variable="ledgerEnvironment")
    assert text.isascii()
    assert text.count("\n") == 1
    assert not set("<>&") & set(text)
    start, end = "window.ledgerEnvironment = ", ";\n"
    assert text.startswith(start)
    assert text.endswith(end)
    body = text.removeprefix(start).removesuffix(end)
    assert json.loads(body) == {**HOSTILE, "RELEASE": "12345678"}


def test_settings_may_be_json() -> None:
    text = settings(HOSTILE, environment_path="/config/env.json")
    assert json.loads(text) == {**HOSTILE, "RELEASE": "12345678"}


def test_javascript_reads_the_settings_as_they_are(tmp_path: Path) -> None:
    if not shutil.which("node"):
        pytest.skip("needs node (package nodejs)")
    script = tmp_path / "env.js"
    script.write_text(f"const window = {{}};\n{settings(HOSTILE)}")
    script.write_text(f"{script.read_text()}console.log(JSON.stringify(window.environment));\n")
    done = subprocess.run(["node", str(script)], capture_output=True, check=True, text=True)
    assert json.loads(done.stdout) == {**HOSTILE, "RELEASE": "12345678"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"folder": "/dist"}, r"folder: must be a path inside the artefact, .* \(got '/dist'\)"),
        ({"folder": "dist/.."}, "folder: must be a path inside the artefact"),
        ({"folder": "build"}, r"artefact: it has no build/index\.html; build it, or correct"),
        ({"check_paths": ["/missing"]}, "artefact: it has no dist/missing"),
        ({"check_paths": ["about"]}, "check_paths: must begin with /"),
        ({"hashed_folders": ["assets/"]}, "hashed_folders: must begin with /"),
        ({"hashed_folders": ["/"]}, "hashed_folders: not all files can have a hash"),
        ({"environment": {"1a": "x"}}, "environment: '1a' is no variable name"),
        ({"environment": {"RELEASE": "x"}}, "environment: RELEASE is set by the component"),
        ({"environment": {"A": "https://u:p@x.de"}}, "environment: A holds a URL with a password"),
        ({"environment_path": "/env.txt"}, r"environment_path: must end with \.js or \.json"),
        ({"environment_path": "env.js"}, "environment_path: must begin with /"),
        (
            {"environment_path": "/a/env.js", "hashed_folders": ["/a"]},
            "environment_path: must not lie in hashed_folders",
        ),
        ({"environment_variable": "a b"}, "environment_variable: must be a name that JavaScript"),
        ({"keep_releases": 0}, "keep_releases: must be from 1 to 100"),
        ({"revision": 0}, "revision: must be from 1"),
    ],
)
def test_what_could_not_be_served_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^StaticApp: {message}"):
        deploy(**more)


@pytest.mark.parametrize("kind", ["secret", "output"])
def test_a_secret_is_refused_because_everybody_could_read_it(kind: str) -> None:
    def run() -> None:
        if kind == "secret":
            value: Any = secrets.given("token", "correct-horse-battery", context="x")
        else:
            value = pulumi.Output.secret("correct-horse-battery")
        program(environment={"TOKEN": value})

    with pytest.raises(ValueError, match="environment: TOKEN must be plain text") as caught:
        record(run)
    assert "correct-horse" not in str(caught.value)


def test_what_only_the_host_will_know_is_left_to_its_gate() -> None:
    deployment = deploy(COMMIT, check_paths=["/about"])
    assert document(step(deployment, "files"))["check_paths"] == ["/about"]


def test_the_file_with_the_settings_need_not_be_in_the_artefact() -> None:
    deploy(environment={"a": "1"}, check_paths=["/env.js"])


def test_a_static_app_and_an_app_of_a_host_cannot_have_one_name() -> None:
    def run() -> None:
        host = fake_host()
        proxy = ReverseProxy("proxy", ReverseProxyArgs(host=host, acme_email="ops@example.com"))
        host.remote.claims.take("app name", "docs", "app docs", cure="")
        artefact = Artefact("a", ArtefactArgs(host=host, source=COMMIT))
        StaticApp("docs", StaticAppArgs(proxy=proxy, artefact=artefact))

    with pytest.raises(ValueError, match="app name docs is already taken by app docs"):
        record(run)


def test_what_the_program_makes_for_the_page_is_published_and_makes_a_release_of_its_own() -> None:
    def published(value: str, version: str) -> Deployment:
        def run() -> None:
            key = secrets.Secret(value=pulumi.Output.secret(value), version=version)
            program(environment={"API_URL": "https://a.example"}, published={"API_KEY": key})

        return record(run)

    first, second = published("made-first", "1"), published("made-second", "2")
    assert len({release(deploy()), release(first), release(second)}) == 3
    text = document(step(first, "files"))["files"]["env.js"]
    settings = json.loads(text.partition(" = ")[2].rstrip().rstrip(";"))
    assert settings == {
        "API_KEY": "made-first",
        "API_URL": "https://a.example",
        "RELEASE": release(first),
    }


def test_a_published_setting_is_set_once() -> None:
    def run() -> None:
        program(environment={"API_KEY": "y"}, published={"API_KEY": secrets.plain("x")})

    with pytest.raises(Exception, match="API_KEY is set in environment too"):
        record(run)
