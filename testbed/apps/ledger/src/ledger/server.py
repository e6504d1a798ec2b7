"""The server: uvicorn with a shutdown in which no request is lost.

On SIGTERM (or SIGINT) the listening socket closes first. From then on every response says
`Connection: close`, event streams say `bye`, websockets close with code 1001. Idle connections
stay for a moment, so that a request already under way on one of them is still answered. Whatever
runs after DRAIN_SECONDS is cut off. The exit code is 0 either way; a second signal ends the wait.
"""

import asyncio
import logging
import socket
import time
from types import FrameType

import uvicorn

from ledger.app import create_app
from ledger.drain import Drain
from ledger.settings import Settings

log = logging.getLogger(__name__)

LINGER_SECONDS = 1.0
# For what was cut off to be cancelled and to say so.
CANCEL_SECONDS = 1
POLL_SECONDS = 0.05


class Server(uvicorn.Server):
    """Delays its start when told to, and drains before it stops."""

    def __init__(self, config: uvicorn.Config, settings: Settings, drain: Drain) -> None:
        super().__init__(config)
        self._settings = settings
        self._drain = drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's
        """Begins to stop; unlike uvicorn's own, does not die of the same signal at the end."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens, after START_DELAY_SECONDS unless a signal comes first."""
        ready_at = time.monotonic() + self._settings.start_delay_seconds
        while time.monotonic() < ready_at and not self.should_exit:
            await asyncio.sleep(min(POLL_SECONDS, ready_at - time.monotonic()))
        if not self.should_exit:
            await super().startup(sockets)
            log.info("listening", extra={"host": self.config.host, "port": self.config.port})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drains, then lets uvicorn close what is left."""
        for server in self.servers:
            server.close()
        self._drain.start()
        connections = self.server_state.connections
        log.info("draining", extra={"connections": len(connections)})
        started = time.monotonic()
        while connections and not self.force_exit:
            age = time.monotonic() - started
            idle = all(_idle(each) for each in connections)
            if age >= self._settings.drain_seconds or (idle and age >= LINGER_SECONDS):
                break
            await asyncio.sleep(POLL_SECONDS)
        busy = sum(not _idle(each) for each in connections)
        if busy:
            log.warning("cut off after DRAIN_SECONDS", extra={"connections": busy})
        await super().shutdown(sockets)
        log.info("stopped", extra={"seconds": round(time.monotonic() - started, 3)})


def _idle(connection: object) -> bool:
    """Tells whether an HTTP connection waits for a request; a websocket never does."""
    if not hasattr(connection, "cycle"):
        return False
    return connection.cycle is None or bool(connection.cycle.response_complete)


def serve(settings: Settings) -> None:
    """Serves in this process until a signal; returns after the drain."""
    drain = Drain()
    config = uvicorn.Config(
        create_app(settings, drain),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # What the proxy sent is shown as it came: see /api/headers.
        server_header=False,
        # Longer than a proxy's own side (nginx 60 s, Caddy 120 s): it closes first, and never sends
        # a request into a connection that closes under it.
        timeout_keep_alive=150,
        timeout_graceful_shutdown=CANCEL_SECONDS,
        ws_max_size=1024 * 1024,
    )
    Server(config, settings, drain).run()
