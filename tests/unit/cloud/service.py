"""The stand-in behind a real uvicorn on a loopback port, for any client."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from hcloud import Client
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from homeport.cloud.api import create_app
from tests.unit.cloud.machinery import MemoryMachinery

TOKEN = "t0k3n" * 12 + "abcd"


@dataclass
class Service:
    """A running stand-in."""

    port: int
    machinery: MemoryMachinery
    state: Path
    app: Starlette

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def client(self, token: str = TOKEN) -> Client:
        return Client(
            token=token,
            api_endpoint=self.endpoint,
            api_endpoint_hetzner=self.endpoint,
            poll_interval=0.01,
            timeout=10,
        )

    def http(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=10)

    def settle(self) -> None:
        """Wait until no action is under way."""
        until = time.monotonic() + 10
        with self.http() as http:
            while http.get("/v1/actions", params={"status": "running"}).json()["actions"]:
                assert time.monotonic() < until, "an action does not end"
                time.sleep(0.01)

    def requests(self) -> list[dict[str, Any]]:
        """Return the log of requests, oldest first."""
        with self.http() as http:
            entries: list[dict[str, Any]] = http.get("/control/requests").json()["requests"]
        return entries

    def remaining(self) -> dict[str, int]:
        """Return how many resources of which kind the API still lists; empty when all are gone."""
        kinds = (
            "servers", "primary_ips", "volumes", "networks", "firewalls", "ssh_keys", "zones",
            "load_balancers", "storage_boxes", "placement_groups",
        )  # fmt: skip
        with self.http() as http:
            found = {kind: len(http.get(f"/v1/{kind}").json()[kind]) for kind in kinds}
        return {kind: count for kind, count in found.items() if count}

    def fault(self, kind: str, **more: object) -> None:
        with self.http() as http:
            http.post("/control/faults", json={"kind": kind, **more}).raise_for_status()


class Stage:
    """One uvicorn that serves one application after the other: tests need not start it anew."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        config = uvicorn.Config(self, host="127.0.0.1", port=0, log_level="warning", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._app is not None, "a request came when no stand-in was served"
        await self._app(scope, receive, send)

    def start(self) -> None:
        self._thread.start()
        until = time.monotonic() + 10
        while not self._server.started:
            assert self._thread.is_alive(), "uvicorn ended at once"
            assert time.monotonic() < until, "uvicorn did not start"
            time.sleep(0.005)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)

    @contextlib.contextmanager
    def serving(
        self, state: Path, machinery: MemoryMachinery, **options: object
    ) -> Iterator[Service]:
        """Serve until the block ends; a second one on the same state is a restart."""
        app = create_app(state, machinery, TOKEN, **options)  # type: ignore[arg-type]
        life = app.router.lifespan_context(app)
        with asyncio.Runner() as runner:
            runner.run(_enter(life))
            self._app = app
            try:
                port = self._server.servers[0].sockets[0].getsockname()[1]
                yield Service(port, machinery, state, app)
            finally:
                self._app = None
                runner.run(_leave(life))


async def _enter(life: AbstractAsyncContextManager[object]) -> None:
    await life.__aenter__()


async def _leave(life: AbstractAsyncContextManager[object]) -> None:
    await life.__aexit__(None, None, None)
