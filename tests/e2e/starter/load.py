"""A light, open-ended load on a site: counts what was lost, and which releases answered."""

import asyncio
import collections
import dataclasses
import ssl
import threading
from types import TracebackType
from typing import Self

import httpx

from homeport import smoke

RATE = 50


@dataclasses.dataclass
class Load:
    """Sends requests from entering to leaving, half of them POSTs, half on new connections."""

    site: smoke.Site
    sent: int = 0
    lost: list[str] = dataclasses.field(default_factory=list)
    releases: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    _stop: threading.Event = dataclasses.field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
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

    async def _run(self) -> None:
        context = ssl.create_default_context(cafile=self.site.ca_file)
        running: set[asyncio.Task[None]] = set()
        async with httpx.AsyncClient(verify=context, timeout=10, trust_env=False) as kept:
            while not self._stop.is_set():
                task = asyncio.create_task(self._one(self.sent, kept, context))
                running.add(task)
                task.add_done_callback(running.discard)
                self.sent += 1
                await asyncio.sleep(1 / RATE)
            await asyncio.gather(*running)

    async def _one(self, number: int, kept: httpx.AsyncClient, context: ssl.SSLContext) -> None:
        method, path = ("POST", "/api/echo") if number % 2 else ("GET", "/healthz")
        try:
            if number % 4 < 2:
                answer = await self._send(kept, method, path)
            else:
                async with httpx.AsyncClient(verify=context, timeout=10, trust_env=False) as new:
                    answer = await self._send(new, method, path)
        except httpx.HTTPError as error:
            self.lost.append(f"{method} {path}: {type(error).__name__}: {error}")
            return
        if answer.is_success:
            self.releases[answer.headers["x-release"]] += 1
        else:
            self.lost.append(f"{method} {path}: {answer.status_code}")

    async def _send(self, client: httpx.AsyncClient, method: str, path: str) -> httpx.Response:
        return await client.request(
            method,
            f"https://{self.site.address}{path}",
            headers={"Host": self.site.hostname},
            extensions={"sni_hostname": self.site.hostname},
            content=b"x" * 200 if method == "POST" else None,
        )
