"""Dms on the local cloud: staging through its life, production up and down."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcloud
import psycopg
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from homeport import stacks
from homeport.cloud.instance import Cloud
from homeport.cloud.names import MANAGED_POSTGRES
from systems.django_site import log_in
from tests.e2e.conftest import until
from tests.e2e.deployed import GONE, Deployed, left, open_ports, production
from tests.e2e.load import Load
from tests.e2e.starter.browsing import browser

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]
FOLDER = "/opt/homeport/dms-staging"

MATRIX = (
    # What is tried, and whether the backend's user and the owner's may.
    ("SELECT count(*) FROM archive_document", True, True),
    ("INSERT INTO django_session VALUES ('probe', '', now())", True, True),
    ("UPDATE django_session SET session_data = 'x'", True, True),
    ("DELETE FROM django_session WHERE session_key = 'probe'", True, True),
    ("SELECT nextval('archive_document_id_seq')", True, True),
    # Not that of the documents: what it sets is not taken back.
    ("SELECT setval('django_admin_log_id_seq', 1000)", False, True),
    ("CREATE TABLE made (id int)", False, True),
    ("ALTER TABLE archive_document ADD COLUMN made int", False, True),
    ("DROP TABLE archive_document", False, True),
    ("TRUNCATE archive_document", False, True),
    ("CREATE ROLE made", False, False),
    ("ALTER ROLE CURRENT_USER CREATEDB", False, False),
    ("SELECT rolpassword FROM pg_authid", False, False),
    ("COPY (SELECT 1) TO PROGRAM 'cat'", False, False),
    ("SET ROLE homeport", False, False),
    ("SET ROLE postgres", False, False),
)


OWN_SERVER = {
    "database__host": "db.dms.example.com",
    "database_server__type": "cx23",
    "database_server__location": "fsn1",
    "database_server__image": "debian-13",
    "database_server__protect": True,
}
"""Keys of a stack whose database lies on a server of its own."""
WRONG_WAYS = {
    "sslmode=disable": "no encryption",
    "sslrootcert=/etc/ssl/certs/ca-certificates.crt": "certificate verify failed",
    "user=postgres": "password authentication failed",
}
"""Ways to the database that are refused, each with a part of what is said."""


def opened(cloud: Cloud, stack: str) -> Deployed:
    return Deployed(stacks.target("dms", stack, cloud.name))


@pytest.fixture(scope="module")
def dms(cloud: Cloud) -> Iterator[Deployed]:
    stacks.build(stacks.folder_of("dms"))
    made = opened(cloud, "staging")
    made.up()
    yield made
    made.destroy()


def load(dms: Deployed) -> Load:
    assert dms.aim.cloud
    site = dms.site
    ca = str(dms.aim.cloud.ca_file)
    return Load(site.address, site.hostname, ca, path="/api/healthz", rate=8)


def login(dms: Deployed) -> dict[str, str]:
    found: dict[str, str] = stacks.outputs(dms.aim, secret=True)["smoke_login"]
    return found


def connection(dms: Deployed, user: str, database: str, password: str) -> psycopg.Connection:
    cloud = dms.aim.cloud
    assert cloud
    return psycopg.connect(
        host=MANAGED_POSTGRES,
        hostaddr=cloud.managed_postgres,
        user=user,
        password=password,
        dbname=database,
        sslmode="verify-full",
        sslrootcert=str(cloud.infrastructure_ca_file),
    )


def allowed(there: psycopg.Connection, sql: str) -> bool:
    """Whether a statement runs; what it does is taken back."""
    try:
        there.execute(sql)
    except psycopg.errors.InsufficientPrivilege:
        return False
    finally:
        there.rollback()
    return True


def asked(dms: Deployed, sql: str) -> list[Any]:
    """Ask the managed server as whoever may make databases there."""
    assert dms.aim.cloud
    with connection(dms, "homeport", "postgres", dms.aim.cloud.database_password) as there:
        return there.execute(sql.encode()).fetchall()


def from_there(dms: Deployed, sql: str, way: str) -> str:
    """Ask the database from the backend's server, in a way that differs from its own."""
    file = f"PGSERVICEFILE=$(echo /opt/homeport/{dms.system}/postgres/*/*.conf)"
    return dms.console(
        f"{file} psql -XAtc '{sql}' 'service=server dbname=postgres {way}' 2>&1 || :"
    )


