"""What the gevent port serves: a websocket and long polling, which tell of a tenant's new notes."""

import asyncio

import psycopg
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from odoo_standin import hosts
from odoo_standin.config import Config
from odoo_standin.web import CHANNEL

POLL_SECONDS = 50.0
_LISTEN = f"LISTEN {CHANNEL}"
NO_DATABASE = 4004
"""The websocket's close code for a host without a database."""


class Bus:
    """The handlers, with their configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def routes(self) -> list[BaseRoute]:
        """Return both routes."""
        return [
            WebSocketRoute("/websocket", self._websocket),
            Route("/longpolling/poll", self._poll, methods=["POST"]),
        ]

    async def _listen(self, database: str) -> psycopg.AsyncConnection:
        connection = await psycopg.AsyncConnection.connect(
            **self._config.conninfo(database), autocommit=True
        )
        await connection.execute(_LISTEN)
        return connection

    async def _websocket(self, websocket: WebSocket) -> None:
        await websocket.accept()
        database = await run_in_threadpool(hosts.database, self._config, websocket.headers)
        if database is None:
            await websocket.close(NO_DATABASE, "there is no database of this host")
            return
        async with await self._listen(database) as connection:
            await websocket.send_json({"database": database})
            telling = asyncio.create_task(self._tell(websocket, connection))
            try:
                while True:
                    await websocket.send_json({"echo": await websocket.receive_text()})
            except WebSocketDisconnect:
                pass
            finally:
                telling.cancel()

    async def _tell(self, websocket: WebSocket, connection: psycopg.AsyncConnection) -> None:
        async for notice in connection.notifies():
            await websocket.send_json({"note": int(notice.payload)})

    async def _poll(self, request: Request) -> Response:
        database = await run_in_threadpool(hosts.database, self._config, request.headers)
        if database is None:
            return JSONResponse({"error": "there is no database of this host"}, 404)
        seconds = min(float(request.query_params.get("seconds", POLL_SECONDS)), POLL_SECONDS)
        async with await self._listen(database) as connection:
            heard = [
                int(notice.payload)
                async for notice in connection.notifies(timeout=seconds, stop_after=1)
            ]
        return JSONResponse({"database": database, "notes": heard})
