"""What a role that makes databases may do in a real PostgreSQL, tried."""

import subprocess
from collections.abc import Iterator, Sequence

import psycopg
import pytest
from psycopg import errors

from components import sql, sql_tenants
from components.sql import Batch
from tests.processes.postgres_cluster import Cluster, running

PASSWORD = "t3n-ants"


class Server:
    """A cluster, made safe as the component does, and batches run as the host's tool does."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def run(self, batches: Sequence[Batch]) -> str:
        """Run batches as the superuser; return what the server said against them."""
        for batch in batches:
            mode = ["-1"] if batch["transaction"] else []
            done = subprocess.run(
                [
                    str(self.cluster.binaries / "psql"),
                    *("-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", *mode, "-f", "-"),
                    *("-h", str(self.cluster.folder), "-p", str(self.cluster.port)),
                    *("-U", "postgres", "-d", batch["database"]),
                ],
                input=batch["sql"],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                return done.stderr
        return ""

    def login(self, name: str, database: str) -> psycopg.Connection:
        return psycopg.connect(self.cluster.url((name, PASSWORD), database), autocommit=True)

    def made(self, number: int) -> str:
        """Make the login of a rotation; return its name."""
        login = f"odoo_{number}"
        assert self.run(sql_tenants.login_up("odoo", login, 10)) == ""
        with self.cluster.admin() as connection:
            connection.execute(f"ALTER ROLE {login} PASSWORD '{PASSWORD}'")
        return login


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as cluster:
        one = Server(cluster)
        assert one.run(sql.server_up()) == ""
        assert one.run(sql.database_up("shop", ["public"], [])) == ""
        for _ in range(2):
            assert one.run(sql_tenants.maker_up("odoo")) == ""
        one.made(1)
        with one.login("odoo_1", "postgres") as connection:
            connection.execute("CREATE DATABASE a_db")
        yield one


def test_what_its_login_makes_belongs_to_the_role(server: Server) -> None:
    with server.login("odoo_1", "a_db") as connection:
        connection.execute("CREATE TABLE note (id int)")
        owned = connection.execute(
            "SELECT datname FROM pg_database WHERE datdba = "
            "(SELECT usesysid FROM pg_user WHERE usename = current_user)"
        ).fetchall()
        tables = connection.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'note'")
        assert (owned, tables.fetchall()) == ([("a_db",)], [("odoo",)])


@pytest.mark.parametrize("database", ["shop", "template1"])
def test_databases_of_others_are_closed_to_it(server: Server, database: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        server.login("odoo_1", database)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE ROLE other",
        "DROP DATABASE shop",
        "ALTER DATABASE shop ALLOW_CONNECTIONS false",
        "ALTER ROLE odoo SUPERUSER",
        "CREATE TABLE public.x (id int)",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
    ],
)
def test_what_it_may_not_is_refused(server: Server, statement: str) -> None:
    with (
        server.login("odoo_1", "postgres") as connection,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_nobody_logs_in_as_the_role_itself(server: Server) -> None:
    for password in ("", PASSWORD):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.cluster.url(("odoo", password), "postgres"))


def test_another_login_has_the_same_databases_and_the_old_one_can_go(server: Server) -> None:
    server.made(2)
    with server.login("odoo_1", "a_db") as old, server.login("odoo_2", "a_db") as new:
        old.execute("CREATE TABLE IF NOT EXISTS kept (id int)")
        assert server.run(sql_tenants.login_down("odoo_1")) == ""
        new.execute("ALTER TABLE kept ADD note text")
        with pytest.raises(psycopg.OperationalError):
            old.execute("SELECT 1")
    assert server.run(sql_tenants.login_down("odoo_1")) == ""
    server.made(1)


def test_the_role_stays_as_long_as_it_owns_a_database(server: Server) -> None:
    assert server.run(sql_tenants.maker_up("temporary")) == ""
    with server.cluster.admin() as connection:
        connection.execute("CREATE DATABASE theirs OWNER temporary")
    assert "temporary owns databases: theirs" in server.run(sql_tenants.maker_down("temporary"))
    with server.cluster.admin() as connection:
        connection.execute("DROP DATABASE theirs")
    for _ in range(2):
        assert server.run(sql_tenants.maker_down("temporary")) == ""


def test_a_tenants_database_is_its_makers_alone_until_it_is_suspended(server: Server) -> None:
    for _ in range(2):
        assert server.run(sql_tenants.tenant_up("b_db", "odoo")) == ""
    assert server.run(sql_tenants.maker_up("other")) == ""
    assert server.run(sql_tenants.login_up("other", "other_1", 5)) == ""
    with server.cluster.admin() as connection:
        connection.execute(f"ALTER ROLE other_1 PASSWORD '{PASSWORD}'")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        server.login("other_1", "b_db")
    with server.login("odoo_1", "b_db") as connection:
        connection.execute("CREATE TABLE kept (id int)")
        assert server.run(sql_tenants.tenant_open("b_db", suspended=True)) == ""
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        server.login("odoo_1", "b_db")
    assert server.run(sql_tenants.tenant_open("b_db", suspended=False)) == ""
    with server.login("odoo_1", "b_db") as connection:
        connection.execute("SELECT id FROM kept")
        for _ in range(2):
            assert server.run(sql_tenants.tenant_down("b_db")) == ""
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        server.login("odoo_1", "b_db")
