"""Request roles, migrations and checks: what is asked of the server, in which order."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components import sql, sql_roles
from components.database import Database, DatabaseArgs, DatabaseUser, DatabaseUserArgs
from components.database_check import DatabaseCheck, DatabaseCheckArgs
from components.database_migrations import DatabaseMigrations, DatabaseMigrationsArgs
from components.request_roles import RequestRole, RequestRoles, RequestRolesArgs
from tests.recorder import Deployment, record
from tests.unit.test_database import server

ROLES = [RequestRole(name="anon"), RequestRole(name="service_role", everything=True)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE a (id int);\n")
    (tmp_path / "0002_second.sql").write_text("CREATE TABLE b (id int);\n")
    return tmp_path


def deploy(folder: Path, again: str = "1") -> Deployment:
    def run() -> None:
        database = Database("shop", DatabaseArgs(server=server(), name="shop"))
        roles = RequestRoles("roles", RequestRolesArgs(database=database, roles=ROLES))
        asks = DatabaseUserArgs(
            database=database, name="authenticator", access="request", roles=roles
        )
        DatabaseUser("authenticator", asks)
        migrations = DatabaseMigrations(
            "shop",
            DatabaseMigrationsArgs(database=database, folder=str(folder), after=[roles.ready]),
        )
        DatabaseCheck(
            "audit",
            DatabaseCheckArgs(
                database=database,
                sql=sql_roles.row_security_audit(["public"]),
                again={"rest": again},
                after=[migrations.ready],
            ),
        )

    return record(run)


def document(made: Deployment, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made.one("Command", name).inputs["stdin"])
    return found


def test_roles_come_before_who_takes_them_and_before_files_that_grant_to_them(
    folder: Path,
) -> None:
    made = deploy(folder)
    roles = made.one("Command", "roles-roles")
    for name in ("authenticator-role", "shop-migrations"):
        assert roles.urn in made.one("Command", name).options.dependencies
    migrations = made.one("Command", "shop-migrations")
    assert migrations.urn in made.one("Command", "audit-check").options.dependencies


def test_a_login_that_takes_roles_is_in_their_group_and_in_no_other(folder: Path) -> None:
    made = deploy(folder)
    expected = sql.user_up(
        "shop",
        "authenticator",
        "request",
        20,
        {"statement_timeout": "60s", "idle_in_transaction_session_timeout": "60s"},
    )
    assert document(made, "authenticator-role")["up"] == expected
    assert 'GRANT "shop_request" TO "authenticator";' in expected[0]["sql"]


def test_a_check_runs_anew_when_what_it_looks_at_has_changed(folder: Path) -> None:
    first, second = (document(deploy(folder, again), "audit-check") for again in ("1", "2"))
    assert first["up"] == second["up"]
    assert first != second


def test_another_file_is_another_document(folder: Path) -> None:
    before = document(deploy(folder), "shop-migrations")
    (folder / "0003_third.sql").write_text("CREATE TABLE c (id int);\n")
    after = document(deploy(folder), "shop-migrations")
    assert after["up"][: len(before["up"])] == before["up"]
    assert len(after["up"]) == len(before["up"]) + 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("first.sql", "SELECT 1;", "first.sql: call it like 0001_first.sql"),
        ("0002_again.sql", "SELECT 1;", "0002 is had twice"),
        ("0003_own.sql", "BEGIN;\nSELECT 1;\nCOMMIT;", "each file is a transaction already"),
    ],
)
def test_files_without_an_order_or_with_transactions_are_refused(
    folder: Path, name: str, text: str, message: str
) -> None:
    (folder / name).write_text(text)
    with pytest.raises(Exception, match=re.escape(message)):
        deploy(folder)


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=re.escape("there is no file like 0001_first.sql")):
        deploy(tmp_path)


def refused(make: Callable[[Database], object], message: str) -> None:
    def run() -> None:
        make(Database("shop", DatabaseArgs(server=server(), name="shop")))

    with pytest.raises(Exception, match=re.escape(message)):
        record(run)


def test_roles_are_some_each_once() -> None:
    refused(lambda d: RequestRolesArgs(database=d, roles=[]), "must be some, each once")
    refused(lambda d: RequestRolesArgs(database=d, roles=ROLES[:1] * 2), "must be some, each once")


def test_a_name_that_would_have_to_be_quoted_is_refused() -> None:
    with pytest.raises(ValueError, match="request role: 'Anon' is no usable name"):
        RequestRole(name="Anon")


def test_a_user_who_takes_roles_says_which() -> None:
    refused(
        lambda d: DatabaseUserArgs(database=d, name="authenticator", access="request"),
        "roles: belongs to access request",
    )


def test_a_role_and_a_user_cannot_have_one_name() -> None:
    def both(database: Database) -> None:
        RequestRoles("roles", RequestRolesArgs(database=database, roles=ROLES))
        DatabaseUser("anon", DatabaseUserArgs(database=database, name="anon", access="read_only"))

    refused(both, "anon")


def test_a_check_without_sql_is_refused() -> None:
    refused(lambda d: DatabaseCheckArgs(database=d, sql=" ", again={}), "sql: is empty")
