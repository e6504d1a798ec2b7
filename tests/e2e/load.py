"""A light, steady load on a site, which notices every request that is lost."""

import asyncio
import collections
import ssl
import threading
import time
from collections.abc import Callable
from types import TracebackType

import httpx

TIMEOUT_SECONDS = 15.0


def by_header(answer: httpx.Response) -> str:
    """Return the release that an app says it is."""
    return str(answer.headers.get("X-Release", "none"))


class Load:
    """Asks a site at a fixed rate, from inside a `with` block to its end.

    The rate is kept whatever the answers take, so that a pause shows up as late answers.
    """

    def __init__(
        self,
        address: str,
        hostname: str,
        ca: str,
        *,
        path: str = "/api/headers",
        rate: float = 40,
        patience_seconds: float = TIMEOUT_SECONDS,
        release_of: Callable[[httpx.Response], str] = by_header,
        scheme: str = "https",
    ) -> None:
        self._url = f"{scheme}://{address}{path}"
        self._hostname = hostname
        self._context = ssl.create_default_context(cafile=ca)
        self._rate = rate
        self._patience_seconds = patience_seconds
        self._release_of = release_of
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.answers: collections.Counter[str] = collections.Counter()
        self.releases: collections.Counter[str] = collections.Counter()
        self.worst_seconds = 0.0

    @property
    def lost(self) -> dict[str, int]:
        """Everything that was no answer of the app, with how often it came."""
        return {what: number for what, number in self.answers.items() if what != "200"}

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(
            verify=self._context, timeout=self._patience_seconds, limits=limits
        ) as client:
            tasks: set[asyncio.Task[None]] = set()
            due = time.monotonic()
            while not self._stop.is_set():
                task = asyncio.create_task(self._ask(client))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                due += 1 / self._rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            await asyncio.gather(*tasks)

    async def _ask(self, client: httpx.AsyncClient) -> None:
        start = time.monotonic()
        try:
            answer = await client.get(
                self._url,
                headers={"Host": self._hostname},
                extensions={"sni_hostname": self._hostname},
            )
        except httpx.HTTPError as error:
            self.answers[f"{type(error).__name__}: {error}"] += 1
            return
        self.answers[str(answer.status_code)] += 1
        self.releases[self._release_of(answer)] += 1
        self.worst_seconds = max(self.worst_seconds, time.monotonic() - start)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
