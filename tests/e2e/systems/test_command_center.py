"""Command-center on the local cloud: staging through its life, production up and down."""

import contextlib
import json
import re
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import hcloud
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from websockets.sync.client import ClientConnection, connect

from homeport import smoke, stacks
from homeport.cloud import served
from homeport.cloud.instance import Cloud
from systems.command_center import dashboards
from systems.command_center.names import BUCKET, PORTS
from systems.command_center.smoke import Platform
from tests.e2e.conftest import until
from tests.e2e.deployed import Deployed, left, open_ports, production
from tests.e2e.load import Load
from tests.e2e.starter.browsing import browser
from tests.e2e.systems.pgadmin import PgAdmin

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]
OPERATOR = "ops@center.example.com"
ADDRESS = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
"""What `docker inspect` is asked for."""
REST = "ghcr.io/homeport/rest-standin:1.0.0"


def opened(cloud: Cloud, stack: str) -> Deployed:
    return Deployed(stacks.target("command-center", stack, cloud.name))


@pytest.fixture(scope="module")
def center(cloud: Cloud) -> Iterator[Deployed]:
    made = opened(cloud, "staging")
    made.up()
    yield made
    made.destroy()


def platform(center: Deployed) -> Platform:
    return Platform(smoke.deployed(center.aim))


def running(center: Deployed) -> dict[str, str]:
    """Containers by what they are called on their networks."""
    names = center.console("docker ps --format '{{.Names}}'").split()
    plain = {name: name.removeprefix(f"{center.system}-") for name in names}
    return {re.sub(r"-[0-9a-f]{8}$", "", short): name for name, short in plain.items()}


def sql(center: Deployed, statement: str) -> str:
    """Run SQL as the database's superuser, past everything."""
    psql = f"docker exec -i -u postgres {center.system}-postgres psql -X -q -At command_center"
    return center.console(psql, stdin=statement)


def test_the_first_up_ends_with_a_platform_that_passes_every_smoke_check(center: Deployed) -> None:
    assert center.broken() == []


def test_a_second_up_tries_the_isolation_of_two_users_and_changes_nothing(center: Deployed) -> None:
    assert center.changed() == {"isolation-check"}


def test_only_ssh_http_and_https_answer_from_outside(center: Deployed) -> None:
    listening = center.console("ss -Htln | awk '{print $4}' | grep -o '[0-9]*$'").split()
    candidates = sorted({22, 80, 443, *PORTS.values(), 5432, 6379, 8000, *map(int, listening)})
    assert open_ports(center.outputs()["address"], candidates) == [22, 80, 443]


def test_the_database_and_redis_are_reached_by_those_who_need_them_only(center: Deployed) -> None:
    containers = running(center)
    reached = {}
    for server, port in (("postgres", 5432), ("redis", 6379)):
        where = center.console(f"docker inspect -f '{ADDRESS}' {containers[server]}").strip()
        tries = "\n".join(
            f"docker exec {name} timeout 3 bash -c '</dev/tcp/{where}/{port}' 2>/dev/null "
            f"&& echo {short} &"
            for short, name in containers.items()
        )
        reached[server] = set(center.console(f"{tries}\nwait").split()) - {server}
    assert reached["postgres"] == {"auth", "rest", "realtime", "postgres-exporter", "pgadmin"}
    assert reached["redis"] == set()
    assert {"mail", "objects", "prometheus", "alertmanager", "node-exporter"} <= set(containers)


def test_no_secret_is_in_an_environment_or_a_command_line(center: Deployed) -> None:
    shown = center.console("docker inspect $(docker ps -aq); ps -eo args")
    known = {secret for secret in center.secrets() if len(secret) > 8}
    assert known
    assert [secret for secret in known if secret in shown] == []


def test_migrations_are_recorded_and_no_service_is_a_superuser(center: Deployed) -> None:
    names = sql(center, "SELECT name FROM homeport.migrations ORDER BY name").split()
    assert names[0] == "0001_user_id.sql"
    assert len(names) == 4
    users = sql(
        center,
        "SELECT DISTINCT usename FROM pg_stat_activity JOIN pg_roles ON rolname = usename "
        "WHERE client_addr IS NOT NULL AND rolsuper",
    )
    assert users == ""


