"""A PostgreSQL server of somebody else: how the host reaches it, and what is made in it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from components import secrets, sql
from components.database import Database, DatabaseArgs, DatabaseUser, DatabaseUserArgs
from components.managed_postgres import ManagedPostgres, ManagedPostgresArgs
from tests.recorder import Deployment, Secret, record
from tests.unit.fake_host import fake_host

PASSWORD = "correct-horse-battery"
AUTHORITY = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"
ADDRESS = "db.example.com"


def server(**more: Any) -> ManagedPostgres:
    password = secrets.given("password", more.pop("password_text", PASSWORD), context="shop")
    plain: dict[str, Any] = {
        "host": fake_host(),
        "address": ADDRESS,
        "username": "doadmin",
        "password": password,
    }
    return ManagedPostgres("db", ManagedPostgresArgs(**{**plain, **more}))


def program(**more: Any) -> Callable[[], None]:
    def run() -> None:
        database = Database("shop", DatabaseArgs(server=server(**more), name="shop"))
        args = DatabaseUserArgs(database=database, name="shop_app", access="read_write")
        DatabaseUser("app", args)

    return run


def deploy(**more: Any) -> Deployment:
    return record(program(**more))


def document(deployment: Deployment, name: str) -> dict[str, Any]:
    text = deployment.one("Command", name).inputs["stdin"]
    parsed: dict[str, Any] = json.loads(text.value if isinstance(text, Secret) else text)
    return parsed


def test_the_way_there_checks_the_certificate_and_is_roots_alone() -> None:
    made = deploy()
    assert isinstance(made.one("Command", "db-access").inputs["stdin"], Secret)
    (file,) = document(made, "db-access")["files"]
    assert (file["mode"], file["owner"]) == ("0600", "root")
    assert file["content"].splitlines() == [
        "[server]",
        f"host={ADDRESS}",
        "port=5432",
        "user=doadmin",
        f"password={PASSWORD}",
        "sslmode=verify-full",
        "sslrootcert=/etc/ssl/certs/ca-certificates.crt",
        "connect_timeout=5",
    ]


def test_an_authority_of_the_services_own_is_put_beside_and_trusted_alone() -> None:
    way, authority = document(deploy(ca_certificate=AUTHORITY), "db-access")["files"]
    assert authority["content"] == AUTHORITY
    assert not authority["path"].startswith("/opt/homeport"), "units see nothing of that"
    assert f"sslrootcert={authority['path']}" in way["content"].splitlines()


def test_the_host_asks_it_before_anything_is_made_and_again_with_another_password() -> None:
    first, second = deploy(), deploy(password_text="another-horse")
    ready = document(first, "db-ready")
    assert ready["up"] == sql.checked()
    assert ready["access"] != document(second, "db-ready")["access"]
    assert any(
        "db-ready" in urn for urn in first.one("Command", "shop-database").options.dependencies
    )


def test_the_password_is_in_no_other_step() -> None:
    made = deploy()
    steps = [s for s in made.of_type("Command") if s.name != "db-access"]
    assert steps
    assert [s.name for s in steps if PASSWORD in str(s.inputs)] == []


def test_what_only_a_superuser_may_say_is_left_out() -> None:
    made = deploy()
    for name in ("shop-database", "app-role", "app-login"):
        text = json.dumps(document(made, name))
        words = ("SUPERUSER", "REPLICATION", "BYPASSRLS", "log_statement")
        assert [word for word in words if word in text] == [], name
    assert 'GRANT \\"shop_owner\\" TO CURRENT_USER' in json.dumps(document(made, "shop-database"))


def test_what_is_made_in_it_outlives_the_host_and_is_removed_one_by_one() -> None:
    made = deploy()
    for name in ("shop-database", "app-role"):
        options = made.one("Command", name).options
        assert (options.deleted_with, options.replace_with) == (None, ()), name
        assert str(made.one("Command", name).inputs["delete"]).endswith("/sql down")


def test_another_server_has_a_way_of_its_own_so_that_nothing_is_removed_there() -> None:
    files = [
        document(deploy(address=address), "shop-database")["service_file"]
        for address in (ADDRESS, "db2.example.com")
    ]
    assert files[0].endswith("/postgres/db/db.example.com-5432.conf")
    assert files[1].endswith("/postgres/db/db2.example.com-5432.conf")


def test_its_backups_are_not_ours_to_make() -> None:
    def run() -> None:
        Database("shop", DatabaseArgs(server=server(), name="shop")).dump()

    with pytest.raises(ValueError, match="run by somebody else, who keeps its backups"):
        record(run)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"address": "198.51.100.7"}, "address: must be a full DNS name"),
        ({"port": 0}, "port must be from 1 to 65535"),
        ({"username": "do-admin"}, "username: 'do-admin' is no usable name"),
        ({"ca_certificate": "ca.crt"}, "ca_certificate: must be a certificate as PEM"),
        ({"max_connections": 5}, "max_connections must be from 10"),
        ({"password_text": "two\nlines"}, "password: must be one line"),
    ],
)
def test_what_could_not_be_reached_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        deploy(**wrong)


def test_users_share_what_the_service_allows() -> None:
    with pytest.raises(ValueError, match="only 10 of max_connections=10 are free"):
        deploy(max_connections=10)