def documents(dms: Deployed, sql: str) -> list[Any]:
    """Ask the database itself, as its owner, from outside."""
    rotation = dms.changes.get("secret_rotation__database", 1)
    user, name = f"dms_staging_migrator_{rotation}", f"dms-migrator-{rotation}-password"
    with connection(dms, user, "dms_staging", dms.generated(name)) as there:
        return there.execute(sql.encode()).fetchall()


def test_the_first_up_ends_with_a_site_that_passes_every_smoke_check(dms: Deployed) -> None:
    assert dms.broken() == []


def test_a_second_up_changes_nothing_and_opens_no_ssh_connection(dms: Deployed) -> None:
    dms.changes_nothing()


def test_only_ssh_http_and_https_answer_from_outside(dms: Deployed) -> None:
    listening = dms.console("ss -Htln | awk '{print $4}' | grep -o '[0-9]*$'").split()
    candidates = sorted({22, 80, 443, 5432, 8000, *map(int, listening)})
    assert open_ports(dms.outputs()["address"], candidates) == [22, 80, 443]


def test_the_users_of_the_database_may_do_what_they_need_and_nothing_else(dms: Deployed) -> None:
    seen = {}
    for role in ("writer", "migrator"):
        password = dms.generated(f"dms-{role}-1-password")
        with connection(dms, f"dms_staging_{role}_1", "dms_staging", password) as there:
            seen[role] = [allowed(there, sql) for sql, *_ in MATRIX]
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            connection(dms, f"dms_staging_{role}_1", "postgres", password)
    assert seen == {
        "writer": [writer for _, writer, _ in MATRIX],
        "migrator": [migrator for *_, migrator in MATRIX],
    }


def test_every_connection_to_the_database_is_encrypted_and_checked(dms: Deployed) -> None:
    command = "dms-manage shell -c '{}'".format(
        "from django.db import connection as c; q = c.cursor(); "
        'q.execute("SELECT ssl, now() FROM pg_stat_ssl WHERE pid = pg_backend_pid()"); '
        'print(q.fetchone()[0], c.settings_dict["OPTIONS"]["sslmode"])'
    )
    assert dms.console(command).split()[-2:] == ["True", "verify-full"]
    plain = f"psql 'host={MANAGED_POSTGRES} user=homeport dbname=postgres sslmode=disable' 2>&1"
    assert "no encryption" in dms.console(f"{plain} || true")


def test_the_managing_command_acts_as_the_backend_and_for_root_alone(dms: Deployed) -> None:
    assert "no issues" in dms.console("dms-manage check --deploy")
    assert "[X] 0001_documents" in dms.console("dms-manage showmigrations archive")
    who = "dms-manage shell -c 'import os, pwd; print(pwd.getpwuid(os.getuid()).pw_name)'"
    assert dms.console(who).split()[-1] == "dms"
    refused = dms.console("setpriv --reuid=nobody dms-manage check 2>&1 || true")
    assert "run it as root" in refused


def test_the_page_lists_adds_and_removes_documents_in_a_browser(
    dms: Deployed, tmp_path: Path
) -> None:
    attached = tmp_path / "attached.txt"
    attached.write_text("by a browser")
    with browser(dms.site, tmp_path) as page:
        wait = WebDriverWait(page, 60)
        page.get(f"https://{dms.site.hostname}/")
        wait.until(lambda shown: shown.find_elements(By.LINK_TEXT, "Log in"))[0].click()
        for name, value in login(dms).items():
            page.find_element(By.NAME, name).send_keys(value)
        page.find_element(By.CSS_SELECTOR, "form button").click()
        wait.until(lambda shown: shown.find_elements(By.NAME, "title"))[0].send_keys("browsed")
        page.find_element(By.NAME, "file").send_keys(str(attached))
        page.find_element(By.CSS_SELECTOR, "form button").click()
        listed = (By.XPATH, "//li[span='browsed']")
        wait.until(lambda shown: shown.find_elements(*listed))
        title = page.find_element(By.NAME, "title")
        wait.until(lambda _: title.get_attribute("value") == "", "a form for the next document")
        page.find_element(*listed).find_element(By.TAG_NAME, "button").click()
        wait.until(lambda shown: not shown.find_elements(*listed))
        said = page.get_log("browser")  # type: ignore[no-untyped-call] # selenium has no types there
        refused = [each["message"] for each in said if "/favicon.ico" not in each["message"]]
        assert refused == []