def opened_in_pgadmin(center: Deployed) -> dict[str, Any]:
    """Log in to pgAdmin and open its server; return who it is there."""
    seen = platform(center)
    with seen.site.visit() as visit:
        tool = PgAdmin(visit, seen.admin)
        assert tool.log_in(OPERATOR, seen.keys["pgadmin"])
        opened = tool.connected()
    assert (opened["db"], opened["version"] // 10_000) == ("command_center", 15)
    return dict(opened["user"])


def test_an_operator_opens_the_database_in_pgadmin_as_somebody_who_only_reads(
    center: Deployed,
) -> None:
    seen = platform(center)
    with seen.site.visit() as stranger:
        assert not PgAdmin(stranger, seen.admin).log_in(OPERATOR, "another password")
    user = opened_in_pgadmin(center)
    assert user["name"] == "pgadmin_reader_1"
    powers = ("is_superuser", "can_create_role", "can_create_db")
    assert [user[power] for power in powers] == [False] * 3
    may = "has_table_privilege('pgadmin_reader_1', 'public.notes', '{}')"
    asked = ", ".join(may.format(what) for what in ("SELECT", "INSERT", "UPDATE", "DELETE"))
    assert sql(center, f"SELECT {asked}").strip() == "t|f|f|f"


@contextlib.contextmanager
def joined(center: Deployed, token: str) -> Iterator[ClientConnection]:
    """A websocket through the proxy, which wants to know of notes."""
    seen = platform(center)
    context = ssl.create_default_context(cafile=seen.site.ca_file)
    path = f"/realtime/socket/websocket?apikey={seen.keys['anon']}"
    stream = socket.create_connection((seen.site.address, 443), timeout=10)
    join = {"topic": "realtime:public:notes", "event": "phx_join", "ref": "1"}
    with connect(f"wss://{seen.site.hostname}{path}", sock=stream, ssl=context) as made:
        made.send(json.dumps({**join, "payload": {"access_token": token}}))
        assert json.loads(made.recv(5))["payload"]["status"] == "ok"
        yield made


def test_a_change_reaches_its_owner_over_the_websocket_and_nobody_else(center: Deployed) -> None:
    seen = platform(center)
    with seen.users(2) as (one, other):
        with joined(center, one.token) as hers, joined(center, other.token) as his:
            (note,) = seen.ask("POST", "/api/notes", one.token, json={"text": "news"})
            told = json.loads(hers.recv(5))
            assert told["payload"]["data"]["record"]["text"] == "news"
            with pytest.raises(TimeoutError):
                his.recv(1)
        seen.ask("DELETE", f"/api/notes?id=eq.{note['id']}", seen.keys["service"])


def use_the_page(page: Chrome, site: smoke.Site) -> None:
    """Sign up, write a note, and see it, once it has come over the websocket or the API."""
    page.get(f"https://{site.hostname}/")
    page.find_element(By.NAME, "email").send_keys("browser@example.com")
    page.find_element(By.NAME, "password").send_keys("a long password")
    page.find_element(By.CSS_SELECTOR, "button[value='/signup']").click()
    wait = WebDriverWait(page, 60)
    wait.until(lambda shown: shown.find_element(By.NAME, "text").is_displayed())
    page.find_element(By.NAME, "text").send_keys("a browser's note")
    page.find_element(By.CSS_SELECTOR, "#note button").click()
    wait.until(lambda shown: "a browser's note" in shown.find_element(By.ID, "notes").text)
    assert page.find_element(By.ID, "said").text == ""


def test_the_page_signs_up_and_writes_in_a_browser(center: Deployed, tmp_path: Path) -> None:
    with browser(center.site, tmp_path) as page:
        use_the_page(page, center.site)


def test_what_row_security_refuses_is_counted_and_told_by_mail(center: Deployed) -> None:
    seen = platform(center)
    with seen.users(2) as (one, other):
        stolen = {"text": "not mine", "owner": other.id}
        for _ in range(15):
            answer = seen.site.request(
                "POST",
                "/api/notes",
                headers={"Authorization": f"Bearer {one.token}"},
                json=stolen,
            )
            assert answer.status_code == 403
    shown = {**seen.admin, "X-Server-API-Key": seen.keys["mail"]}

    def told() -> bool:
        kept = seen.site.request("GET", f"/mail/messages?to={OPERATOR}", headers=shown)
        return any("RLSViolation" in message["subject"] for message in kept.json())

    until(told, 120, "a mail about refused rows")


def test_prometheus_has_figures_for_every_line_of_every_dashboard(center: Deployed) -> None:
    seen = platform(center)

    def asked(query: str) -> int:
        where = f"/prometheus/api/v1/query?{urlencode({'query': query})}"
        answer = seen.site.request("GET", where, headers=seen.admin).raise_for_status()
        return len(answer.json()["data"]["result"])

    lines = {
        f"{title}: {panel.title}: {name}": query
        for title, panels in dashboards.DASHBOARDS.items()
        for panel in panels
        for name, query in panel.lines.items()
    }

    def missing() -> list[str]:
        return [line for line, query in lines.items() if not asked(query)]

    # A rate needs two figures: what was counted just now has one until the next look.
    with contextlib.suppress(AssertionError):
        until(lambda: not missing(), 45, "all figures")
    assert missing() == []


def test_a_table_without_row_security_ends_the_deploy_and_the_old_release_serves(
    center: Deployed,
) -> None:
    before = center.outputs()["release"]
    sql(center, "CREATE TABLE public.open_to_all (id int)")
    assert center.aim.cloud
    pinned = f"{REST}@{served.digests(center.aim.cloud)[REST]}"
    refused = center.try_up(rest__image=pinned)
    assert refused.returncode != 0
    assert "row security: open_to_all without it" in refused.stdout + refused.stderr
    answer = center.site.request("GET", "/api/")
    assert (answer.status_code, answer.headers["x-release"]) == (200, before)
    sql(center, "DROP TABLE public.open_to_all")


OPENER = """
address=$(docker inspect -f '{address}' {postgres})
runs() {{ [ -n "$(docker ps -q --filter name={release})" ]; }}
opens() {{
    echo '{password}' | docker exec -i {postgres} sh -c 'read -r PGPASSWORD; export PGPASSWORD
        exec psql -X -q -At -h "$0" -U authenticator_1 -c "SELECT 1" command_center' "$address"
}}
tried=0 refused=0
while runs && [ $tried -lt 3000 ]; do
    tried=$((tried + 1))
    opens >/dev/null 2>&1 || {{ runs && refused=$((refused + 1)); }}
done
echo $tried $refused
"""
"""Opens connections as the old release does, one after the other, as long as that is there."""


def test_new_database_passwords_under_load_lose_no_request_no_connection_and_no_object(
    center: Deployed,
) -> None:
    site, containers = center.site, running(center)
    opener = OPENER.format(
        address=ADDRESS,
        postgres=containers["postgres"],
        release=containers["rest"],
        password=center.generated("authenticator-1-password"),
    )
    path, kept = "/api/announcements", f"/s3/{BUCKET}/kept"
    before = platform(center).store("PUT", kept, b"kept").raise_for_status()
    with (
        ThreadPoolExecutor() as pool,
        Load(site.address, site.hostname, str(site.ca_file), path=path, rate=15) as seen,
    ):
        opened = pool.submit(center.console, "sh -s", opener)
        center.up(secret_rotation__database=2, objects__memory_mib=112)
        until(lambda: len(seen.releases) > 1, 60, "an answer of the new release")
    assert seen.lost == {}
    assert center.outputs()["release"] in seen.releases
    tried, refused = map(int, opened.result().split())
    assert (tried > 10, refused) == (True, 0)
    logins = sql(center, "SELECT rolname FROM pg_roles WHERE rolcanlogin ORDER BY 1").split()
    assert logins == [
        *("auth_migrator_2", "auth_users_2", "authenticator_2", "pgadmin_reader_2"),
        *("postgres", "postgres_exporter_2", "realtime_listener_2"),
    ]
    assert opened_in_pgadmin(center)["name"] == "pgadmin_reader_2"
    after = platform(center).store("GET", kept)
    assert after.content == b"kept"
    assert after.headers["x-release"] != before.headers["x-release"]


def test_a_rotation_of_the_jwt_secret_is_one_up_and_ends_every_key_and_login(
    center: Deployed,
) -> None:
    old = platform(center)
    with old.users(1) as (user,):
        center.up(secret_rotation__jwt=2)
        for token in (old.keys["service"], user.token):
            asked = center.site.request(
                "GET", "/api/notes", headers={"Authorization": f"Bearer {token}"}
            )
            assert asked.status_code == 401
        old.keys = platform(center).keys
    assert center.broken() == []


def test_what_is_removed_leaves_no_trace_in_the_cloud(
    center: Deployed, client: hcloud.Client
) -> None:
    center.destroy()
    assert left(client, center.system) == []


def test_production_comes_up_is_protected_and_goes_when_it_is_told_twice(
    cloud: Cloud, client: hcloud.Client
) -> None:
    with production(
        opened(cloud, "production"), client, server__protect=False, postgres__protect=False
    ):
        pass
