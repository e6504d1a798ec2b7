"""The starter from an empty project to destroy, in the order of its life."""

import dataclasses
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import hcloud
import pytest
import yaml
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from homeport import paths, releases, stacks
from homeport.cloud.instance import Cloud
from tests.e2e.deployed import Deployed as Starter
from tests.e2e.starter.browsing import browser
from tests.e2e.starter.load import Load

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
FIRST_IMAGE = "ghcr.io/homeport/ledger:1.0.0"
NEXT_IMAGE = "ghcr.io/homeport/ledger:1.1.0"


@pytest.fixture(scope="module")
def starter(cloud: Cloud) -> Iterator[Starter]:
    made = Starter(stacks.Target(project=paths.ROOT, stack="staging", cloud=cloud))
    made.up()
    yield made
    made.destroy()


def test_the_first_up_ends_with_a_site_that_passes_every_smoke_check(starter: Starter) -> None:
    assert starter.broken() == []


def test_the_outputs_name_url_address_login_and_release_and_no_secret(starter: Starter) -> None:
    outputs = starter.outputs()
    assert set(outputs) == {"url", "address", "ssh", "release", "release_settings"}
    assert outputs["url"] == "https://staging.ledger.example.com"


def test_a_second_up_changes_nothing_and_opens_no_ssh_connection(starter: Starter) -> None:
    lines = "journalctl -u ssh -o cat --no-pager | wc -l"
    before = starter.console(lines)
    printed = starter.up()
    assert "unchanged" in printed
    assert not {"created", "updated", "replaced", "deleted"} & set(printed.split())
    assert starter.console(lines) == before, "sshd saw a connection"


def test_only_ssh_http_and_https_answer_from_outside(starter: Starter) -> None:
    address = starter.outputs()["address"]
    listening = starter.console("ss -Htln | awk '{print $4}' | grep -o '[0-9]*$'").split()
    candidates = sorted({22, 80, 443, 2019, 2375, 5432, 8000, *map(int, listening)})
    answering = [port for port in candidates if _answers(address, port)]
    assert answering == [22, 80, 443]


def test_the_database_listens_on_no_address_of_the_host(starter: Starter) -> None:
    assert ":5432" not in starter.console("ss -Htln")


def test_no_secret_is_found_where_it_must_not_be(starter: Starter) -> None:
    places = {
        "output of pulumi": "\n".join(starter.printed),
        "state": starter.pulumi("stack", "export").stdout,
        "command lines": starter.console("cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'"),
        "journal": starter.console("journalctl --no-pager -o cat"),
        "container logs": starter.console(
            "for c in $(docker ps -aq); do docker logs $c 2>&1; done"
        ),
        "container settings": starter.console("docker inspect $(docker ps -aq)"),
        "images": starter.console("docker image inspect $(docker image ls -q)"),
        "receipts": starter.console("cat /opt/homeport/*/receipts/*"),
        "proxy logs": starter.console("cat /var/log/caddy/* 2>/dev/null; true"),
    }
    secrets = starter.secrets()
    assert len(secrets) >= 8, "three passwords, their salts, two keys"
    assert all(len(secret) >= 12 for secret in secrets)
    found = [where for where, text in places.items() if any(secret in text for secret in secrets)]
    assert found == []


def test_no_secret_is_in_a_layer_of_an_image_or_in_what_a_container_wrote(
    starter: Starter,
) -> None:
    in_every_ledger = "DATABASE_PASSWORD"
    everything = (
        "docker save $(docker image ls -q | sort -u);"
        "for container in $(docker ps -aq); do docker export $container; done"
    )
    search = f"cat > /run/patterns; ({everything}) | grep -aoFf /run/patterns | sort -u"
    found = starter.console(search, stdin="\n".join([*starter.secrets(), in_every_ledger]))
    starter.console("rm /run/patterns")
    assert found.split() == [in_every_ledger]


def test_the_page_works_in_a_browser_that_trusts_the_authority_of_the_site(
    starter: Starter, tmp_path: Path
) -> None:
    with browser(starter.site, tmp_path) as page:
        page.get(f"https://{starter.site.hostname}/")
        page.find_element(By.NAME, "description").send_keys("a browser's entry")
        page.find_element(By.NAME, "amount").send_keys("12.50")
        page.find_element(By.CSS_SELECTOR, "form button").click()
        wait = WebDriverWait(page, 60)
        wait.until(
            lambda shown: "a browser's entry" in shown.find_element(By.TAG_NAME, "main").text
        )
        assert starter.outputs()["release"] in page.find_element(By.TAG_NAME, "body").text


