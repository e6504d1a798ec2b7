import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from ledger.app import create_app
from ledger.drain import Drain
from ledger.settings import Settings
from starlette.types import ASGIApp

NO_DATABASE = "postgresql://ledger:not-a-real-password@127.0.0.1:1/ledger"


def make(drain: Drain, **env: str) -> ASGIApp:
    return create_app(Settings.load({"DATABASE_URL": NO_DATABASE, "RELEASE": "v7", **env}), drain)


@pytest.fixture
def drain() -> Drain:
    return Drain()


@pytest.fixture
async def client(drain: Drain) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make(drain), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://ledger") as client:
        yield client


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/api/version", "/assets/ledger.css"])
async def test_every_response_names_release_instance_and_request(
    client: httpx.AsyncClient, path: str
) -> None:
    response = await client.get(path, headers={"x-request-id": "from-the-proxy"})
    assert response.headers["x-release"] == "v7"
    assert response.headers["x-instance"].rpartition(":")[2].isdigit()
    assert response.headers["x-request-id"] == "from-the-proxy"
    assert "connection" not in response.headers


async def test_a_request_id_that_could_forge_a_log_line_is_replaced(
    client: httpx.AsyncClient,
) -> None:
    response = await client.get("/livez", headers={"x-request-id": 'a" b'})
    assert len(response.headers["x-request-id"]) == 32


async def test_responses_ask_to_close_while_draining(
    client: httpx.AsyncClient, drain: Drain
) -> None:
    drain.start()
    response = await client.get("/livez")
    assert (response.status_code, response.headers["connection"]) == (200, "close")
    health = await client.get("/healthz")
    assert (health.status_code, health.json()["reason"]) == (503, "draining")


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("never-healthy", "FAIL_MODE is never-healthy"),
        ("unhealthy-after:0", "FAIL_MODE is unhealthy-after:0"),
    ],
)
async def test_failure_modes_make_the_app_unhealthy_but_leave_it_alive(
    drain: Drain, mode: str, reason: str
) -> None:
    transport = httpx.ASGITransport(make(drain, FAIL_MODE=mode))
    async with httpx.AsyncClient(transport=transport, base_url="http://ledger") as client:
        health = await client.get("/healthz")
        assert (health.status_code, health.json()["reason"]) == (503, reason)
        assert (await client.get("/livez")).status_code == 200


async def test_echo_returns_text_and_bytes_with_their_hash(client: httpx.AsyncClient) -> None:
    text = (await client.post("/api/echo", content="héllo")).json()
    assert (text["body"], text["encoding"], text["size"]) == ("héllo", "utf-8", 6)
    binary = (await client.post("/api/echo", content=b"\xff\x00")).json()
    assert (binary["body"], binary["encoding"]) == ("/wA=", "base64")
    assert binary["sha256"] == hashlib.sha256(b"\xff\x00").hexdigest()


async def test_a_body_over_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b"x" * 1024 * 1024

    for content in (chunks(), b"x" * (16 * 1024 * 1024 + 1)):
        response = await client.post("/api/echo", content=content)
        assert response.status_code == 413
        assert response.json()["error"]["message"] == "the body must have at most 16777216 bytes"


async def test_headers_come_back_as_the_proxy_sent_them(client: httpx.AsyncClient) -> None:
    sent = [("x-forwarded-for", "203.0.113.9"), ("x-two", "1"), ("x-two", "2")]
    answer = (await client.get("/api/headers?a=b", headers=sent)).json()
    assert (answer["path"], answer["query"]) == ("/api/headers", "a=b")
    assert [pair for pair in answer["headers"] if tuple(pair) in sent] == [list(p) for p in sent]


@pytest.mark.parametrize("seconds", ["121", "-1", "nan", "x", ""])
async def test_the_slow_endpoint_is_bounded(client: httpx.AsyncClient, seconds: str) -> None:
    response = await client.get("/api/slow", params={"seconds": seconds})
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "seconds must be a number from 0 to 120"


async def test_the_slow_endpoint_takes_its_time(client: httpx.AsyncClient) -> None:
    started = time.monotonic()
    response = await client.get("/api/slow?seconds=0.2")
    assert response.json()["slept_seconds"] == 0.2
    assert time.monotonic() - started >= 0.2


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("headers", "body", "status", "message"),
    [
        ({}, "{}", 415, "the content type must be application/json"),
        (JSON, "{", 400, "the body is not JSON: "),
        (JSON, "\xff", 400, "the body is not JSON: "),
        (JSON, "[" * 60_000, 400, "the body is not JSON: "),
        (JSON, '{"amount": NaN}', 400, "the body is not JSON: NaN is not a JSON number"),
        (JSON, json.dumps("x" * 65_536), 413, "the body must have at most 65536 bytes"),
        (JSON, "[]", 422, "1 field is invalid"),
        (JSON, "{}", 422, "2 fields are invalid"),
    ],
)
async def test_bad_bodies_are_refused_before_the_database_is_asked(
    client: httpx.AsyncClient, headers: dict[str, str], body: str, status: int, message: str
) -> None:
    response = await client.post("/api/entries", content=body.encode("latin-1"), headers=headers)
    assert response.status_code == status
    assert response.json()["error"]["message"].startswith(message)


async def test_a_form_from_another_site_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/entries", data={"amount": "1"}, headers={"sec-fetch-site": "cross-site"}
    )
    assert response.status_code == 403


async def test_unknown_paths_and_methods_are_answered_in_json(client: httpx.AsyncClient) -> None:
    missing = await client.get("/nowhere")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    wrong = await client.put("/livez")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert set(wrong.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_events_tick_from_the_last_id_on_and_say_bye(drain: Drain) -> None:
    bodies: list[bytes] = []
    app = make(drain)
    scope = {
        "type": "http", "method": "GET", "path": "/api/events", "raw_path": b"/api/events",
        "query_string": b"interval=0.02", "headers": [(b"last-event-id", b"41")],
        "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1",
        "server": ("ledger", 80), "client": ("127.0.0.1", 1), "scheme": "http", "root_path": "",
    }  # fmt: skip

    async def receive() -> dict[str, object]:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        body = message.get("body", b"")
        assert isinstance(body, bytes)
        bodies.append(body)
        if b"id: 43" in body:
            drain.start()

    await asyncio.wait_for(app(scope, receive, send), 5)  # type: ignore[arg-type]
    text = b"".join(bodies).decode()
    blocks = text.strip().split("\n\n")
    assert blocks[0] == "retry: 1000"
    assert [block.splitlines()[:2] for block in blocks[1:3]] == [
        ["event: tick", "id: 42"],
        ["event: tick", "id: 43"],
    ]
    assert blocks[3].splitlines()[:2] == ["retry: 1000", "event: bye"]
    assert len(blocks) == 4
