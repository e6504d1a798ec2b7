"""The website stand-in, as a real process beside a server that stands for the crm."""

import http.server
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.processes.app_process import free_port
from tests.processes.threaded_server import ThreadedServer

PROGRAM = Path(__file__).parents[2] / "testbed/apps/website/website.py"
SECRET = "-".join(["shown", "to", "the", "crm"])
CUT_OVER = {"CRM_INTAKE": "on", "CRM_LOGIN": "on", "INBOX": "off"}


class Crm(http.server.BaseHTTPRequestHandler):
    """Takes what shows the secret."""

    taken: list[bytes]

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        right = self.path == "/login" or self.headers["X-Intake-Secret"] == SECRET
        if right and body:
            self.taken.append(body)
        self.send_response(200 if right else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def website(**env: str) -> Iterator[tuple[httpx.Client, list[bytes]]]:
    taken: list[bytes] = []
    handler = type("Taking", (Crm,), {"taken": taken})
    port = free_port()
    with ThreadedServer(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler), 0.01) as crm:
        given = {"CRM_URL": f"http://127.0.0.1:{crm.port}", "CRM_INTAKE_SECRET": SECRET, **env}
        started = subprocess.Popen(
            [sys.executable, str(PROGRAM)],
            env={**os.environ, "PORT": str(port), "RELEASE": "v7", **given},
            stderr=subprocess.DEVNULL,
        )
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            try:
                wait(client)
                yield client, taken
            finally:
                started.terminate()
                assert started.wait(5) == 0


def wait(client: httpx.Client) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            client.get("/healthz").raise_for_status()
        except httpx.TransportError:
            assert time.monotonic() < end, "it does not listen"
            time.sleep(0.05)
        else:
            return


def test_before_the_cut_over_entries_stay_and_the_secret_can_be_tried() -> None:
    with website() as (client, taken):
        assert client.get("/api/cutover").json() == {
            "secret": "ok",
            "crm": "off",
            "login": "off",
            "inbox": "open",
        }
        assert "Log in" not in client.get("/").text
        sent = client.post("/contact", data={"description": "a chair", "amount": "12.50"})
        assert (sent.status_code, sent.headers["x-release"]) == (200, "v7")
        assert taken == []


def test_after_it_entries_go_to_the_crm_and_people_to_its_login() -> None:
    with website(**CUT_OVER) as (client, taken):
        seen = client.get("/api/cutover").json()
        assert seen == {"secret": "ok", "crm": "ok", "login": "ok", "inbox": "closed"}
        assert "/login" in client.get("/").text
        assert client.post("/contact", data={"description": "x", "amount": "1"}).status_code == 200
        assert taken == [b'{"description": "x", "amount": "1"}']


def test_another_secret_is_refused_and_said_to_be() -> None:
    with website(**CUT_OVER, CRM_INTAKE_SECRET="another-one") as (client, taken):
        assert client.get("/api/cutover").json()["crm"] == "refused (401)"
        assert client.post("/contact", data={"description": "x", "amount": "1"}).status_code == 502
        assert taken == []


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"CRM_INTAKE_SECRET": ""}, "CRM_INTAKE_SECRET: missing"),
        ({"CRM_URL": "crm.example.org"}, "CRM_URL: expected"),
        ({"INBOX": "off"}, "INBOX: is off although CRM_INTAKE is"),
        ({"CRM_LOGIN": "yes"}, "CRM_LOGIN: expected on or off"),
    ],
)
def test_wrong_settings_end_it_with_what_is_wrong(env: dict[str, str], said: str) -> None:
    good = {"CRM_URL": "https://crm.example.org", "CRM_INTAKE_SECRET": SECRET}
    done = subprocess.run(
        [sys.executable, str(PROGRAM)],
        env={**os.environ, **good, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    assert done.returncode == 2
    assert said in done.stderr