def test_a_browser_that_does_not_trust_the_authority_is_warned(
    starter: Starter, tmp_path: Path
) -> None:
    stranger = dataclasses.replace(starter.site, ca_file=None)
    with browser(stranger, tmp_path) as page:
        page.get(f"https://{stranger.hostname}/")
        assert "ERR_CERT_AUTHORITY_INVALID" in page.page_source


def test_a_release_under_load_loses_no_request(starter: Starter) -> None:
    old = starter.outputs()["release"]
    with Load(starter.site) as load:
        starter.up(app__image=NEXT_IMAGE)
    new = starter.outputs()["release"]
    assert load.lost == []
    assert load.sent > 100
    assert new != old
    assert {old, new} == set(load.releases)


def test_the_old_release_is_gone_after_the_new_one_serves(starter: Starter) -> None:
    names = starter.console("docker ps -a --format '{{.Names}}'").split()
    release = starter.outputs()["release"]
    assert [name for name in names if "-web-" in name] == [f"homeport-staging-web-{release}"]


def test_a_rollback_under_load_loses_neither_a_request_nor_data(
    starter: Starter, tmp_path: Path
) -> None:
    entry = {"description": "kept over a rollback", "amount": "7.00"}
    written = starter.site.request("POST", "/api/entries", json=entry).json()
    for file in ("Pulumi.yaml", "Pulumi.staging.yaml"):
        shutil.copy(paths.ROOT / file, tmp_path)
    chosen = releases.rollback(dataclasses.replace(starter.aim, project=tmp_path), "web", None)
    stack_file = yaml.safe_load((tmp_path / "Pulumi.staging.yaml").read_text())
    assert stack_file["config"]["homeport:app"]["image"] == chosen.value == FIRST_IMAGE
    with Load(starter.site) as load:
        starter.up(app__image=chosen.value)
    assert load.lost == []
    read = starter.site.request("GET", f"/api/entries/{written['id']}")
    assert read.json()["description"] == entry["description"]
    assert read.headers["x-release"] == starter.outputs()["release"]


def test_a_release_that_never_gets_healthy_leaves_the_old_one_serving(starter: Starter) -> None:
    old = starter.outputs()["release"]
    environment = {"LOG_LEVEL": "INFO", "FAIL_MODE": "never-healthy"}
    with Load(starter.site) as load:
        failed = starter.try_up(app__environment=environment, app__start_timeout_seconds=8)
    assert failed.returncode != 0
    assert "next:" in failed.stdout + failed.stderr
    assert load.lost == []
    assert set(load.releases) == {old}


def test_after_a_failed_release_the_next_up_converges(starter: Starter) -> None:
    starter.up(app__environment={"LOG_LEVEL": "INFO"}, app__start_timeout_seconds=60)
    release = starter.outputs()["release"]
    assert starter.site.request("GET", "/healthz").headers["x-release"] == release
    names = starter.console("docker ps -a --format '{{.Names}}'").split()
    assert len([name for name in names if "-web-" in name]) == 1


def test_an_image_that_does_not_exist_leaves_the_old_release_serving(starter: Starter) -> None:
    old = starter.outputs()["release"]
    failed = starter.try_up(app__image="ghcr.io/homeport/ledger:9.9.9")
    assert failed.returncode != 0
    assert starter.site.request("GET", "/healthz").headers["x-release"] == old
    starter.up(app__image=NEXT_IMAGE)


def test_a_server_that_somebody_deleted_comes_back_under_its_address_with_its_data(
    starter: Starter, client: hcloud.Client
) -> None:
    entry = {"description": "kept on the volume", "amount": "7.00"}
    written = starter.site.request("POST", "/api/entries", json=entry).json()
    address = starter.outputs()["address"]
    gone = client.servers.get_by_name(f"{starter.system}-server")
    assert gone
    gone.delete().wait_until_finished()
    starter.refresh("**::server-server")
    starter.up()
    assert starter.outputs()["address"] == address
    read = starter.site.request("GET", f"/api/entries/{written['id']}")
    assert read.json()["description"] == entry["description"]
    assert starter.broken() == []


def test_destroy_leaves_nothing_in_the_cloud(starter: Starter, client: hcloud.Client) -> None:
    starter.destroy()
    mark = "homeport-staging"
    kinds = (
        client.servers,
        client.primary_ips,
        client.firewalls,
        client.ssh_keys,
        client.volumes,
        client.zones,
    )
    left = [item.name for kind in kinds for item in kind.get_all()]
    assert [name for name in left if mark in str(name) or "ledger" in str(name)] == []


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False
