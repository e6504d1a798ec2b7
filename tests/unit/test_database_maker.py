"""A role that makes databases of its own: what is asked of the server, and what is refused."""

import json
from typing import Any

import pytest

from components import sql_tenants
from components.database_maker import DatabaseMaker, DatabaseMakerArgs
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.postgres import PostgresServer, PostgresServerArgs
from tests.recorder import Deployment, Secret, record
from tests.unit.fake_host import fake_host


def deploy(*makers: dict[str, Any], **server: Any) -> Deployment:
    def run() -> None:
        host = fake_host()
        network = PrivateNetwork("data", PrivateNetworkArgs(host=host, internal=True))
        postgres = PostgresServer(
            "postgres",
            PostgresServerArgs(host=host, image="postgres:17.6", network=network, **server),
        )
        for maker in makers or ({},):
            args = {"server": postgres, "name": "odoo", **maker}
            DatabaseMaker(str(args["name"]), DatabaseMakerArgs(**args))

    return record(run)


def document(deployment: Deployment, name: str) -> dict[str, Any]:
    stdin = deployment.one("Command", name).inputs["stdin"]
    parsed: dict[str, Any] = json.loads(stdin.value if isinstance(stdin, Secret) else stdin)
    return parsed


def test_the_role_and_its_login_are_in_plain_sight_and_the_verifier_is_secret() -> None:
    made = deploy()
    assert document(made, "odoo-role")["up"] == sql_tenants.maker_up("odoo")
    assert document(made, "odoo-login-1")["up"] == sql_tenants.login_up("odoo", "odoo_1", 40)
    verifier = made.one("Command", "odoo-verifier-1")
    assert isinstance(verifier.inputs["stdin"], Secret)
    assert "SCRAM-SHA-256$4096:" in document(made, "odoo-verifier-1")["up"][0]["sql"]


def test_the_role_makes_databases_and_nothing_else_and_only_its_login_has_a_password() -> None:
    (batch,) = sql_tenants.maker_up("odoo")
    powers = "LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    assert f'ALTER ROLE "odoo" WITH {powers};\nALTER ROLE "odoo" CREATEDB;' in batch["sql"]
    assert 'ALTER ROLE "odoo" PASSWORD NULL;' in batch["sql"]
    (login,) = sql_tenants.login_up("odoo", "odoo_1", 40)
    assert "NOCREATEDB" in login["sql"]
    assert "ALTER ROLE \"odoo_1\" SET role = 'odoo';" in login["sql"]


def test_a_rotation_is_another_login_of_the_same_role() -> None:
    first, second = deploy(), deploy({"rotation": 2})
    assert document(first, "odoo-role") == document(second, "odoo-role")
    assert document(second, "odoo-login-2")["up"] == sql_tenants.login_up("odoo", "odoo_2", 40)
    names = {made.name for made in second.resources}
    assert not {"odoo-login-1", "odoo-password-1"} & names


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Odoo"}, "database maker: name: 'Odoo' is no usable name"),
        ({"name": "postgres"}, "is no usable name"),
        ({"rotation": 0}, "database maker odoo: rotation must be from 1 to 9999"),
        ({"connection_limit": 0}, "connection_limit must be from 1 to 10000"),
        ({"connection_limit": 60}, "connection limits add up to 120"),
    ],
)
def test_what_the_server_would_refuse_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        deploy(changes)


def test_two_roles_do_not_share_a_name() -> None:
    with pytest.raises(ValueError, match="database user on postgres odoo_1 is already taken"):
        deploy({"connection_limit": 5}, {"name": "odoo_1", "connection_limit": 5})
