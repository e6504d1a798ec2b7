"""What the tools of an upgrade compute: the next container, what is left, folders as they were."""

import importlib
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TOOLS = Path(__file__).parents[2] / "assets" / "remote"
ID = "0123456789ab" + "c" * 52


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(TOOLS))  # type: ignore[no-untyped-call]
    return importlib.import_module


def container(**more: Any) -> dict[str, Any]:
    return {
        "Id": ID,
        "Name": "/signing-app",
        "Config": {
            "Hostname": ID[:12],
            "Image": "signer:1",
            "Env": ["KEY=secret", "RELEASE=1", "OLD=x"],
            "Cmd": ["serve"],
            "Healthcheck": {"Test": ["CMD", "one"]},
            "User": "7:7",
            "Labels": {"theirs": "yes", "version": "1"},
            "ExposedPorts": {"3000/tcp": {}},
        },
        "HostConfig": {
            "Binds": ["/srv/signing:/certificate:ro", "signing-data:/data"],
            "PortBindings": {"3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "3900"}]},
            "RestartPolicy": {"Name": "always"},
            "NetworkMode": "signing",
            "Memory": 99,
        },
        "NetworkSettings": {
            "Networks": {"signing": {"Aliases": ["sign", ID[:12]], "IPAMConfig": None}}
        },
        "Mounts": [
            {"Type": "bind", "Source": "/srv/signing", "Destination": "/certificate", "RW": False},
            {"Type": "volume", "Name": "signing-data", "Source": "/v/signing-data/_data"}
            | {"Destination": "/data", "RW": True},
            {"Type": "volume", "Name": "f00", "Source": "/v/f00/_data"}
            | {"Destination": "/cache", "RW": True},
        ],
        **more,
    }


OWN = {
    "Env": ["RELEASE=1"],
    "Cmd": ["serve"],
    "Healthcheck": {"Test": ["CMD", "one"]},
    "Labels": {"version": "1"},
}


def made(load: Any, **options: Any) -> dict[str, Any]:
    module = load("_successors")
    body: dict[str, Any] = module.successor(container(), OWN, "sha256:2", upgrade="s/x", **options)
    return body


def test_the_next_container_has_what_somebody_set_and_not_what_the_old_image_said(
    load: Any,
) -> None:
    body = made(load, environment={"OLD": "", "NEW": "1"})
    assert body["Env"] == ["KEY=secret", "NEW=1"]
    assert body["Labels"] == {"theirs": "yes", "homeport.upgrade": "s/x"}
    assert (body["Image"], body["User"]) == ("sha256:2", "7:7")
    assert not {"Cmd", "Healthcheck", "Hostname"} & set(body)
    assert body["HostConfig"]["Memory"] == 99
    assert body["NetworkingConfig"] == {"EndpointsConfig": {"signing": {"Aliases": ["sign"]}}}


def test_data_that_only_the_image_asked_for_is_mounted_again(load: Any) -> None:
    binds = made(load)["HostConfig"]["Binds"]
    assert binds == ["/srv/signing:/certificate:ro", "signing-data:/data", "f00:/cache"]
    assert load("_successors").data_of(container()) == {
        "signing-data": "/v/signing-data/_data",
        "f00": "/v/f00/_data",
    }


def test_nobody_reaches_a_version_that_migrates(load: Any) -> None:
    body = made(load, closed=True)
    host = body["HostConfig"]
    assert (host["PortBindings"], host["RestartPolicy"]) == ({}, {"Name": "no"})
    assert body["NetworkingConfig"] == {"EndpointsConfig": {}}
    assert "ExposedPorts" not in body


def test_a_copy_is_in_its_own_network_on_its_own_data_under_the_names_that_are_known(
    load: Any,
) -> None:
    copies = {"signing-data": "copy-0", "f00": "copy-1"}
    body = made(load, closed=True, network="trial", volumes=copies)
    host = body["HostConfig"]
    assert host["NetworkMode"] == "trial"
    assert host["Binds"][1:] == ["copy-0:/data", "copy-1:/cache"]
    points = body["NetworkingConfig"]["EndpointsConfig"]
    assert points == {"trial": {"Aliases": ["sign", "signing-app"]}}


def test_what_is_left_begins_after_the_version_that_runs_and_keeps_what_changed_before(
    load: Any,
) -> None:
    spec = {
        "version": "1",
        "counts": {"rows": "one"},
        "stages": [
            {"version": "2", "environment": {"A": "2"}, "counts": {"rows": "two"}},
            {"version": "3", "environment": {"B": "3"}, "counts": {}},
        ],
    }
    after = load("_versions").after
    assert [stage["version"] for stage in after(spec, "1")] == ["2", "3"]
    (last,) = after(spec, "2")
    assert (last["environment"], last["counts"]) == ({"A": "2", "B": "3"}, {"rows": "two"})
    assert after(spec, "3") == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    (made / "sub").mkdir(parents=True)
    (made / "sub/a").write_text("a")
    (made / "b").write_text("b")
    (made / "b").chmod(0o640)
    (made / "link").symlink_to("sub/a")
    return made


def test_a_folder_comes_back_as_it_was_whatever_became_of_it(
    load: Any, folder: Path, tmp_path: Path
) -> None:
    module: ModuleType = load("_snapshots")
    saved, before = tmp_path / "saved.tar", module.tree_sha256(folder)
    module.save(folder, saved)
    assert saved.stat().st_mode & 0o777 == 0o600
    (folder / "b").unlink()
    (folder / "link").unlink()
    (folder / "link").mkdir()
    (folder / "sub/a").rename(folder / "sub/c")
    assert module.tree_sha256(folder) != before
    module.bring_back(saved, folder, before)
    assert module.tree_sha256(folder) == before
    assert str((folder / "link").readlink()) == "sub/a"


@pytest.mark.parametrize(
    "change",
    [
        lambda f: (f / "b").write_text("c"),
        lambda f: (f / "b").chmod(0o600),
        lambda f: os.utime(f / "b", (1, 1)),
        lambda f: (f / "new").mkdir(),
        lambda f: os.chown(f / "b", 7, 7),
    ],
)
def test_every_difference_between_two_folders_shows(load: Any, folder: Path, change: Any) -> None:
    module = load("_snapshots")
    before = module.tree_sha256(folder)
    change(folder)
    assert module.tree_sha256(folder) != before


def test_a_folder_that_does_not_come_back_is_told_and_not_passed_over(
    load: Any, folder: Path, tmp_path: Path
) -> None:
    module, error = load("_snapshots"), load("_homeport").StepError
    module.save(folder, tmp_path / "saved.tar")
    with pytest.raises(error, match="is not what it was"):
        module.bring_back(tmp_path / "saved.tar", folder, "another hash")


def test_names_out_of_the_way_are_ones_that_docker_and_postgres_take(load: Any) -> None:
    aside = load("_wayback").aside
    assert aside("signing-app", "2.11.0", "-") == "signing-app-before-2-11-0"
    assert len(aside("x" * 80, "2.11.0", "_")) <= 63


def test_what_is_said_of_a_database_itself_is_said_again_of_its_copy(load: Any) -> None:
    pattern = load("_wayback").OF_DATABASE
    lines = {
        "ALTER DATABASE signing OWNER TO signer;": True,
        "GRANT CONNECT ON DATABASE signing TO reader;": True,
        "ALTER ROLE reader IN DATABASE signing SET work_mem TO '1MB';": True,
        "GRANT SELECT ON TABLE public.x TO reader;": False,
        "CREATE TABLE public.x (": False,
    }
    assert {line: bool(pattern.match(line)) for line in lines} == lines
