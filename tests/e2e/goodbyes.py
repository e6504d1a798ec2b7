"""Connections that are open while a release goes: a websocket, an event stream, slow requests."""

import collections
import contextlib
import socket
import ssl
import threading
from types import TracebackType

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync import client as websockets

SLOW_SECONDS = 5
PAUSE_SECONDS = 1.0
"""Between two slow requests, so that several are open at any moment."""
LIMIT_SECONDS = 120.0


class Goodbyes:
    """Holds a site's connections open inside a `with` block, and knows how each of them ended."""

    def __init__(self, address: str, hostname: str, ca: str) -> None:
        self._address = address
        self._hostname = hostname
        self._context = ssl.create_default_context(cafile=ca)
        self._leaving = contextlib.ExitStack()
        self._stop = threading.Event()
        self._ticking = threading.Event()
        self._threads = [threading.Thread(target=self._listen)]
        self._threads.append(threading.Thread(target=self._ask_again))
        self._asking: list[threading.Thread] = []
        self.slow: collections.Counter[str] = collections.Counter()
        """How the slow requests were answered."""
        self.events: list[str] = []
        """What the event stream said."""
        self.stream_ended = "not yet"
        """Empty after a clean end, otherwise how it broke off."""
        self.websocket_code: int | None = None
        """The code of the close frame that came; None without one."""

    def __enter__(self) -> "Goodbyes":
        plain = socket.create_connection((self._address, 443), timeout=LIMIT_SECONDS)
        connecting = websockets.connect(
            f"wss://{self._hostname}/ws/echo",
            sock=plain,
            ssl=self._context,
            server_hostname=self._hostname,
            proxy=None,
        )
        self._websocket = self._leaving.enter_context(connecting)
        self._websocket.send("hello")
        assert self._websocket.recv(timeout=LIMIT_SECONDS) == "hello"
        for thread in self._threads:
            thread.start()
        assert self._ticking.wait(LIMIT_SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if kind is None:
            self._await_close()
        self._leaving.close()
        for thread in [*self._threads, *self._asking]:
            thread.join(LIMIT_SECONDS)

    def _await_close(self) -> None:
        try:
            self._websocket.recv(timeout=LIMIT_SECONDS)
        except ConnectionClosed as closed:
            self.websocket_code = closed.rcvd.code if closed.rcvd else None

    def _client(self) -> httpx.Client:
        return httpx.Client(verify=self._context, timeout=LIMIT_SECONDS)

    def _target(self, path: str) -> dict[str, object]:
        return {
            "url": f"https://{self._address}{path}",
            "headers": {"Host": self._hostname},
            "extensions": {"sni_hostname": self._hostname},
        }

    def _listen(self) -> None:
        try:
            with (
                self._client() as client,
                client.stream("GET", **self._target("/api/events")) as answer,  # type: ignore[arg-type]
            ):
                for line in answer.iter_lines():
                    self.events.append(line)
                    self._ticking.set()
            self.stream_ended = ""
        except httpx.HTTPError as error:
            self.stream_ended = f"{type(error).__name__}: {error}"

    def _ask_again(self) -> None:
        while not self._stop.is_set():
            asking = threading.Thread(target=self._ask)
            self._asking.append(asking)
            asking.start()
            self._stop.wait(PAUSE_SECONDS)

    def _ask(self) -> None:
        try:
            with self._client() as client:
                target = self._target(f"/api/slow?seconds={SLOW_SECONDS}")
                answer = client.get(**target)  # type: ignore[arg-type]
            self.slow[str(answer.status_code)] += 1
        except httpx.HTTPError as error:
            self.slow[f"{type(error).__name__}: {error}"] += 1

    def check(self) -> None:
        """Assert that nothing was cut off: all was told to go, and was answered before."""
        assert self.websocket_code in (1001, 1012)
        assert self.stream_ended == ""
        assert "event: bye" in self.events
        assert set(self.slow) == {"200"}
