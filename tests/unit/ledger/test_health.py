"""What wants a secret to be shown, health check and intake, and how a Redis is asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from ledger import redis
from ledger.app import create_app
from ledger.drain import Drain
from ledger.settings import Settings

SECRET = "-".join(["shown", "by", "the", "monitor"])
NO_DATABASE = "postgresql://ledger:not-a-real-password@127.0.0.1:1/ledger"


@asynccontextmanager
async def listening(*answers: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Answer each command of a client in turn; yield the port and what was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            parts = int((await reader.readline())[1:])
            words = []
            for _ in range(parts):
                await reader.readline()
                words.append((await reader.readline()).strip())
            asked.append(b" ".join(words))
            writer.write(answer + b"\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], asked


async def ask(headers: dict[str, str], path: str = "/api/health", **env: str) -> httpx.Response:
    app = create_app(Settings.load({"DATABASE_URL": NO_DATABASE, "RELEASE": "v7", **env}), Drain())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://ledger") as client:
        return await client.get(path, headers=headers)


async def test_without_a_secret_of_its_own_there_is_no_such_check() -> None:
    assert (await ask({"X-Health-Secret": ""})).status_code == 404


@pytest.mark.parametrize("shown", ["", "wrong", SECRET.upper()])
async def test_who_does_not_show_the_secret_learns_nothing(shown: str) -> None:
    answer = await ask({"X-Health-Secret": shown}, HEALTH_SECRET=SECRET)
    assert (answer.status_code, answer.json()) == (401, {"status": "refused"})


async def test_who_shows_it_is_told_of_each_service() -> None:
    async with listening(b"+OK", b"+PONG") as (port, _):
        answer = await ask(
            {"X-Health-Secret": SECRET},
            HEALTH_SECRET=SECRET,
            REDIS_HOST="127.0.0.1",
            REDIS_PORT=str(port),
            REDIS_PASSWORD=SECRET[::-1],
        )
    assert answer.status_code == 503, "there is no database here"
    assert answer.json()["redis"] == "ok"
    assert answer.json()["db"] != "ok"


@pytest.mark.parametrize(
    ("shown", "secret", "status"), [(SECRET, SECRET, 200), ("wrong", SECRET, 401), ("", "", 404)]
)
async def test_the_intake_is_open_to_who_shows_its_own_secret(
    shown: str, secret: str, status: int
) -> None:
    headers = {"X-Intake-Secret": shown}
    answer = await ask(
        headers, path="/api/intake", INTAKE_SECRET=secret, HEALTH_SECRET=SECRET[::-1]
    )
    assert answer.status_code == status


async def test_a_redis_is_logged_in_to_and_asked() -> None:
    async with listening(b"+OK", b"+PONG") as (port, asked):
        assert await redis.problem("127.0.0.1", port, SECRET) is None
    assert asked == [f"AUTH {SECRET}".encode(), b"PING"]


async def test_a_redis_that_refuses_or_is_not_there_is_told_without_the_password() -> None:
    async with listening(b"-WRONGPASS no") as (port, _):
        assert await redis.problem("127.0.0.1", port, SECRET) == "the Redis refused AUTH"
    assert await redis.problem("127.0.0.1", port, SECRET) == "the Redis cannot be reached"
