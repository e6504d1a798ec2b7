"""The stand-in for Odoo as it runs, over a real PostgreSQL: tenants, ports, filestores."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from websockets.sync.client import connect

from homeport.paths import ROOT
from tests.processes.app_process import Process, free_port
from tests.processes.postgres_cluster import Cluster, running

LOGIN, PASSWORD = "tenants", "t3n-ants"
ADMIN_PASSWORD = "ch0sen-by-the-operator"
ADDONS = ROOT / "systems/odoo/image/addons"


class Odoo:
    """One configuration, its command, and its ports."""

    def __init__(self, folder: Path, cluster: Cluster, login: str = LOGIN) -> None:
        self.folder, self.cluster, self.login = folder, cluster, login
        self.http, self.gevent = free_port(), free_port()
        self.password_file = folder / "password"
        self.password_file.write_text(ADMIN_PASSWORD)

    def config(self, **options: object) -> Path:
        said = {
            "db_host": "127.0.0.1",
            "db_port": self.cluster.port,
            "db_user": self.login,
            "db_password": PASSWORD,
            "dbfilter": "^%d_db$",
            "list_db": False,
            "proxy_mode": True,
            "http_interface": "127.0.0.1",
            "http_port": self.http,
            "gevent_port": self.gevent,
            "workers": 2,
            "addons_path": ADDONS,
            "data_dir": self.folder / "data",
            **options,
        }
        path = self.folder / f"odoo-{len(options)}.conf"
        path.write_text(
            "[options]\n" + "".join(f"{key} = {value}\n" for key, value in said.items())
        )
        return path

    def run(self, config: Path, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "odoo_standin", "-c", str(config), *words],
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
            timeout=60,
        )

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "TENANT_PASSWORD_FILE": str(self.password_file)}

    def made(self, database: str, modules: str = "base,tenant") -> dict[str, Any]:
        done = self.run(self.config(), "-d", database, "-i", modules, "--stop-after-init")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def ask(self, method: str, path: str, host: str, **more: Any) -> httpx.Response:
        headers = {"Host": host, **more.pop("headers", {})}
        url = f"http://127.0.0.1:{self.http}{path}"
        return httpx.request(method, url, headers=headers, timeout=10, **more)

    def session(self, host: str) -> dict[str, str]:
        form = {"login": "admin", "password": ADMIN_PASSWORD}
        answer = self.ask("POST", "/web/login", host, data=form)
        assert answer.status_code == 303, answer.text
        return dict(answer.cookies)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running() as one:
        with one.admin() as connection:
            connection.execute(f"CREATE ROLE {LOGIN} LOGIN CREATEDB PASSWORD '{PASSWORD}'")
            connection.execute("CREATE DATABASE not_ours")
        yield one


@pytest.fixture(scope="module")
def odoo(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Odoo]:
    """Serves tenants a and b."""
    one = Odoo(tmp_path_factory.mktemp("odoo"), cluster)
    assert one.made("a_db") == {
        "database": "a_db",
        "created": True,
        "installed": ["base", "tenant"],
    }
    one.made("b_db")
    process = Process(
        ["-c", str(one.config())],
        {"PORT": str(one.http), "RELEASE": "v7", **one.environment},
        one.folder / "log",
        module="odoo_standin",
    )
    process.wait_until_up()
    yield one
    process.terminate()
    assert process.popen.wait(30) == 0, process.log


def test_a_host_gets_the_page_of_its_own_database_and_no_other(odoo: Odoo) -> None:
    for tenant in "ab":
        answer = odoo.ask("GET", "/web/login", f"{tenant}.example.com")
        assert f"<h1>{tenant}_db</h1>" in answer.text
        assert answer.headers["X-Release"] == "v7"
    for host in ("c.example.com", "not_ours", "postgres", "127.0.0.1"):
        assert odoo.ask("GET", "/web/login", host).status_code == 404


def test_health_needs_no_database_of_a_host(odoo: Odoo) -> None:
    for path in ("/web/health", "/web/health?db_server_status=1"):
        assert odoo.ask("GET", path, "localhost").json() == {"status": "pass"}


def test_the_guessable_password_of_a_new_database_opens_nothing(odoo: Odoo) -> None:
    form = {"login": "admin", "password": "admin"}
    answer = odoo.ask("POST", "/web/login", "a.example.com", data=form)
    assert "Wrong login/password" in answer.text
    assert not answer.cookies


def test_what_one_tenant_keeps_no_other_reads_whatever_is_forged(odoo: Odoo) -> None:
    mine, theirs = odoo.session("a.example.com"), odoo.session("b.example.com")
    note = {"title": "a's secret"}
    made = odoo.ask("POST", "/standin/notes", "a.example.com", json=note, cookies=mine)
    assert made.status_code == 201
    titles = odoo.ask("GET", "/standin/notes", "a.example.com", cookies=mine).json()
    assert [each["title"] for each in titles] == ["a's secret"]
    assert odoo.ask("GET", "/standin/notes", "b.example.com", cookies=theirs).json() == []
    # b's session is worth nothing at a, by whatever way a is named.
    for host, headers in (
        ("a.example.com", {}),
        ("b.example.com", {"X-Forwarded-Host": "a.example.com"}),
        ("b.example.com", {"X-Forwarded-Host": "b.example.com, a.example.com"}),
    ):
        answer = odoo.ask("GET", "/standin/notes", host, headers=headers, cookies=theirs)
        assert answer.status_code == 401
    asked = odoo.ask("GET", "/standin/notes?db=a_db", "b.example.com", cookies=theirs)
    assert asked.status_code == 404


def test_attachments_lie_in_the_filestore_of_their_database(odoo: Odoo) -> None:
    mine = odoo.session("a.example.com")
    path = "/standin/attachments"
    made = odoo.ask("POST", path, "a.example.com", content=b"\0pdf", cookies=mine).json()
    file = odoo.folder / "data/filestore/a_db" / made["store_fname"]
    assert file.read_bytes() == b"\0pdf"
    assert (
        odoo.ask("GET", f"{path}/{made['id']}", "a.example.com", cookies=mine).content == b"\0pdf"
    )
    assert odoo.ask("GET", f"{path}/{made['id']}", "a.example.com").status_code == 401


def test_the_database_manager_is_off(odoo: Odoo) -> None:
    for path in ("/web/database/manager", "/web/database/selector"):
        assert odoo.ask("GET", path, "a.example.com").status_code == 404


def test_events_are_on_the_gevent_port_alone_and_of_one_tenant(odoo: Odoo) -> None:
    headers = {"Host": "a.example.com"}
    assert odoo.ask("POST", "/longpolling/poll", "a.example.com").status_code == 404
    url = f"http://127.0.0.1:{odoo.gevent}"
    assert httpx.get(f"{url}/web/login", headers=headers).status_code == 404
    heard: list[dict[str, Any]] = []

    def poll() -> None:
        answer = httpx.post(f"{url}/longpolling/poll?seconds=10", headers=headers, timeout=20)
        heard.append(answer.json())

    with connect(
        f"ws://127.0.0.1:{odoo.gevent}/websocket",
        additional_headers={"X-Forwarded-Host": "a.example.com"},
    ) as socket:
        assert json.loads(socket.recv(5)) == {"database": "a_db"}
        polling = threading.Thread(target=poll)
        polling.start()
        time.sleep(1)
        for tenant in "bbba":
            host = f"{tenant}.example.com"
            odoo.ask(
                "POST",
                "/standin/notes",
                host,
                json={"title": f"t{time.monotonic()}"},
                cookies=odoo.session(host),
            )
        note = json.loads(socket.recv(5))["note"]
        polling.join()
    # The two databases count apart; nothing of b's was heard.
    rows = odoo.ask("GET", "/standin/notes", "a.example.com", cookies=odoo.session("a.example.com"))
    assert note in [each["id"] for each in rows.json()]
    assert heard == [{"database": "a_db", "notes": [note]}]


def test_a_database_that_takes_no_connections_is_suspended(odoo: Odoo) -> None:
    odoo.made("paused_db")
    assert odoo.ask("GET", "/web/login", "paused.example.com").status_code == 200
    with odoo.cluster.admin() as connection:
        connection.execute("ALTER DATABASE paused_db ALLOW_CONNECTIONS false")
    assert odoo.ask("GET", "/web/login", "paused.example.com").status_code == 404
    assert odoo.ask("GET", "/web/login", "a.example.com").status_code == 200


def test_a_database_is_made_once(odoo: Odoo) -> None:
    assert odoo.made("a_db") == {"database": "a_db", "created": False, "installed": []}


def test_a_module_is_upgraded_as_a_whole_or_not_at_all(odoo: Odoo) -> None:
    for database in ("fine_db", "broken_db"):
        odoo.made(database)
        with psycopg.connect(odoo.cluster.url((LOGIN, PASSWORD), database)) as connection:
            connection.execute("UPDATE ir_module_module SET latest_version = '17.0.1.0.0'")
            for title in ("twice", "twice" if database == "broken_db" else "once"):
                connection.execute("INSERT INTO note (title) VALUES (%s)", (title,))
    words = ("-u", "tenant", "--stop-after-init", "-d")
    fine = odoo.run(odoo.config(), *words, "fine_db")
    assert json.loads(fine.stdout)["upgraded"] == ["tenant 17.0.1.1.0"]
    again = odoo.run(odoo.config(), *words, "fine_db")
    assert json.loads(again.stdout)["upgraded"] == []
    broken = odoo.run(odoo.config(), *words, "broken_db")
    assert broken.returncode == 1
    assert "module tenant: 17.0.1.1.0/post-unique-titles.py" in broken.stderr
    with psycopg.connect(odoo.cluster.url((LOGIN, PASSWORD), "broken_db")) as connection:
        found = connection.execute(
            "SELECT latest_version FROM ir_module_module WHERE name = 'tenant'"
        ).fetchone()
    assert found == ("17.0.1.0.0",)


def test_a_command_that_cannot_work_says_why_and_ends_with_1(odoo: Odoo) -> None:
    for words, said in (
        (("-i", "base", "--stop-after-init"), "name it with -d"),
        (("-d", "a_db", "-u", "shop", "--stop-after-init"), "module shop: in no folder"),
        (("-d", "a_db", "-i", "shop", "--stop-after-init"), "module shop: in no folder"),
    ):
        done = odoo.run(odoo.config(), *words)
        assert (done.returncode, said in done.stderr) == (1, True), done.stderr
    done = odoo.run(odoo.config(db_password="wrong-one"), "-d", "x_db", "-i", "base")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "wrong-one" not in done.stderr


def test_a_worker_that_dies_is_replaced_and_a_signal_ends_them_all(
    cluster: Cluster, tmp_path: Path
) -> None:
    one = Odoo(tmp_path, cluster)
    process = Process(
        ["-c", str(one.config())],
        {"PORT": str(one.http), **one.environment},
        tmp_path / "log",
        module="odoo_standin",
    )
    process.wait_until_up()
    children = Path(f"/proc/{process.popen.pid}/task/{process.popen.pid}/children")
    first = children.read_text().split()
    assert len(first) == 3
    os.kill(int(first[0]), 9)
    deadline = time.monotonic() + 10
    while len(children.read_text().split()) < 3 or first[0] in children.read_text().split():
        assert time.monotonic() < deadline, process.log
        time.sleep(0.05)
    assert one.ask("GET", "/web/health", "x").status_code == 200
    process.terminate()
    assert process.popen.wait(30) == 0
    assert not any(Path(f"/proc/{each}").exists() for each in first)


def test_without_workers_one_port_serves_everything(cluster: Cluster, tmp_path: Path) -> None:
    one = Odoo(tmp_path, cluster)
    process = Process(
        ["-c", str(one.config(workers=0))],
        {"PORT": str(one.http), **one.environment},
        tmp_path / "log",
        module="odoo_standin",
    )
    process.wait_until_up()
    answer = one.ask("POST", "/longpolling/poll?seconds=0.1", "a.example.com")
    assert answer.status_code == 200
    process.terminate()
    assert process.popen.wait(30) == 0, process.log


def upgraded(odoo: Odoo) -> subprocess.CompletedProcess[str]:
    """Upgrade every tenant, as the image's own command does in a job."""
    return subprocess.run(
        [sys.executable, str(ADDONS.parent / "upgrade-tenants"), "tenant"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": str(Path(sys.executable).parent), "ODOO_RC": str(odoo.config())},
        timeout=120,
    )


def test_every_tenant_is_upgraded_up_to_the_first_that_fails(
    cluster: Cluster, tmp_path: Path
) -> None:
    own = "odoo_of_its_own"
    with cluster.admin() as connection:
        connection.execute(f"CREATE ROLE {own} LOGIN CREATEDB PASSWORD '{PASSWORD}'")
    one = Odoo(tmp_path, cluster, login=own)
    names = ("m1_db", "m2_db", "m3_db", "m4_db")
    for name in names:
        one.made(name)
        with psycopg.connect(cluster.url((own, PASSWORD), name)) as connection:
            connection.execute("UPDATE ir_module_module SET latest_version = '17.0.1.0.0'")
            if name == "m2_db":
                connection.execute("INSERT INTO note (title) VALUES ('twice'), ('twice')")
    with cluster.admin() as connection:
        connection.execute("ALTER DATABASE m4_db ALLOW_CONNECTIONS false")
        connection.execute(f"CREATE DATABASE m0_db OWNER {own}")
    failed = upgraded(one)
    report = json.loads(failed.stdout.splitlines()[-1])
    assert failed.returncode == 1
    assert "m2_db: odoo: module tenant: 17.0.1.1.0/post-unique-titles.py" in failed.stderr
    assert (set(report["upgraded"]), report["failed"]) == ({"m1_db"}, "m2_db")
    assert (report["waiting"], report["suspended"]) == (["m3_db"], ["m4_db"])
    assert report["empty"] == ["m0_db"]
    with psycopg.connect(cluster.url((own, PASSWORD), "m2_db")) as connection:
        connection.execute("DELETE FROM note")
    done = upgraded(one)
    report = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stderr
    assert (set(report["upgraded"]), report["failed"]) == ({"m1_db", "m2_db", "m3_db"}, None)


def test_a_release_with_older_modules_than_a_tenants_data_is_refused(odoo: Odoo) -> None:
    odoo.made("newer_db")
    with psycopg.connect(odoo.cluster.url((LOGIN, PASSWORD), "newer_db")) as connection:
        connection.execute("UPDATE ir_module_module SET latest_version = '17.0.9.0.0'")
    refused = odoo.run(odoo.config(), "-d", "newer_db", "-u", "tenant", "--stop-after-init")
    assert refused.returncode == 1
    assert "module tenant: newer_db has 17.0.9.0.0, newer than 17.0.1.1.0" in refused.stderr
