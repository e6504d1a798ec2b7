"""Websockets and event streams that stay open, and begin anew when an app says goodbye to them."""

import asyncio
import contextlib
import math
import ssl
import threading
import time
from collections import Counter

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from bench import losses
from homeport.smoke import Site

TALK_SECONDS = 1.0
"""How often a message goes through each websocket."""
PATIENCE_SECONDS = 15.0
"""A websocket whose echo takes longer is broken."""
GRACE_SECONDS = 3.0
"""How long the connections may take to end at the end; an app sends an event every second."""
PAUSE_SECONDS = 0.2
"""Before a new connection after a broken one."""
HTTPS = 443


class NeverOpenError(Exception):
    """Says why a connection could not be opened."""


class Held:
    """Holds connections to a site from entering a `with` block to leaving it.

    It counts how they ended; what it closes itself at the end does not count. Where one cannot be
    opened it goes on trying, and that counts once, however often it tried.

    Args:
        site: where they lead.
        websockets: how many of these.
        streams: how many event streams.
        lasting: seconds after which a visitor leaves and another comes; never, where not given.
        port: of the site.
    """

    def __init__(
        self,
        site: Site,
        *,
        websockets: int,
        streams: int,
        lasting: float = math.inf,
        port: int = HTTPS,
    ) -> None:
        self._site = site
        self._lasting = lasting
        self._port = port
        self._numbers = (websockets, streams)
        self._context = ssl.create_default_context(cafile=site.ca_file)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.goodbyes: Counter[str] = Counter()
        """How many ended as they should, by `websocket` and `stream`."""
        self.broken: Counter[str] = Counter()
        """How many did not, by the same and the reason."""

    def __enter__(self) -> "Held":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join()

    def stop(self) -> None:
        """Have all connections closed, and return before they are."""
        self._stop.set()

    @property
    def running(self) -> bool:
        """Whether some are still open."""
        return self._thread.is_alive()

    async def _run(self) -> None:
        websockets, streams = self._numbers
        holding = [asyncio.create_task(self._keep("websocket")) for _ in range(websockets)]
        holding += [asyncio.create_task(self._keep("stream")) for _ in range(streams)]
        while not self._stop.is_set():
            await asyncio.sleep(0.1)
        # One that is being opened is not to be left half open.
        if holding:
            await asyncio.wait(holding, timeout=GRACE_SECONDS)
        for task in holding:
            task.cancel()
        await asyncio.gather(*holding, return_exceptions=True)

    async def _keep(self, kind: str) -> None:
        hold = self._websocket if kind == "websocket" else self._stream
        shut = False
        while not self._stop.is_set():
            try:
                problem, counts = await hold(), True
            except NeverOpenError as error:
                problem, counts, shut = str(error), not shut, True
            else:
                shut = False
            if self._stop.is_set():
                return
            if not problem:
                self.goodbyes[kind] += 1
                continue
            self.broken[f"{kind}: {problem}"] += counts
            await asyncio.sleep(PAUSE_SECONDS)

    async def _websocket(self) -> str:
        """Talk through one websocket until it ends; return why that was wrong."""
        site = self._site
        try:
            socket = await connect(
                f"wss://{site.hostname}/ws/echo",
                ssl=self._context,
                host=site.address,
                port=self._port,
                proxy=None,
            )
        except (OSError, TimeoutError, WebSocketException) as error:
            raise NeverOpenError(_told(error)) from error
        leaves = time.monotonic() + self._lasting
        try:
            while time.monotonic() < leaves and not self._stop.is_set():
                await socket.send("still there?")
                await asyncio.wait_for(socket.recv(), PATIENCE_SECONDS)
                with contextlib.suppress(TimeoutError):
                    # Nothing comes unasked but the end.
                    await asyncio.wait_for(socket.recv(), TALK_SECONDS)
        except ConnectionClosed as closed:
            return losses.of_websocket(closed.rcvd.code if closed.rcvd else None)
        except TimeoutError:
            return f"no echo within {PATIENCE_SECONDS:g} s"
        finally:
            await socket.close()
        return ""

    async def _stream(self) -> str:
        """Read one event stream until it ends; return why that was wrong."""
        site, last, leaves = self._site, "", time.monotonic() + self._lasting
        async with httpx.AsyncClient(
            verify=self._context, timeout=PATIENCE_SECONDS, trust_env=False
        ) as client:
            request = client.build_request(
                "GET",
                f"https://{site.address}:{self._port}/api/events",
                headers={"Host": site.hostname},
                extensions={"sni_hostname": site.hostname},
            )
            try:
                answer = await client.send(request, stream=True)
                answer.raise_for_status()
            except httpx.HTTPError as error:
                raise NeverOpenError(_told(error)) from error
            try:
                async for line in answer.aiter_lines():
                    name, colon, value = line.partition(": ")
                    last = value if colon and name == "event" else last
                    if time.monotonic() > leaves or self._stop.is_set():
                        return ""
            except httpx.HTTPError as error:
                return _told(error)
            finally:
                await answer.aclose()
        return losses.of_stream(last)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
