"""What stays open: server-sent events and a websocket, both told to go when the process drains."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ledger.api import number
from ledger.probes import services_of

GOING_AWAY = 1001
# How soon a browser comes back, to the release that serves by then.
RETRY_MILLISECONDS = 1000
_SSE_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def event(name: str, data: object, number_: int | None = None) -> str:
    """Writes one server-sent event."""
    identity = "" if number_ is None else f"id: {number_}\n"
    return f"event: {name}\n{identity}data: {json.dumps(data)}\n\n"


async def events(request: Request) -> Response:
    """Ticks every `interval` seconds; ids go on where `Last-Event-ID` ended."""
    interval = number(request, "interval", 1.0, 0.02, 60.0)
    last = request.headers.get("last-event-id", "")
    first = int(last) + 1 if last.isascii() and last.isdigit() and len(last) < 16 else 1
    return StreamingResponse(
        _ticks(request, interval, first), media_type="text/event-stream", headers=_SSE_HEADERS
    )


async def _ticks(request: Request, interval: float, first: int) -> AsyncIterator[str]:
    services = services_of(request)
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    tick = first
    while True:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        data = {"time": now, "release": services.settings.release, "instance": services.instance}
        yield event("tick", data, tick)
        if await services.drain.wait(interval):
            yield f"retry: {RETRY_MILLISECONDS}\n{event('bye', data)}"
            return
        tick += 1


async def echo(websocket: WebSocket) -> None:
    """Sends back every message, until the client closes or the process drains."""
    drain = websocket.app.state.services.drain
    await websocket.accept()
    leaving = asyncio.create_task(drain.wait())
    talking = asyncio.create_task(_talk(websocket))
    try:
        await asyncio.wait({leaving, talking}, return_when=asyncio.FIRST_COMPLETED)
        if not talking.done():
            await websocket.close(GOING_AWAY, "the server is going away")
    finally:
        for task in (leaving, talking):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(leaving, talking, return_exceptions=True)


async def _talk(websocket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") is not None:
                await websocket.send_text(message["text"])
            else:
                await websocket.send_bytes(message["bytes"])


routes = [Route("/api/events", events), WebSocketRoute("/ws/echo", echo)]