def test_secrets_are_in_no_variable_and_no_unit(dms: Deployed) -> None:
    shown = dms.console(
        "systemctl cat 'dms-staging-*'; "
        "for pid in $(pgrep gunicorn); do tr '\\0' '\\n' </proc/$pid/environ; done"
    )
    assert "DB_PASSWORD_FILE=" in shown
    known = {secret for secret in dms.secrets() if len(secret) > 8}
    assert known
    assert [secret for secret in known if secret in shown] == []
    assert dms.console(f"stat -c '%U %a' {FOLDER}/postgres/*/*.conf") == "root 600\n"


def test_what_was_in_sqlite_moves_over_row_by_row(dms: Deployed) -> None:
    # The old installation, with a document that is not the newest any more.
    old = "import django; django.setup(); from archive.models import Document as D; "
    make = "from django.contrib.auth.models import User; u = User.objects.create_user('ada'); " + (
        "[D.objects.create(owner=u, title=f'{n}') for n in range(40)]; D.objects.get(pk=7).delete()"
    )
    unit = f"dms-staging-backend-{dms.outputs()['release']}.service"
    inside = f"{FOLDER}/bin/console {unit} env SQLITE_FILE=/var/lib/dms-staging-backend/old.sqlite3"
    dms.console(f"{inside} archive migrate --no-input")
    dms.console(f'{inside} archive shell -c "{old}{make}"')
    options = "--natural-foreign --natural-primary -e contenttypes -e auth.permission -e sessions"
    dms.console(f"{inside} archive dumpdata {options} >/root/old.json")
    counted = dms.console("dms-manage adopt </root/old.json")
    assert {"archive.Document 39", "auth.User 2"} <= set(counted.splitlines())
    with dms.site.visit() as visit:
        log_in(visit, login(dms))
        token = visit.request("GET", "/api/session").json()["csrf_token"]
        headers, sent = {"X-CSRFToken": token}, {"title": "after"}
        made = visit.request("POST", "/api/documents/", headers=headers, json=sent)
        assert made.raise_for_status().json()["id"] == 41, "the first number that nobody had"
    again = dms.console("dms-manage adopt </root/old.json 2>&1 || true")
    assert "holds 40 rows already" in again


def test_a_rotation_under_load_loses_no_request_and_logs_nobody_out(dms: Deployed) -> None:
    roles = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'dms_staging_writer%'"
    assert asked(dms, roles) == [("dms_staging_writer_1",)]
    with dms.site.visit() as visit, load(dms) as seen:
        log_in(visit, login(dms))
        dms.up(secret_rotation__database=2, secret_rotation__django=2)
        until(lambda: len(seen.releases) > 1, 60, "an answer of the new release")
        assert visit.request("GET", "/api/session").json()["user"] == "smoke"
    assert seen.lost == {}
    assert len(seen.releases) == 2
    assert asked(dms, roles) == [("dms_staging_writer_2",)], "the old one is gone"
    assert dms.broken() == []


def test_a_release_under_load_loses_no_request_and_open_tabs_keep_their_files(
    dms: Deployed, tmp_path: Path
) -> None:
    before = dms.outputs()["release"]
    names = dms.site.request("GET", "/").text
    old = names.partition('src="/assets/index-')[2].partition('"')[0]
    page = tmp_path / "page"
    shutil.copytree(dms.aim.project / "dist" / "page", page)
    (page / "assets" / "index-01234567.js").write_text("document.title = 'next';\n")
    (page / "assets" / f"index-{old}").unlink()
    text = (page / "index.html").read_text()
    (page / "index.html").write_text(text.replace(f"index-{old}", "index-01234567.js"))
    with load(dms) as seen:
        dms.up(page__path=str(page), app__environment={"LOG_LEVEL": "WARNING"})
        until(lambda: len(seen.releases) > 1, 60, "an answer of the new release")
    assert seen.lost == {}
    assert {before, dms.outputs()["release"]} == set(seen.releases)
    assert "index-01234567.js" in dms.site.request("GET", "/").text
    assert dms.site.request("GET", f"/assets/index-{old}").status_code == 200
    assert dms.broken() == []


