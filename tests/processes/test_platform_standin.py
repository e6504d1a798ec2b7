"""The platform's stand-ins as processes, over a real PostgreSQL with command-center's schema."""

import datetime
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from components import sql, sql_roles
from components.database_migrations import read
from components.jwt_keys import JwtKeysArgs, claims, sign
from homeport.paths import ROOT, SYSTEMS
from tests.processes.app_process import Process, free_port
from tests.processes.postgres_cluster import Cluster, running

SOURCE = ROOT / "testbed/apps/platform-standin/src"
CENTER = SYSTEMS / "command_center"
DATABASE, PASSWORD = "center", "of-these-tests"
SECRET = "of these tests and of nothing else, long enough"
KEY = "a-key-of-these-tests"
ISSUER = JwtKeysArgs(
    roles=("anon", "service_role"), issuer="center", expires=datetime.date(2099, 1, 1)
)
ROLES = {"anon": False, "authenticated": False, "service_role": True}


class Platform:
    """Four services, each with a port of its own."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.folder = folder
        self.processes: dict[str, Process] = {}
        self.smtp = free_port()
        (folder / "secret").write_text(SECRET)
        asks = cluster.url(("authenticator", PASSWORD), DATABASE)
        knows = cluster.url(("center_auth", PASSWORD), DATABASE)
        (folder / "asks").write_text(asks)
        self.environments: dict[str, dict[str, str]] = {
            "auth": {
                "DATABASE_URL": knows,
                "GOTRUE_JWT_SECRET_FILE": str(folder / "secret"),
                "API_EXTERNAL_URL": "https://center.example.org/auth",
                "GOTRUE_SITE_URL": "https://center.example.org",
                "GOTRUE_SMTP_HOST": "127.0.0.1",
                "GOTRUE_SMTP_PORT": str(self.smtp),
                "GOTRUE_SMTP_ADMIN_EMAIL": "center@example.org",
            },
            "rest": {
                "PGRST_DB_URI": f"@{folder / 'asks'}",
                "PGRST_JWT_SECRET": f"@{folder / 'secret'}",
                "PGRST_DB_ANON_ROLE": "anon",
            },
            "realtime": {"DATABASE_URL": asks, "API_JWT_SECRET": SECRET},
            "mail": {"POSTAL_API_KEY": KEY, "SMTP_PORT": str(self.smtp)},
        }

    def run(self, service: str, *command: str, log: str = "log", **more: str) -> Process:
        env = {"PYTHONPATH": str(SOURCE), "PORT": str(free_port()), **self.environments[service]}
        file = self.folder / f"{service}.{log}"
        return Process([service, *command], {**env, **more}, file, module="standin")

    def start(self) -> None:
        for service in self.environments:
            self.processes[service] = self.run(service)
        for process in self.processes.values():
            process.wait_until_up()

    def url(self, service: str) -> str:
        return self.processes[service].url

    def ask(self, service: str, method: str, path: str, token: str = "", **sent: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= sent.pop("headers", {})
        return httpx.request(method, self.url(service) + path, headers=headers, timeout=10, **sent)

    def user(self, name: str) -> str:
        """Sign somebody up; return the token."""
        account = {"email": f"{name}@example.org", "password": "a long password"}
        answer = self.ask("auth", "POST", "/signup", json=account)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running() as cluster:
        cluster.run(sql.database_up(DATABASE, ["public", "auth"], []))
        cluster.run(sql_roles.request_roles_up(DATABASE, ["public"], ROLES))
        cluster.run(sql.user_up(DATABASE, "authenticator", "request", 20, {}))
        owner = {"role": sql.owner_role(DATABASE)}
        cluster.run(sql.user_up(DATABASE, "center_migrator", "migrator", 5, owner))
        cluster.run(sql.user_up(DATABASE, "center_auth", "read_write", 20, {}))
        with cluster.admin() as admin:
            for user in ("authenticator", "center_migrator", "center_auth"):
                admin.execute(f"ALTER ROLE {user} PASSWORD '{PASSWORD}'")
        cluster.run(sql_roles.migrations_up(DATABASE, read(str(CENTER / "migrations"))))
        made = Platform(cluster, tmp_path_factory.mktemp("platform"))
        schema = cluster.url(("center_migrator", PASSWORD), DATABASE)
        job = made.run("auth", "migrate", DATABASE_URL=schema)
        assert job.popen.wait(30) == 0, job.log
        try:
            made.start()
            for check in ("isolation.sql",):
                text = (CENTER / "checks" / check).read_text()
                cluster.run(sql_roles.check_up(DATABASE, text))
            cluster.run(sql_roles.check_up(DATABASE, sql_roles.row_security_audit(["public"])))
            yield made
        finally:
            for process in made.processes.values():
                process.terminate()
            for process in made.processes.values():
                process.popen.wait(20)


def test_every_service_is_well_and_tells_its_figures(platform: Platform) -> None:
    paths = {
        "auth": "/health",
        "rest": "/",
        "realtime": "/api/health",
        "mail": "/health",
    }
    for service, path in paths.items():
        assert platform.ask(service, "GET", path).status_code == 200, service
        figures = platform.ask(service, "GET", "/metrics").text
        assert f'http_requests_total{{service="{service}",status="200"}}' in figures


def test_who_signs_up_can_log_in_and_is_known_by_the_token(platform: Platform) -> None:
    platform.user("anna")
    account = {"email": "anna@example.org", "password": "a long password"}
    entered = platform.ask("auth", "POST", "/token?grant_type=password", json=account)
    assert entered.json()["expires_in"] == 3600
    me = platform.ask("auth", "GET", "/user", entered.json()["access_token"])
    assert me.json()["email"] == "anna@example.org"
    again = platform.ask("auth", "POST", "/signup", json=account)
    assert again.status_code == 422
    wrong = {**account, "password": "another password"}
    assert platform.ask("auth", "POST", "/token?grant_type=password", json=wrong).status_code == 400


def test_only_the_service_key_removes_an_account(platform: Platform) -> None:
    token = platform.user("ines")
    path = f"/admin/users/{platform.ask('auth', 'GET', '/user', token).json()['id']}"
    service = sign(SECRET, claims(ISSUER, "service_role"))
    statuses = [platform.ask("auth", "DELETE", path, t).status_code for t in ("", token, service)]
    assert statuses == [401, 403, 200]
    assert platform.ask("auth", "GET", "/user", token).status_code == 403


def test_each_sees_and_changes_only_their_own_rows(platform: Platform) -> None:
    ben, cleo = platform.user("ben"), platform.user("cleo")
    whole = {"Prefer": "return=representation"}
    made = platform.ask("rest", "POST", "/notes", ben, json={"text": "mine"}, headers=whole)
    assert made.status_code == 201, made.text
    (note,) = made.json()
    mine = platform.ask("rest", "GET", f"/notes?id=eq.{note['id']}&select=id,text", ben).json()
    assert mine == [{"id": note["id"], "text": "mine"}]
    assert platform.ask("rest", "GET", "/notes", cleo).json() == []
    changed = platform.ask(
        "rest", "PATCH", f"/notes?id=eq.{note['id']}", cleo, json={"text": "x"}, headers=whole
    )
    assert (changed.status_code, changed.json()) == (200, [])
    stolen = platform.ask("rest", "POST", "/notes", cleo, json={**note, "id": None, "text": "x"})
    assert stolen.status_code in (400, 403), stolen.text
    owner = {"text": "for another", "owner": note["owner"]}
    assert platform.ask("rest", "POST", "/notes", cleo, json=owner).status_code == 403
    assert "row_security_violations_total 0.0" not in platform.ask("rest", "GET", "/metrics").text
    gone = platform.ask("rest", "DELETE", f"/notes?id=eq.{note['id']}", ben)
    assert gone.status_code == 204
    assert platform.ask("rest", "GET", "/notes", ben).json() == []


def test_the_keys_have_the_roles_that_they_say(platform: Platform) -> None:
    anon = sign(SECRET, claims(ISSUER, "anon"))
    service = sign(SECRET, claims(ISSUER, "service_role"))
    assert platform.ask("rest", "GET", "/notes", anon).status_code == 401
    assert platform.ask("rest", "GET", "/notes").status_code == 401
    assert platform.ask("rest", "GET", "/announcements", anon).json() == []
    for published in (True, False):
        row = {"text": "to all", "published": published}
        assert platform.ask("rest", "POST", "/announcements", service, json=row).status_code == 201
    assert len(platform.ask("rest", "GET", "/announcements", service).json()) == 2
    assert len(platform.ask("rest", "GET", "/announcements", anon).json()) == 1
    row = {"text": "from a stranger"}
    assert platform.ask("rest", "POST", "/announcements", anon, json=row).status_code == 401


@pytest.mark.parametrize(
    ("secret", "role"), [(SECRET[::-1], "service_role"), (SECRET, "center_owner")]
)
def test_a_forged_key_and_a_role_that_is_not_for_requests_get_nothing(
    platform: Platform, secret: str, role: str
) -> None:
    token = sign(secret, claims(ISSUER, role))
    assert platform.ask("rest", "GET", "/notes", token).status_code in (401, 403)


def test_an_ended_key_is_refused_everywhere(platform: Platform) -> None:
    ended = sign(SECRET, {"role": "service_role", "exp": int(time.time()) - 1})
    assert platform.ask("rest", "GET", "/notes", ended).status_code == 401
    assert platform.ask("auth", "GET", "/user", ended).status_code == 401


def test_a_table_or_column_that_is_not_there_is_no_error_of_the_server(platform: Platform) -> None:
    anon = sign(SECRET, claims(ISSUER, "anon"))
    for path in ("/nothing", "/announcements?colour=eq.1", "/announcements?id=like.1"):
        assert platform.ask("rest", "GET", path, anon).status_code in (400, 404), path
    injected = platform.ask("rest", "GET", "/announcements?id=eq.1'; DROP TABLE notes; --", anon)
    assert injected.status_code == 400


def test_changes_reach_who_may_see_them_and_nobody_else(platform: Platform) -> None:
    dora, emil = platform.user("dora"), platform.user("emil")
    anon = sign(SECRET, claims(ISSUER, "anon"))
    url = platform.url("realtime").replace("http", "ws") + f"/socket/websocket?apikey={anon}"
    with connect(url) as hers, connect(url) as his:
        for socket, token in ((hers, dora), (his, emil)):
            join = {"topic": "realtime:public:notes", "event": "phx_join", "ref": "1"}
            socket.send(json.dumps({**join, "payload": {"access_token": token}}))
            assert json.loads(socket.recv(5))["payload"]["status"] == "ok"
        platform.ask("rest", "POST", "/notes", dora, json={"text": "news"})
        seen = json.loads(hers.recv(5))
        assert seen["payload"]["data"]["record"]["text"] == "news"
        with pytest.raises(TimeoutError):
            his.recv(1)


def test_a_websocket_without_a_good_key_does_not_open(platform: Platform) -> None:
    url = platform.url("realtime").replace("http", "ws") + "/socket/websocket?apikey=x"
    with pytest.raises(InvalidStatus, match="403"):
        connect(url)


def test_mail_of_auth_arrives_and_is_shown_to_who_has_the_key(platform: Platform) -> None:
    platform.user("fred")
    platform.ask("auth", "POST", "/recover", json={"email": "fred@example.org"})
    shown = {"X-Server-API-Key": KEY}
    (message,) = platform.ask("mail", "GET", "/messages?to=fred@example.org", headers=shown).json()
    assert (message["from"], message["subject"]) == ("center@example.org", "Your password")
    assert "https://center.example.org/recover" in message["text"]
    assert platform.ask("mail", "GET", "/messages").status_code == 401
    stranger = {"email": "nobody@example.org"}
    assert platform.ask("auth", "POST", "/recover", json=stranger).status_code == 200
    assert len(platform.ask("mail", "GET", "/messages", headers=shown).json()) == 1


def test_the_api_of_the_mail_server_takes_mail_too(platform: Platform) -> None:
    sent = {"to": ["greta@example.org"], "from": "center@example.org", "subject": "hello"}
    path, shown = "/api/v1/send/message", {"X-Server-API-Key": KEY}
    assert platform.ask("mail", "POST", path, json=sent).status_code == 401
    assert platform.ask("mail", "POST", path, json=sent, headers=shown).status_code == 200


@pytest.mark.parametrize(
    ("service", "variable", "said"),
    [
        ("auth", "GOTRUE_JWT_SECRET_FILE=", "GOTRUE_JWT_SECRET is missing"),
        ("rest", "PGRST_JWT_SECRET=short", "PGRST_JWT_SECRET has 5 characters, and needs 32"),
        ("mail", "SMTP_PORT=x", "SMTP_PORT must be a whole number"),
    ],
)
def test_a_service_that_is_not_told_enough_does_not_start(
    platform: Platform, service: str, variable: str, said: str
) -> None:
    name, _, value = variable.partition("=")
    process = platform.run(service, log="refused", **{name: value})
    assert process.popen.wait(20) != 0
    assert said in process.log
