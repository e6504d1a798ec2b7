"""Databases and users: what is asked of the server, and what of it anybody may see."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from components import scram, sql
from components.database import Database, DatabaseArgs, DatabaseUser, DatabaseUserArgs
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.postgres import PostgresServer, PostgresServerArgs
from tests.recorder import Deployment, Secret, record
from tests.unit.fake_host import fake_host


def server(**more: Any) -> PostgresServer:
    host = fake_host()
    network = PrivateNetwork("data", PrivateNetworkArgs(host=host, internal=True))
    args = PostgresServerArgs(host=host, image="postgres:17.6", network=network, **more)
    return PostgresServer("postgres", args)


def deploy(
    *users: dict[str, Any], database: dict[str, Any] | None = None, **more: Any
) -> Deployment:
    def run() -> None:
        ledger = Database(
            "ledger", DatabaseArgs(server=server(**more), **{"name": "ledger", **(database or {})})
        )
        for user in users:
            name = user["name"].replace("_", "-")
            DatabaseUser(name, DatabaseUserArgs(database=ledger, **user))

    return record(run)


APP = {"name": "ledger_app", "access": "read_write"}


def document(deployment: Deployment, name: str) -> dict[str, Any]:
    stdin = deployment.one("Command", name).inputs["stdin"]
    parsed: dict[str, Any] = json.loads(stdin.value if isinstance(stdin, Secret) else stdin)
    return parsed


def test_a_database_is_made_by_sql_that_a_preview_shows() -> None:
    deployment = deploy(database={"schemas": ["public", "audit"], "extensions": ["pgcrypto"]})
    made = document(deployment, "ledger-database")
    assert made["container"] == "homeport-staging-postgres"
    assert made["up"] == sql.database_up("ledger", ["public", "audit"], ["pgcrypto"])
    assert made["down"] == sql.database_down("ledger")


def test_a_user_gets_its_role_in_plain_sight_and_its_verifier_in_secret() -> None:
    deployment = deploy(APP)
    role = deployment.one("Command", "ledger-app-role")
    login = deployment.one("Command", "ledger-app-login")
    assert isinstance(role.inputs["stdin"], str)
    assert isinstance(login.inputs["stdin"], Secret)
    assert set(login.options.additional_secret_outputs) >= {"stdout", "stderr"}
    assert role.urn in login.options.dependencies


def test_only_the_verifier_of_the_password_travels() -> None:
    deployment = deploy(APP)
    made = deployment.one("RandomPassword", "ledger-app-password")
    assert made.outputs is not None
    password = made.outputs["result"]
    text = document(deployment, "ledger-app-login")["up"][0]["sql"]
    assert "SCRAM-SHA-256$4096:" in text
    plain = password.value if isinstance(password, Secret) else password
    assert plain not in json.dumps([r.inputs for r in deployment.of_type("Command")], default=str)


def test_the_verifier_is_made_of_the_password_and_a_salt_that_stays() -> None:
    first, second = deploy(APP), deploy(APP)
    texts = [document(d, "ledger-app-login")["up"][0]["sql"] for d in (first, second)]
    assert texts[0] == texts[1]
    assert first.one("RandomBytes").inputs["length"] == scram.SALT_BYTES


def test_raising_the_rotation_makes_a_new_password_and_salt_and_leaves_the_role_alone() -> None:
    before, after = deploy(APP), deploy({**APP, "rotation": 2})
    for kind in ("RandomPassword", "RandomBytes"):
        keepers = [deployment.one(kind).inputs["keepers"] for deployment in (before, after)]
        assert keepers == [{"rotation": "1"}, {"rotation": "2"}]
    role = "ledger-app-role"
    assert document(before, role) == document(after, role)


def settings(access: str, **more: Any) -> list[str]:
    deployment = deploy({"name": "someone", "access": access, **more})
    (batch,) = document(deployment, "someone-role")["up"]
    return [line.split(" SET ")[1] for line in batch["sql"].splitlines() if " SET " in line]


def test_a_migrator_acts_as_the_owner_and_never_waits_long_for_a_lock() -> None:
    assert settings("migrator") == [
        "role = 'ledger_owner';",
        "lock_timeout = '10s';",
        "statement_timeout = '0s';",
        "idle_in_transaction_session_timeout = '60s';",
    ]


def test_others_have_time_limits_and_a_reader_reads_only() -> None:
    limits = ["statement_timeout = '60s';", "idle_in_transaction_session_timeout = '60s';"]
    assert settings("read_write") == limits
    assert settings("read_only") == ["default_transaction_read_only = 'on';", *limits]
    assert settings("read_write", statement_timeout_seconds=5)[0] == "statement_timeout = '5s';"


def test_a_database_is_protected_as_the_args_say_and_its_users_never_are() -> None:
    deployment = deploy(APP, database={"protect": True})
    assert deployment.one("Command", "ledger-database").options.protect is True
    assert not deployment.one("Command", "ledger-app-role").options.protect
    unprotected = deploy(database={"protect": False})
    assert not unprotected.one("Command", "ledger-database").options.protect


def test_another_name_is_another_thing_and_the_old_one_goes_first() -> None:
    deployment = deploy(APP)
    database = deployment.one("Command", "ledger-database")
    role = deployment.one("Command", "ledger-app-role")
    assert database.options.replacement_trigger == "ledger"
    assert role.options.replacement_trigger == "ledger/ledger_app"
    assert database.options.delete_before_replace is True
    assert role.options.delete_before_replace is True


def test_everything_in_a_server_is_made_again_with_its_data() -> None:
    deployment = deploy(APP)
    data = deployment.one("Volume").urn
    for name in ("ledger-database", "ledger-app-role", "ledger-app-login"):
        assert data in deployment.one("Command", name).options.replace_with


def test_things_are_made_one_after_the_other() -> None:
    deployment = deploy(APP)
    chain = ["postgres-ready", "ledger-database", "ledger-app-role", "ledger-app-login"]
    for earlier, later in itertools.pairwise(chain):
        urn = deployment.one("Command", earlier).urn
        assert urn in deployment.one("Command", later).options.dependencies


def fails(message: str, *users: dict[str, Any], **more: Any) -> None:
    with pytest.raises(Exception, match=message):
        deploy(*users, **more)


@pytest.mark.parametrize(
    ("database", "message"),
    [
        ({"name": "Ledger"}, "database: name: 'Ledger' is no usable name"),
        ({"name": "a-b"}, "database: name"),
        ({"name": "postgres"}, "not a reserved name"),
        ({"name": "x" * 60}, "use 1 to 52"),
        ({"schemas": ["Audit"]}, "database: schemas"),
        ({"schemas": ["pg_toast"]}, "PostgreSQL keeps pg_"),
        ({"extensions": ["x; DROP"]}, "database: extensions"),
    ],
)
def test_a_database_that_cannot_be_is_refused(database: dict[str, Any], message: str) -> None:
    fails(message, database=database)


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ({"name": "App"}, "database user: name: 'App' is no usable name"),
        ({"name": "postgres"}, "not a reserved name"),
        ({"name": "ledger_owner"}, "taken by a role of the database itself"),
        ({"name": "ledger_read_only"}, "taken by a role of the database itself"),
        ({"access": "superuser"}, "access must be one of migrator, read_write, read_only"),
        ({"rotation": 0}, "rotation must be at least 1"),
        ({"connection_limit": 0}, "connection_limit must be at least 1"),
        ({"statement_timeout_seconds": -1}, "statement_timeout_seconds must be at least 0"),
        ({"idle_transaction_seconds": -1}, "idle_transaction_seconds must be at least 0"),
    ],
)
def test_a_user_that_cannot_be_is_refused(user: dict[str, Any], message: str) -> None:
    fails(message, {**APP, **user})


def test_users_cannot_open_more_connections_than_the_server_accepts() -> None:
    users = [{"name": f"u{i}", "access": "read_only", "connection_limit": 40} for i in range(3)]
    fails(r"connection limits add up to 120 \(u0 40, u1 40, u2 40\), but only 95", *users)
    assert deploy(*users, max_connections=125)


def test_the_same_user_or_database_cannot_be_declared_twice() -> None:
    def twice(second: Callable[[Database], None]) -> Callable[[], None]:
        def run() -> None:
            ledger = Database("ledger", DatabaseArgs(server=server(), name="ledger"))
            args = DatabaseUserArgs(database=ledger, name="app", access="read_only")
            DatabaseUser("app", args)
            second(ledger)

        return run

    def same_user(ledger: Database) -> None:
        DatabaseUser("app2", DatabaseUserArgs(database=ledger, name="app", access="migrator"))

    def same_database(ledger: Database) -> None:
        Database("ledger2", DatabaseArgs(server=ledger.server, name="ledger"))

    with pytest.raises(Exception, match="app is already taken by app"):
        record(twice(same_user))
    with pytest.raises(Exception, match="ledger is already taken by ledger"):
        record(twice(same_database))
