"""The server: with workers, a parent that keeps HTTP workers and one event worker running.

Without workers one process serves everything at http_port. On SIGTERM every worker ends what it has
begun; the exit code is 0.
"""

import contextlib
import logging
import os
import resource
import signal
import socket
import time
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from odoo_standin.bus import Bus
from odoo_standin.config import Config
from odoo_standin.web import Web

log = logging.getLogger(__name__)

SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
QUICK_SECONDS = 1.0
"""A worker that lived less than this is not replaced at once."""
STOP_SECONDS = 20
"""How long a worker may finish what it has begun."""


def app(routes: list[BaseRoute], *middleware: Middleware) -> Starlette:
    """Return an app whose every answer tells its release."""
    return Starlette(routes=routes, middleware=[Middleware(Told), *middleware])


class Told:
    """Says in X-Release which release answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._header = (b"x-release", os.environ.get("RELEASE", "dev").encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with one more header."""

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], self._header]
            await send(message)

        await self._app(scope, receive, told)


class Spared:
    """Ends its worker after a request that left it larger than limit_memory_soft."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, then look."""
        await self._app(scope, receive, send)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        if pages * resource.getpagesize() > self._limit:
            log.warning("this worker is larger than limit_memory_soft: it goes, another one comes")
            os.kill(os.getpid(), signal.SIGTERM)


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT."""
    web, bus = Web(config).routes(), Bus(config).routes()
    http = _listening(config.http_interface, config.http_port)
    if config.workers == 0:
        with contextlib.suppress(KeyboardInterrupt):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # uvicorn's own handler says how it ends.
            _run(app([*web, *bus]), http)
        return
    events = _listening(config.http_interface, config.gevent_port)
    spared = Middleware(Spared, limit=config.limit_memory_soft)
    Parent(
        [(app([*web], spared), http)] * config.workers + [(app(bus), events)],
        config.limit_memory_hard,
    ).run()


class Parent:
    """Keeps one process for each worker until a signal ends them all."""

    def __init__(self, workers: list[tuple[Starlette, socket.socket]], memory: int) -> None:
        self._workers, self._memory = workers, memory
        self._running: dict[int, int] = {}
        self._started: dict[int, float] = {}

    def run(self) -> None:
        """Start everything, replace what ends, and end."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        for which in range(len(self._workers)):
            self._start(which)
        log.info("serving with %d workers", len(self._workers) - 1)
        while signal.sigwait(SIGNALS) == signal.SIGCHLD:
            for which in self._ended():
                log.warning("worker %d has ended and is started again", which)
                lived = time.monotonic() - self._started[which]
                time.sleep(max(0.0, QUICK_SECONDS - lived))
                self._start(which)
        log.info("ending")
        for process in self._running:
            os.kill(process, signal.SIGTERM)
        for process in self._running:
            os.waitpid(process, 0)

    def _start(self, which: int) -> None:
        self._started[which] = time.monotonic()
        process = os.fork()
        if process:
            self._running[process] = which
            return
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            resource.setrlimit(resource.RLIMIT_AS, (self._memory, self._memory))
            _run(*self._workers[which])
        finally:
            os._exit(0)

    def _ended(self) -> list[int]:
        found = []
        with contextlib.suppress(ChildProcessError):
            while (process := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                found.append(self._running.pop(process))
        return found


def _listening(interface: str, port: int) -> socket.socket:
    return socket.create_server((interface, port), backlog=2048)


def _run(served: Starlette, listener: socket.socket) -> None:
    uvicorn.Server(
        uvicorn.Config(
            served,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=150,
            timeout_graceful_shutdown=STOP_SECONDS,
            lifespan="off",
        )
    ).run(sockets=[listener])
