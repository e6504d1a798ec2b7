"""Request roles, migrations and the audit of row security, in a real PostgreSQL."""

from collections.abc import Iterator

import psycopg
import pytest

from components import sql, sql_roles
from tests.processes.postgres_cluster import Cluster, running

DATABASE = "shop"
ROLES = {"anon": False, "authenticated": False, "service_role": True}
NOTES = """\
CREATE TABLE notes (id int, owner text NOT NULL);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (owner = current_setting('request.owner', true));
GRANT SELECT, INSERT ON notes TO authenticated;
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running() as cluster:
        yield cluster


@pytest.fixture
def shop(cluster: Cluster) -> Iterator[Cluster]:
    cluster.run(sql.database_up(DATABASE, ["public"], []))
    cluster.run(sql_roles.request_roles_up(DATABASE, ["public"], ROLES))
    cluster.run(sql.user_up(DATABASE, "authenticator", "request", 5, {}))
    with cluster.admin() as connection:
        connection.execute("ALTER ROLE authenticator PASSWORD 'of-this-test'")
    yield cluster
    cluster.run(sql.user_down(DATABASE, "authenticator"))
    cluster.run(sql_roles.request_roles_down(DATABASE, list(ROLES)))
    cluster.run(sql.database_down(DATABASE))


def migrate(cluster: Cluster, **files: str) -> None:
    named = {f"{name}.sql": text for name, text in files.items()}
    cluster.run(sql_roles.migrations_up(DATABASE, named))


def audit(cluster: Cluster) -> None:
    cluster.run(sql_roles.check_up(DATABASE, sql_roles.row_security_audit(["public"])))


def asking(cluster: Cluster) -> psycopg.Connection:
    return psycopg.connect(cluster.url(("authenticator", "of-this-test"), DATABASE))


def test_a_login_has_nothing_until_it_takes_a_role_and_then_only_what_that_has(
    shop: Cluster,
) -> None:
    migrate(shop, **{"0001_notes": NOTES})
    with shop.admin(DATABASE) as admin:
        admin.execute("INSERT INTO notes VALUES (1, 'anna'), (2, 'ben')")
    with asking(shop) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM public.notes")
        connection.rollback()
        connection.execute("SET LOCAL ROLE anon")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM public.notes")
        connection.rollback()
        connection.execute("SET LOCAL ROLE authenticated")
        connection.execute("SET LOCAL request.owner = 'anna'")
        assert connection.execute("SELECT id FROM notes").fetchall() == [(1,)]
        connection.rollback()
        connection.execute("SET LOCAL ROLE service_role")
        assert len(connection.execute("SELECT id FROM notes").fetchall()) == 2
        connection.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET LOCAL ROLE shop_owner")


def test_running_everything_again_changes_nothing_and_a_role_less_is_taken_away(
    shop: Cluster,
) -> None:
    shop.run(sql_roles.request_roles_up(DATABASE, ["public"], ROLES))
    less = {"anon": False, "service_role": False}
    shop.run(sql_roles.request_roles_up(DATABASE, ["public"], less))
    with asking(shop) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET LOCAL ROLE authenticated")
        connection.rollback()
        connection.execute("SET LOCAL ROLE service_role")
        found = connection.execute("SELECT rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert found.fetchall() == [(False,)]


def applied(cluster: Cluster) -> list[str]:
    with cluster.admin(DATABASE) as admin:
        found = admin.execute("SELECT name FROM homeport.migrations ORDER BY name").fetchall()
    return [name for (name,) in found]


def test_files_are_applied_once_in_order_as_the_owner_and_are_recorded(shop: Cluster) -> None:
    first = (
        "CREATE TABLE a (at timestamptz DEFAULT now(), word text CHECK (word ~ '^[[:alpha:]]'));"
    )
    migrate(shop, **{"0001_a": first})
    migrate(shop, **{"0001_a": first, "0002_b": "CREATE TABLE b (id int);"})
    assert applied(shop) == ["0001_a.sql", "0002_b.sql"]
    with shop.admin(DATABASE) as admin:
        owners = admin.execute(
            "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname='public'"
        )
        assert owners.fetchall() == [("shop_owner",)]


def test_a_file_that_fails_leaves_nothing_and_those_before_it_stay(shop: Cluster) -> None:
    wrong = "CREATE TABLE b (id int);\nCREATE TABLE b (id int);"
    with pytest.raises(AssertionError, match='relation "b" already exists'):
        migrate(shop, **{"0001_a": "CREATE TABLE a (id int);", "0002_b": wrong})
    assert applied(shop) == ["0001_a.sql"]
    with shop.admin(DATABASE) as admin:
        assert admin.execute("SELECT to_regclass('public.b')").fetchall() == [(None,)]


def test_a_file_that_changed_and_one_that_comes_too_late_are_refused(shop: Cluster) -> None:
    migrate(shop, **{"0002_a": "CREATE TABLE a (id int);"})
    with pytest.raises(AssertionError, match=r"0002_a.sql was applied and has changed since"):
        migrate(shop, **{"0002_a": "CREATE TABLE a (id bigint);"})
    with pytest.raises(AssertionError, match=r"0001_b.sql comes before files that were applied"):
        migrate(
            shop,
            **{"0001_b": "CREATE TABLE b (id int);", "0002_a": "CREATE TABLE a (id int);"},
        )


def test_the_audit_names_every_table_that_is_open_or_shut(shop: Cluster) -> None:
    migrate(shop, **{"0001_notes": NOTES})
    audit(shop)
    migrate(
        shop,
        **{
            "0001_notes": NOTES,
            "0002_more": "CREATE TABLE plain (id int);\nCREATE TABLE shut (id int);\n"
            "ALTER TABLE shut ENABLE ROW LEVEL SECURITY;\nCREATE TABLE parts (id int) "
            "PARTITION BY RANGE (id);",
        },
    )
    with pytest.raises(AssertionError, match=r"parts, plain without it; shut without a policy"):
        audit(shop)


def test_a_check_leaves_nothing_behind(shop: Cluster) -> None:
    shop.run(sql_roles.check_up(DATABASE, "CREATE TABLE left_behind (id int);"))
    with shop.admin(DATABASE) as admin:
        assert admin.execute("SELECT to_regclass('public.left_behind')").fetchall() == [(None,)]


def test_what_is_removed_leaves_no_role(cluster: Cluster) -> None:
    with cluster.admin() as admin:
        names = [*ROLES, "authenticator", "shop_request", "shop_owner"]
        found = admin.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [names])
        assert found.fetchall() == []
