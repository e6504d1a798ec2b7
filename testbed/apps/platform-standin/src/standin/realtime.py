"""Stands in for Realtime: changed rows over a websocket, to whoever may see them.

A trigger tells of a change by `NOTIFY realtime` with schema, table, type and id; each subscriber's
own role and claims then decide whether the row is sent.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
from psycopg import sql
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from . import rows, serving, settings, tokens

CHANNEL = "realtime"
POLICY_VIOLATION = 1008


def serve() -> None:
    """Serve until SIGTERM."""
    serving.run(app())


class Hub:
    """Hears what changes, and hands it to every subscriber."""

    def __init__(self) -> None:
        self.listening = asyncio.Event()
        self._queues: set[asyncio.Queue[dict[str, Any]]] = set()

    @contextlib.contextmanager
    def subscribed(self) -> Iterator[asyncio.Queue[dict[str, Any]]]:
        """Yield a queue of changes."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(1000)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    async def listen(self, url: str) -> None:
        """Listen for ever; a lost connection is made anew."""
        while True:
            with contextlib.suppress(psycopg.Error, OSError):
                await self._listen(url)
            self.listening.clear()
            await asyncio.sleep(1)

    async def _listen(self, url: str) -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute(f"LISTEN {CHANNEL}".encode())
            self.listening.set()
            async for told in connection.notifies():
                for queue in self._queues:
                    with contextlib.suppress(asyncio.QueueFull):
                        queue.put_nowait(json.loads(told.payload))


def app() -> Starlette:
    """Return the service.

    Raises:
        SettingsError: a variable is missing or wrong.
    """
    secret = settings.secret("API_JWT_SECRET", shortest=32)
    url = settings.text("DATABASE_URL")

    @contextlib.asynccontextmanager
    async def lifespan(made: Starlette) -> AsyncIterator[None]:
        hub = made.state.hub = Hub()
        listener = asyncio.create_task(hub.listen(url))
        async with serving.database("DATABASE_URL") as pool:
            made.state.pool = pool
            yield
        listener.cancel()

    async def health(request: Request) -> Response:
        well = request.app.state.hub.listening.is_set()
        return JSONResponse({"listening": well}, 200 if well else 503)

    async def socket(connection: WebSocket) -> None:
        token = connection.query_params.get("apikey") or tokens.bearer(connection) or ""
        try:
            claims = tokens.check(secret, token)
        except tokens.TokenError:
            await connection.close(POLICY_VIOLATION)
            return
        await connection.accept()
        with contextlib.suppress(WebSocketDisconnect):
            await _converse(connection, secret, claims)

    routes = [Route("/api/health", health), WebSocketRoute("/socket/websocket", socket)]
    return serving.app("realtime", routes, lifespan)


async def _converse(connection: WebSocket, secret: str, claims: dict[str, Any]) -> None:
    """Answer joins and heartbeats; send changes of the tables that were joined."""
    topics: set[str] = set()
    acting = claims
    with connection.app.state.hub.subscribed() as changes:
        asked: asyncio.Task[Any] = asyncio.create_task(connection.receive_json())
        change: asyncio.Task[Any] = asyncio.create_task(changes.get())
        try:
            while True:
                await asyncio.wait({asked, change}, return_when=asyncio.FIRST_COMPLETED)
                if asked.done():
                    message = asked.result()
                    status = "ok"
                    if message.get("event") == "phx_join":
                        token = (message.get("payload") or {}).get("access_token")
                        try:
                            acting = tokens.check(secret, token) if token else claims
                            topics.add(str(message.get("topic")))
                        except tokens.TokenError:
                            status = "error"
                    reply = {"event": "phx_reply", "payload": {"status": status, "response": {}}}
                    about = {key: message.get(key) for key in ("topic", "ref")}
                    await connection.send_json({**about, **reply})
                    asked = asyncio.create_task(connection.receive_json())
                if change.done():
                    await _tell(connection, change.result(), topics, acting)
                    change = asyncio.create_task(changes.get())
        finally:
            asked.cancel()
            change.cancel()


async def _tell(
    connection: WebSocket, change: dict[str, Any], topics: set[str], claims: dict[str, Any]
) -> None:
    topic = f"realtime:{change['schema']}:{change['table']}"
    if topic not in topics:
        return
    table = sql.Identifier(change["schema"], change["table"])
    query = rows.select(table, {"id": f"eq.{change['id']}"})
    try:
        async with rows.acting(connection.app.state.pool, claims, "anon") as seen:
            found = json.loads(await rows.as_json(seen, query))
    except psycopg.Error:
        return
    for record in found:
        data = {"type": change["type"], "table": change["table"], "record": record}
        event = {"topic": topic, "event": "postgres_changes", "payload": {"data": data}}
        await connection.send_json({**event, "ref": None})
