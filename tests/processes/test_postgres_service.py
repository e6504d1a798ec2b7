"""A PostgreSQL with the settings and access rules of `PostgresService`, and its certificate."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from components import postgres_service, private_certificate, sql
from tests.processes.postgres_cluster import Cluster, running

NAME = "db.shop.example.com"
ROOT, LEAF, NEXT = bytes(range(32)), bytes(range(1, 33)), bytes(range(2, 34))
LOGIN, PASSWORD = "homeport", "of-this-test"


def put(cluster: Cluster, texts: Mapping[str, str]) -> None:
    """Write files into the cluster's folder, for its account alone."""
    for name, text in texts.items():
        file = cluster.folder / "data" / name
        file.write_text(text)
        file.chmod(0o600)
        shutil.chown(file, "postgres", "postgres")


def certified(seed: bytes) -> dict[str, str]:
    return {
        "server.crt": private_certificate.certificate_pem(ROOT, "db", seed, NAME),
        "server.key": private_certificate.key_pem(seed),
    }


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running() as cluster:
        folder = cluster.folder / "data"
        own = (folder / "postgresql.conf").read_text()
        settings = postgres_service.settings(str(folder), 512, 50)
        access = postgres_service.access()
        put(cluster, {"postgresql.conf": own + settings, **access, **certified(LEAF)})
        cluster.control("stop")
        cluster.start()
        cluster.run([*sql.server_up(), *postgres_service.maker_up(LOGIN)])
        with cluster.admin() as connection:
            connection.execute(f"ALTER ROLE {LOGIN} PASSWORD '{PASSWORD}'")
        yield cluster


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    file = tmp_path / "ca.crt"
    file.write_text(private_certificate.authority_pem(ROOT, "db"))
    return file


def connect(cluster: Cluster, authority: Path, **more: str) -> psycopg.Connection:
    wanted: dict[str, Any] = {
        "host": NAME,
        "hostaddr": "127.0.0.1",
        "user": LOGIN,
        "password": PASSWORD,
        "dbname": "postgres",
        "sslmode": "verify-full",
        "sslrootcert": str(authority),
    }
    return psycopg.connect(port=cluster.port, autocommit=True, **{**wanted, **more})


def test_the_login_comes_in_over_tls_by_the_servers_name(cluster: Cluster, authority: Path) -> None:
    query = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl"
    with connect(cluster, authority) as there:
        assert there.execute(query).fetchall() == [("TLSv1.3",)]


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ({"sslmode": "disable"}, "no encryption"),
        ({"host": "db.example.com"}, "does not match host name"),
        ({"sslrootcert": "/etc/ssl/certs/ca-certificates.crt"}, "certificate verify failed"),
        ({"password": "another"}, "password authentication failed"),
        ({"user": "postgres"}, "password authentication failed"),
    ],
)
def test_every_other_way_in_is_refused(
    cluster: Cluster, authority: Path, way: dict[str, str], said: str
) -> None:
    with pytest.raises(psycopg.OperationalError, match=said):
        connect(cluster, authority, **way)


def test_the_login_makes_databases_and_users_and_is_no_superuser(
    cluster: Cluster, authority: Path
) -> None:
    with connect(cluster, authority) as there:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            there.execute("COPY (SELECT 1) TO PROGRAM 'cat'")
        mine = there.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls "
            "FROM pg_roles WHERE rolname = CURRENT_USER"
        )
        assert mine.fetchall() == [(False, True, True, False, False)]
        there.execute("CREATE ROLE made LOGIN PASSWORD 'of-a-user'")
        there.execute("CREATE DATABASE made")
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            connect(cluster, authority, user="made", password="of-a-user")
        there.execute("DROP DATABASE made")
        there.execute("DROP ROLE made")


def test_another_certificate_of_the_same_authority_ends_no_connection(
    cluster: Cluster, authority: Path
) -> None:
    with connect(cluster, authority) as before:
        put(cluster, certified(NEXT))
        cluster.control("reload")
        assert before.execute("SELECT 1").fetchall() == [(1,)]
    with connect(cluster, authority) as after:
        assert after.execute("SELECT 1").fetchall() == [(1,)]
