"""Containers that write to the host's journal, and the unit that sends it to a store."""

import json

import pytest

from components.app import App, AppArgs
from components.health import HealthCheck
from components.journal_upload import JournalUpload, JournalUploadArgs
from tests.recorder import Deployment, record
from tests.unit.fake_host import fake_host

CONTAINER = "docker:index/container:Container"


def deploy(memory_mib: int = 128, path: str = "/insert/journald") -> Deployment:
    def run() -> None:
        host = fake_host().with_journal()
        image, health = "victoriametrics/victoria-logs:v1.52.1", HealthCheck(path="/health")
        store = App(
            "logs",
            AppArgs(host=host, image=image, port=9428, health=health, memory_mib=memory_mib),
        )
        JournalUpload("journal", JournalUploadArgs(host=host, app=store, path=path))

    return record(run)


def unit(made: Deployment) -> str:
    document = json.loads(made.one("Command", "journal").inputs["stdin"])
    (file,) = document["files"]
    assert document["units_enabled"] == [file["path"].rpartition("/")[2]]
    assert file["then"] == [["systemctl", "try-restart", *document["units_enabled"]]]
    return str(file["content"])


def test_containers_write_to_the_journal_with_the_names_of_app_and_release() -> None:
    (container,) = deploy().of_type(CONTAINER)
    assert container.inputs["logDriver"] == "journald"
    assert container.inputs["logOpts"] == {"labels": "homeport.app,homeport.release"}


def test_the_journal_is_sent_to_the_stable_port_of_the_store() -> None:
    assert "--url=http://127.0.0.1:9428/insert/journald " in unit(deploy())


def test_another_release_of_the_store_is_sent_the_whole_journal() -> None:
    before, after = unit(deploy()), unit(deploy(memory_mib=256))
    states = {text.partition("--save-state=")[2].partition("\n")[0] for text in (before, after)}
    assert len(states) == 2
    assert unit(deploy()) == before


def test_it_begins_once_the_store_has_its_traffic() -> None:
    made = deploy()
    before = made.one("Command", "journal").options.dependencies
    assert any("::logs-switch-" in urn for urn in before)


@pytest.mark.parametrize("path", ["", "insert", "/insert/"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="journal upload: path: must begin with /"):
        deploy(path=path)
