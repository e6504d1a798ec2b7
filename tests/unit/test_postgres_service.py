"""A PostgreSQL for other machines: what lies on its host, and what a preview refuses."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509

from components import postgres_service, secrets
from components.hetzner_catalogue import IMAGES
from components.managed_postgres import ManagedPostgres, ManagedPostgresArgs
from components.postgres_service import PostgresService, PostgresServiceArgs
from tests.recorder import Deployment, Secret, record, reveal
from tests.unit.fake_host import fake_host

PASSWORD = "correct-horse-battery"
NAME = "db.shop.example.com"


def program(**more: Any) -> Callable[[], None]:
    def run() -> None:
        host = fake_host(
            image=more.pop("image", "debian-13"), memory_mib=more.pop("memory_mib", 4096)
        )
        args: dict[str, Any] = {
            "host": host,
            "address": NAME,
            "username": "homeport",
            "password": secrets.given("password", PASSWORD, context="shop"),
            **more,
        }
        PostgresService("db", PostgresServiceArgs(**args))

    return run


def deploy(**more: Any) -> Deployment:
    return record(program(**more))


def document(deployment: Deployment, name: str) -> dict[str, Any]:
    text = reveal(deployment.one("Command", name).inputs["stdin"])
    found: dict[str, Any] = json.loads(text)
    return found


def files(deployment: Deployment, name: str) -> dict[str, dict[str, Any]]:
    return {file["path"]: file for file in document(deployment, name)["files"]}


def settings(deployment: Deployment) -> set[str]:
    found = files(deployment, "db-server")["/etc/postgresql/17/main/conf.d/homeport.conf"]
    return set(found["content"].splitlines())


def test_it_takes_connections_over_tls_alone_with_the_certificate_beside_it() -> None:
    made = deploy()
    folder = "/etc/postgresql/17/main"
    assert {
        "listen_addresses = '*'",
        "ssl = 'on'",
        f"ssl_cert_file = '{folder}/server.crt'",
        f"ssl_key_file = '{folder}/server.key'",
        f"hba_file = '{folder}/homeport_hba.conf'",
        f"ident_file = '{folder}/homeport_ident.conf'",
    } <= settings(made)
    ways = files(made, "db-server")[f"{folder}/homeport_hba.conf"]["content"].split("\n")
    assert {way.split(" ")[0] for way in ways if way} == {"local", "hostssl"}
    assert set(files(made, "db-certificate")) == {f"{folder}/server.crt", f"{folder}/server.key"}


def test_its_key_is_secret_and_its_own_accounts_alone() -> None:
    made = deploy()
    assert isinstance(made.one("Command", "db-certificate").inputs["stdin"], Secret)
    key = files(made, "db-certificate")["/etc/postgresql/17/main/server.key"]
    assert (key["mode"], key["owner"]) == ("0600", "postgres")
    assert "PRIVATE KEY" in key["content"]
    assert not isinstance(made.one("Command", "db-server").inputs["stdin"], Secret)


def test_the_certificate_is_for_its_name_and_signed_by_what_its_clients_are_given() -> None:
    made = deploy()
    chain = files(made, "db-certificate")["/etc/postgresql/17/main/server.crt"]["content"]
    certificate = x509.load_pem_x509_certificate(chain.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == [NAME]
    given = (made.one("PostgresService", "db").outputs or {})["ca_certificate"]
    authority = x509.load_pem_x509_certificate(given.encode())
    certificate.verify_directly_issued_by(authority)


def test_a_rotation_makes_another_certificate_and_restarts_nothing() -> None:
    first, second = deploy(), deploy(rotation=2)
    assert document(first, "db-server") == document(second, "db-server")
    (then,) = document(second, "db-certificate")["then"]
    assert then[:2] == ["systemctl", "reload"]
    seeds = [made.one("RandomBytes", "db-key").inputs["keepers"] for made in (first, second)]
    assert seeds == [{"rotation": "1"}, {"rotation": "2"}]
    assert "keepers" not in second.one("RandomBytes", "db-authority").inputs


def test_the_server_never_sees_the_password() -> None:
    made = deploy()
    assert [s.name for s in made.of_type("Command") if PASSWORD in str(reveal(s.inputs))] == []
    (batch,) = document(made, "db-password")["up"]
    assert "PASSWORD 'SCRAM-SHA-256$4096:" in batch["sql"]
    assert isinstance(made.one("Command", "db-password").inputs["stdin"], Secret)


def test_the_login_makes_databases_and_users_and_nobody_is_a_superuser_from_outside() -> None:
    made = deploy()
    text = "".join(batch["sql"] for batch in document(made, "db-login")["up"])
    assert 'ALTER ROLE "homeport" CREATEDB CREATEROLE;' in text
    assert "NOSUPERUSER" in text
    assert "ALTER ROLE postgres PASSWORD NULL;" in text
    socket = document(made, "db-login")["service_file"]
    assert files(made, "db-server")[socket]["content"].splitlines() == [
        "[server]",
        "host=/var/run/postgresql",
        "user=postgres",
    ]


def test_settings_that_the_server_refuses_never_restart_it() -> None:
    (check,) = document(deploy(), "db-server")["check"]
    assert check[-6:] == [
        "--",
        "/usr/lib/postgresql/17/bin/postgres",
        "-D",
        "/etc/postgresql/17/main",
        "-C",
        "ssl",
    ]


def test_its_buffers_grow_with_the_machine() -> None:
    assert "shared_buffers = '896MB'" in settings(deploy())
    assert "shared_buffers = '1920MB'" in settings(deploy(memory_mib=8192))


def test_the_version_of_every_system_that_can_be_ordered_is_known() -> None:
    assert set(postgres_service.VERSIONS) == set(IMAGES)
    names = set(files(deploy(image="debian-12"), "db-certificate"))
    assert names == {f"/etc/postgresql/15/main/server.{kind}" for kind in ("crt", "key")}


def test_the_way_there_waits_for_the_authority_that_is_made_with_it() -> None:
    def run() -> None:
        host = fake_host()
        password = secrets.given("password", PASSWORD, context="shop")
        args = ManagedPostgresArgs(
            host=host,
            address=NAME,
            username="homeport",
            password=password,
            ca_certificate=host.address.apply(lambda _: "-----BEGIN CERTIFICATE-----\n"),
            server=host,
        )
        ManagedPostgres("way", args)

    _, authority = document(record(run), "way-access")["files"]
    assert authority["content"] == "-----BEGIN CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"address": "198.51.100.7"}, "address: must be a full DNS name"),
        ({"username": "postgres"}, "username: 'postgres' is no usable name"),
        ({"max_connections": 5}, "max_connections must be from 10 to 1000"),
        ({"image": "alpine-3"}, "host has 4096 MiB and alpine-3; take a server whose size is"),
        ({"image": None}, "host has 4096 MiB and None"),
        ({"memory_mib": None}, "host has None MiB and debian-13"),
        ({"memory_mib": 512}, "host has 512 MiB and debian-13"),
    ],
)
def test_what_could_not_run_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        deploy(**wrong)
