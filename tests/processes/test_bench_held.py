"""What the benchmark's websockets and event streams make of how they end."""

import asyncio
import http
import ssl
from collections.abc import Callable
from pathlib import Path

from websockets.asyncio.server import Request, Response, ServerConnection, serve

from bench.held import Held
from homeport.smoke import Site
from tests.processes.https_server import write_certificate

GOODBYE = "HTTP/1.1 200 OK\r\n\r\nevent: tick\ndata: 1\n\nevent: bye\ndata: 2\n\n"
MIDDLE = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nevent: tick\ndata: 1\n\n"
SILENT = "HTTP/1.1 200 OK\r\n\r\nevent: tick\ndata: 1\n\n"
REFUSED = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


def tls(folder: Path) -> tuple[ssl.SSLContext, str]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    write_certificate(certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, str(certificate)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_websocket_is_broken_when_it_is_cut_and_once_while_it_is_refused(
    tmp_path: Path,
) -> None:
    context, ca = tls(tmp_path)
    asked = 0

    async def answer(socket: ServerConnection) -> None:
        await socket.send(await socket.recv())
        if asked == 1:
            await socket.close(1001)
        else:
            socket.transport.abort()

    def refuse(socket: ServerConnection, _: Request) -> Response | None:
        nonlocal asked
        asked += 1
        return socket.respond(http.HTTPStatus.BAD_GATEWAY, "") if asked > 2 else None

    async with serve(answer, "127.0.0.1", 0, ssl=context, process_request=refuse) as server:
        port = server.sockets[0].getsockname()[1]
        site = Site(hostname="127.0.0.1", address="127.0.0.1", ca_file=ca)
        with Held(site, websockets=1, streams=0, port=port) as held:
            await until(lambda: asked > 4)
            held.stop()
            await until(lambda: not held.running)
    assert held.goodbyes == {"websocket": 1}
    assert held.broken.total() == 2
    assert held.broken["websocket: cut without a close frame"] == 1


async def test_a_stream_is_broken_unless_it_ends_in_order_with_the_last_event(
    tmp_path: Path,
) -> None:
    context, ca = tls(tmp_path)
    answers, asked = [GOODBYE, MIDDLE, SILENT, REFUSED], 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers[min(asked, len(answers)) - 1].encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        site = Site(hostname="127.0.0.1", address="127.0.0.1", ca_file=ca)
        with Held(site, websockets=0, streams=1, port=port) as held:
            await until(lambda: asked > len(answers) + 1)
            held.stop()
            await until(lambda: not held.running)
    assert held.goodbyes == {"stream": 1}
    assert held.broken.total() == 3
    assert held.broken["stream: ended without a last event"] == 1


async def test_visitors_who_leave_after_a_time_come_again_and_break_nothing(tmp_path: Path) -> None:
    context, ca = tls(tmp_path)
    came = 0

    async def answer(socket: ServerConnection) -> None:
        nonlocal came
        came += 1
        async for message in socket:
            await socket.send(message)

    async with serve(answer, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        site = Site(hostname="127.0.0.1", address="127.0.0.1", ca_file=ca)
        with Held(site, websockets=1, streams=0, lasting=0, port=port) as held:
            await until(lambda: came > 2)
            held.stop()
            await until(lambda: not held.running)
    assert held.goodbyes["websocket"] >= 2
    assert not held.broken
