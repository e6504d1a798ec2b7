"""Tenants: what is asked of server and app, in which order, and what they refuse."""

import json
from typing import Any

import pytest

from components import secrets, sql_tenants
from components.app import App, AppArgs
from components.database_maker import DatabaseMaker, DatabaseMakerArgs
from components.health import HealthCheck
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.postgres import PostgresServer, PostgresServerArgs
from components.tenant import Tenant, TenantArgs
from tests.recorder import Deployment, Record, Secret, record
from tests.unit.fake_host import fake_host

PASSWORD = "correct-horse-battery"
COMMANDS = [["odoo", "-d", "a_db", "-i", "base"]]


def deploy(*tenants: dict[str, Any], memory_mib: int = 128, **options: Any) -> Deployment:
    def run() -> None:
        host = fake_host()
        data = PrivateNetwork("data", PrivateNetworkArgs(host=host, internal=True))
        server = PostgresServer(
            "postgres", PostgresServerArgs(host=host, image="postgres:17.6", network=data)
        )
        maker = DatabaseMaker("maker", DatabaseMakerArgs(server=server, name="odoo"))
        app = App(
            "odoo",
            AppArgs(
                host=host,
                image="odoo:1",
                memory_mib=memory_mib,
                health=HealthCheck(path="/up"),
                after=[maker],
                port=18_069,
            ),
        )
        for tenant in tenants or ({},):
            plain = {"host": host, "app": app, "maker": maker, "commands": COMMANDS}
            args = {"database": "a_db", "undo": [["rm", "-r", "/a_db"]], **plain, **tenant}
            if "stdin" in args:
                args["stdin"] = args["stdin"]()
            Tenant(args["database"].removesuffix("_db"), TenantArgs(**args))

    return record(run, secrets={"password": PASSWORD}, **options)


def given() -> secrets.Secret:
    return secrets.given("password", PASSWORD, context="homeport-staging")


def step(deployment: Deployment, role: str) -> Record:
    return deployment.one("Command", f"a-{role}")


def document(deployment: Deployment, role: str) -> dict[str, Any]:
    text = step(deployment, role).inputs["stdin"]
    parsed: dict[str, Any] = json.loads(text.value if isinstance(text, Secret) else text)
    return parsed


def before(deployment: Deployment, made: Record) -> set[str]:
    direct = [deployment.by_urn(urn) for urn in made.options.dependencies]
    return {r.name for r in direct} | {n for r in direct for n in before(deployment, r)}


def test_a_tenant_is_a_database_that_is_opened_and_then_filled_by_the_app() -> None:
    made = deploy()
    assert document(made, "database")["up"] == sql_tenants.tenant_up("a_db", "odoo")
    assert document(made, "database")["down"] == sql_tenants.tenant_down("a_db")
    assert document(made, "access")["up"] == sql_tenants.tenant_open("a_db", suspended=False)
    content = document(made, "content")
    assert (content["app"], content["stable_port"]) == ("odoo", 18_069)
    assert (content["commands"], content["undo"]) == (COMMANDS, [["rm", "-r", "/a_db"]])
    earlier = before(made, step(made, "content"))
    assert {"a-database", "a-access"} <= earlier
    assert any(name.startswith("odoo-switch-") for name in earlier)
    assert not any(name.startswith("odoo-") for name in before(made, step(made, "access")))


def test_a_new_release_changes_nothing_of_a_tenant() -> None:
    first, second = deploy(), deploy(memory_mib=256)
    for role in ("database", "access", "content"):
        assert document(first, role) == document(second, role)


def test_a_suspended_tenant_is_closed_and_not_touched_otherwise() -> None:
    working, suspended = deploy(), deploy({"suspended": True})
    assert document(suspended, "database") == document(working, "database")
    assert document(suspended, "access")["up"] == sql_tenants.tenant_open("a_db", suspended=True)
    assert "ALLOW_CONNECTIONS false" in document(suspended, "access")["up"][0]["sql"]
    assert "pg_terminate_backend" in document(suspended, "access")["up"][0]["sql"]
    assert document(suspended, "content")["commands"] == []


def test_the_first_password_travels_in_a_step_that_shows_nothing() -> None:
    made = deploy({"stdin": given})
    assert isinstance(step(made, "content").inputs["stdin"], Secret)
    assert document(made, "content")["stdin"] == PASSWORD


@pytest.mark.parametrize("protect", [True, False])
def test_what_holds_data_is_protected_unless_told(protect: bool) -> None:
    made = deploy({"protect": protect})
    for role in ("database", "content"):
        assert bool(step(made, role).options.protect) is protect
    assert not step(made, "access").options.protect


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"database": "A_db"}, "tenant: database: 'A_db' is no usable name"),
        ({"commands": []}, "tenant a_db: commands: name at least one"),
        ({"commands": [[]]}, "tenant a_db: commands: name at least one, and none without"),
        ({"timeout_seconds": 0}, "tenant a_db: timeout_seconds: must be from 1 to 86400"),
        ({"environment": {"A-B": ""}}, "tenant a_db: environment: 'A-B' is no variable name"),
    ],
)
def test_what_cannot_be_a_tenant_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        deploy(changes)


def test_a_unit_has_no_tenants() -> None:
    class Unit:
        instance_name = "shop-staging-odoo-1.service"

    with pytest.raises(ValueError, match="is a unit; tenants need containers"):
        deploy({"app": Unit()})