def test_another_place_ends_with_the_same_site_and_documents_on_another_machine(
    dms: Deployed, client: hcloud.Client
) -> None:
    sql = "SELECT count(*), max(id) FROM archive_document"
    before = documents(dms, sql)
    assert before[0][0] > 0
    old = client.servers.get_by_name(f"{dms.system}-server")
    address = dms.outputs()["address"]
    assert old
    printed = dms.up(server__location="nbg1")
    assert "server.location: another place is another machine" in printed
    new = client.servers.get_by_name(f"{dms.system}-server")
    assert new
    assert new.id != old.id
    assert new.location
    assert new.location.name == "nbg1"
    assert dms.outputs()["address"] != address, "an address belongs to its place"
    assert documents(dms, sql) == before
    assert dms.broken() == []
    assert "unchanged" in dms.up()


def test_a_replica_is_a_site_of_its_own_and_goes_without_a_trace(
    dms: Deployed, client: hcloud.Client
) -> None:
    databases = "SELECT datname FROM pg_database WHERE datname LIKE 'dms_staging%' ORDER BY 1"
    before = dms.outputs()
    domain = f"eu.{dms.site.hostname}"
    with load(dms) as seen:
        dms.up(replicas__eu={"domain": domain, "server": {"type": "cx23", "location": "fsn1"}})
        replica = dms.outputs()["replicas"]["eu"]
        assert dms.broken() == [], "of the first and of the replica"
        assert asked(dms, databases) == [("dms_staging",), ("dms_staging_eu",)]
        dms.up(replicas__eu=GONE)
    assert seen.lost == {}
    assert set(seen.releases) == {before["release"]}
    assert (replica["url"], dms.outputs()["url"]) == (f"https://{domain}", before["url"])
    assert replica["address"] != before["address"] == dms.outputs()["address"]
    assert asked(dms, databases) == [("dms_staging",)]
    assert left(client, f"{dms.system}-server-eu") == []


def test_what_is_removed_leaves_no_trace_there_and_none_at_the_service(
    dms: Deployed, client: hcloud.Client
) -> None:
    dms.destroy()
    assert left(client, dms.system) == []
    assert asked(dms, "SELECT datname FROM pg_database WHERE datname LIKE 'dms_staging%'") == []
    assert asked(dms, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'dms_staging%'") == []


def test_production_needs_to_know_where_errors_go_before_anything_is_touched(
    cloud: Cloud, client: hcloud.Client
) -> None:
    made = opened(cloud, "production")
    refused = made.try_up(sentry__dsn=None)
    assert refused.returncode != 0
    assert "dms:sentry.dsn: is missing" in refused.stdout + refused.stderr
    assert left(client, made.system) == []


def test_production_comes_up_with_a_database_server_of_its_own_that_it_alone_reaches(
    cloud: Cloud, client: hcloud.Client
) -> None:
    made = opened(cloud, "production")
    made.changes |= OWN_SERVER
    with production(made, client, server__protect=False, database_server__protect=False):
        server = client.servers.get_by_name(f"{made.system}-database")
        assert server
        assert server.public_net
        assert server.public_net.ipv4
        address = str(server.public_net.ipv4.ip)
        assert open_ports(address, [22, 80, 443, 5432]) == [22]
        query = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        said = {way: from_there(made, query, way) for way in ("", *WRONG_WAYS)}
        assert said.pop("") == "t|TLSv1.3\n"
        assert [way for way, word in WRONG_WAYS.items() if word not in said[way]] == []
        assert "does not match host name" in from_there(made, query, f"host={address}")
        assert asked(made, "SELECT datname FROM pg_database WHERE datname LIKE 'dms_prod%'") == []
