"""What a local cloud sets in a person's place: for its own services, and never over what is set."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from homeport import given
from homeport.cloud import shared_server, website_server
from homeport.cloud.contract import MachineryError
from homeport.cloud.instance import Cloud
from homeport.cloud.shared_server import SharedServer
from homeport.cloud.website_server import WebsiteServer

SERVER = SharedServer(
    address="198.18.0.20",
    host_key="ssh-ed25519 HOST",
    private_key="a key",
    root_password="of-root",
    sudo_password="of-caretaker",
    approver="ssh-ed25519 APPROVER",
)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cloud:
    made = object.__new__(Cloud)
    for name, value in {
        "name": "trial",
        "token": "a-token",
        "registry_password": "a-pull-token",
        "database_password": "of-the-database",
        "infrastructure_ca_file": tmp_path / "ca.pem",
    }.items():
        monkeypatch.setattr(Cloud, name, value, raising=False)
    (tmp_path / "ca.pem").write_text("the cloud's authority")
    monkeypatch.setattr(shared_server, "read", lambda _cloud: SERVER)
    return made


def config(user: str = "deploy", address: str = "shared-server.example.com") -> dict[str, Any]:
    return {
        "crm:existing_server": {"address": address, "user": user, "host_key": "ssh-ed25519 OLD"},
        "crm:guard": {"approvers": {"anna": "ssh-ed25519 ANNA"}, "valid_minutes": 5},
        "crm:registry": {"server": "registry.example.com", "username": "homeport"},
        "crm:smtp": {"host": "mail.example.com"},
        "crm:wildcard": {"zone": "example.com"},
    }


@pytest.mark.parametrize(
    ("user", "password"), [("deploy", "of-root"), ("caretaker", "of-caretaker")]
)
def test_the_shared_server_is_named_with_its_key_and_its_accounts_password(
    cloud: Cloud, user: str, password: str
) -> None:
    values = config(user)
    found = given.fit(cloud, "crm", values)
    server = values["crm:existing_server"]
    assert (server["address"], server["host_key"]) == ("198.18.0.20", "ssh-ed25519 HOST")
    assert values["crm:guard"]["approvers"] == {"operator": "ssh-ed25519 APPROVER"}
    assert found["crm:existing_server_password"] == password
    assert found["crm:existing_server_private_key"] == "a key"
    assert found["crm:registry_password"] == "a-pull-token"


def test_what_opens_services_that_are_not_there_is_invented_and_stays_the_same(
    cloud: Cloud,
) -> None:
    first, second = (given.fit(cloud, "crm", config())["crm:smtp_password"] for _ in range(2))
    assert first == second
    assert len(first) >= 32


@pytest.mark.parametrize(
    ("host", "more", "found"),
    [
        ("managed-postgres.example.com", {}, {"dms:database_password": "of-the-database"}),
        ("db.example.org", {}, {}),
        (
            "db.dms.example.com",
            {"dms:database_server": {"type": "cx23"}},
            {"dms:database_password": "of-the-database"},
        ),
    ],
)
def test_a_database_has_a_password_where_the_cloud_or_the_stack_itself_makes_it(
    cloud: Cloud, host: str, more: dict[str, Any], found: dict[str, str]
) -> None:
    assert given.fit(cloud, "dms", {"dms:database": {"host": host}, **more}) == found


def test_another_server_and_its_approvers_are_left_alone(cloud: Cloud) -> None:
    values = config(address="198.51.100.7")
    found = given.fit(cloud, "crm", values)
    assert values == config(address="198.51.100.7")
    assert "crm:existing_server_password" not in found


def test_the_websites_server_is_named_with_its_key(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = WebsiteServer(address="198.18.0.21", host_key="ssh-ed25519 W", private_key="its key")
    monkeypatch.setattr(website_server, "read", lambda _cloud: made)
    values = {
        "crm:website_server": {"address": "website-server.example.com", "host_key": "ssh-ed25519 X"}
    }
    assert given.fit(cloud, "crm", values) == {"crm:website_server_private_key": "its key"}
    about = values["crm:website_server"]
    assert (about["address"], about["host_key"]) == ("198.18.0.21", "ssh-ed25519 W")
    monkeypatch.setattr(website_server, "read", lambda _cloud: None)
    about["address"] = "website-server.example.com"
    with pytest.raises(MachineryError, match="homeport cloud website-server --name trial"):
        given.fit(cloud, "crm", values)


def test_a_cloud_without_a_shared_server_says_how_to_make_it(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_server, "read", lambda _cloud: None)
    with pytest.raises(MachineryError, match="homeport cloud shared-server --name trial"):
        given.fit(cloud, "crm", config())


def test_every_secret_that_crm_leaves_to_a_person_has_a_placeholder_in_a_preview() -> None:
    text = (Path(__file__).parents[2] / "systems/crm/Pulumi.staging.yaml").read_text()
    parts = yaml.safe_load(text)["config"]
    assert {key.partition(":")[2] for key in given.keys("crm", parts)} == {
        "existing_server_password",
        "registry_password",
        "storage_secret_key",
        "signing_api_key",
        "smtp_password",
        "imap_password",
        "intake_secret",
    }


def test_the_cloud_is_also_whose_zones_answer_a_challenge(cloud: Cloud) -> None:
    assert given.fit(cloud, "crm", config())["crm:dns_token"] == "a-token"


@pytest.mark.parametrize(
    ("part", "service", "key"),
    [
        ("media", "https://objects.example.com", "isis:media_secret_access_key"),
        ("google", "https://google-standin.example.com", "isis:google_client_secret"),
    ],
)
def test_services_that_an_app_asks_itself_come_with_the_clouds_authority(
    cloud: Cloud, part: str, service: str, key: str
) -> None:
    values: dict[str, Any] = {f"isis:{part}": {"endpoint": service}}
    assert set(given.fit(cloud, "isis", values)) == {key}
    assert values[f"isis:{part}"]["ca_certificate"] == "the cloud's authority"
    elsewhere: dict[str, Any] = {f"isis:{part}": {"endpoint": "https://elsewhere.example.org"}}
    assert given.fit(cloud, "isis", elsewhere) == {}
    assert elsewhere[f"isis:{part}"] == {"endpoint": "https://elsewhere.example.org"}
