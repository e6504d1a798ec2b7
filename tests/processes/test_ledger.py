"""The sample app: start, drain, crash. None of it needs a database."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from ledger.cli import main
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.processes.app_process import NO_DATABASE, Process, free_port

Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts `ledger COMMAND` with a clean environment; keyword arguments are variables."""
    processes: list[Process] = []

    def start_one(*command: str, **env: str) -> Process:
        defaults = {
            "HOST": "127.0.0.1",
            "PORT": str(free_port()),
            "RELEASE": "v1",
            "DATABASE_URL": NO_DATABASE,
            "HEARTBEAT_FILE": str(tmp_path / "alive"),
        }
        log = tmp_path / f"ledger-{len(processes)}.log"
        processes.append(Process(list(command), {**defaults, **env}, log))
        return processes[-1]

    yield start_one
    for process in processes:
        if process.popen.poll() is None:
            process.popen.kill()
        process.popen.wait()


async def read_events(client: httpx.AsyncClient) -> str:
    text = ""
    async with client.stream("GET", "/api/events?interval=0.1") as response:
        async for chunk in response.aiter_text():
            text += chunk
    return text


async def exit_code(process: Process, seconds: float = 10) -> int:
    return await asyncio.to_thread(process.popen.wait, seconds)


async def test_sigterm_finishes_requests_and_tells_streams_and_websockets_to_go(
    start: Start,
) -> None:
    process = start("serve", DRAIN_SECONDS="8")
    await asyncio.to_thread(process.wait_until_up)
    async with (
        httpx.AsyncClient(base_url=process.url, timeout=10) as client,
        connect(f"{process.url.replace('http', 'ws')}/ws/echo") as websocket,
    ):
        await websocket.send("hello")
        assert await websocket.recv() == "hello"
        await client.get("/livez")  # Leaves a connection idle in the client's pool.
        slow = asyncio.create_task(client.get("/api/slow?seconds=2"))
        events = asyncio.create_task(read_events(client))
        await asyncio.sleep(0.5)
        process.terminate()
        with pytest.raises(ConnectionClosed) as closed:
            await websocket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
        text = await events
        assert not slow.done()
        assert text.rstrip().split("\n\n")[-1].startswith("retry: 1000\nevent: bye\n")
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{process.url}/livez")
        response = await slow
    assert (response.status_code, response.json()["slept_seconds"]) == (200, 2.0)
    assert response.headers["connection"] == "close"
    assert await exit_code(process) == 0


async def test_an_idle_connection_is_still_answered_just_after_sigterm_and_then_closed(
    start: Start,
) -> None:
    process = start("serve")
    await asyncio.to_thread(process.wait_until_up)
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)

    async def ask() -> bytes:
        writer.write(b"GET /livez HTTP/1.1\r\nHost: ledger\r\n\r\n")
        return await reader.readuntil(b'{"status":"ok"}')

    assert b"connection: close" not in await ask()
    process.terminate()
    await asyncio.sleep(0.4)
    assert b"connection: close" in await ask()
    assert await reader.read() == b""
    writer.close()
    assert await exit_code(process) == 0


async def test_what_outlasts_the_drain_time_is_cut_off_and_the_exit_code_is_0(
    start: Start,
) -> None:
    process = start("serve", DRAIN_SECONDS="1")
    await asyncio.to_thread(process.wait_until_up)
    async with httpx.AsyncClient(base_url=process.url, timeout=30) as client:
        slow = asyncio.create_task(client.get("/api/slow?seconds=60"))
        await asyncio.sleep(0.3)
        started = time.monotonic()
        process.terminate()
        with contextlib.suppress(httpx.TransportError):
            assert (await slow).status_code == 500
    assert await exit_code(process) == 0
    assert time.monotonic() - started >= 1
    assert '"msg": "cut off after DRAIN_SECONDS"' in process.log


async def test_a_second_signal_ends_the_drain(start: Start) -> None:
    process = start("serve", DRAIN_SECONDS="60")
    await asyncio.to_thread(process.wait_until_up)
    async with httpx.AsyncClient(base_url=process.url, timeout=30) as client:
        slow = asyncio.create_task(client.get("/api/slow?seconds=60"))
        await asyncio.sleep(0.3)
        process.terminate()
        await asyncio.sleep(0.3)
        process.terminate()
        assert await exit_code(process, 4) == 0
        with contextlib.suppress(httpx.TransportError):
            await slow


async def test_a_start_delay_keeps_the_port_closed_and_ends_at_a_signal(start: Start) -> None:
    process = start("serve", START_DELAY_SECONDS="60")
    await asyncio.sleep(1.5)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{process.url}/livez")
    process.terminate()
    assert await exit_code(process, 3) == 0


async def test_crash_after_ends_the_process_with_its_own_code(start: Start) -> None:
    process = start("serve", FAIL_MODE="crash-after:0.5")
    assert await exit_code(process) == 70
    assert json.loads(process.log.splitlines()[-1])["level"] == "critical"


async def test_without_a_database_the_app_lives_and_says_within_bounds_why_it_is_unhealthy(
    start: Start,
) -> None:
    process = start("serve")
    await asyncio.to_thread(process.wait_until_up)
    health = httpx.get(f"{process.url}/healthz", timeout=10)
    assert health.status_code == 503
    assert health.json()["reason"] == "no connection to the database in time"
    check = [sys.executable, "-m", "ledger.healthcheck"]
    env = {**os.environ, "PORT": str(process.port), "HEARTBEAT_FILE": "/nonexistent"}
    result = subprocess.run(check, env=env, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout.strip()) == (1, health.json()["reason"])
    page = httpx.get(process.url, timeout=10)
    assert page.status_code == 503
    assert "The database cannot be reached right now" in page.text
    process.terminate()
    assert await exit_code(process) == 0
    assert "not-a-real-password" not in process.log
    assert all(isinstance(json.loads(line), dict) for line in process.log.splitlines())


async def test_a_worker_without_a_database_keeps_trying_and_stops_at_sigterm(
    start: Start, tmp_path: Path
) -> None:
    process = start("worker", WORKER_POLL_SECONDS="0.2")
    await asyncio.sleep(2)
    assert process.popen.poll() is None
    assert not (tmp_path / "alive").exists()
    process.popen.send_signal(signal.SIGTERM)
    assert await exit_code(process) == 0
    assert '"msg": "worker stopped"' in process.log


def test_all_errors_of_the_environment_are_printed_and_nothing_is_started(start: Start) -> None:
    process = start("serve", PORT="70000", LOG_LEVEL="loud")
    assert process.popen.wait(10) == 2
    lines = process.log.splitlines()
    assert lines[0] == "ledger: 2 wrong in the environment:"
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["PORT", "LOG_LEVEL"]


@pytest.mark.parametrize("command", ["serve", "worker", "migrate", "check", "seed", "static"])
def test_every_command_explains_itself(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: ledger {command}")
