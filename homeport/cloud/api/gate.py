"""What every request passes: token, rate limit, faults, and the log."""

import asyncio
import hmac
import threading
import time
import uuid

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from homeport.cloud.api.cloud import Cloud
from homeport.cloud.api.errors import ApiError


class Bucket:
    """As many requests as an hour allows, refilled evenly."""

    def __init__(self, per_hour: int) -> None:
        self.size = per_hour
        self._rate = per_hour / 3600
        self._left = float(per_hour)
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Count a request; False when there was none left."""
        with self._lock:
            passed = time.monotonic() - self._at
            self._left = min(self.size, self._left + passed * self._rate)
            self._at += passed
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def headers(self, *, empty: bool = False) -> dict[str, str]:
        """Return the vendor's headers: limit, what is left, and when it is full again."""
        left = 0 if empty else int(self._left)
        full = time.time() + (self.size - left) / self._rate
        return {
            "RateLimit-Limit": str(self.size),
            "RateLimit-Remaining": str(left),
            "RateLimit-Reset": str(int(full)),
        }


class Gate:
    """ASGI middleware around the routes; `/` is open, everything else needs the token."""

    def __init__(self, app: ASGIApp, cloud: Cloud, token: str, per_hour: int) -> None:
        self._app = app
        self._cloud = cloud
        self._expected = f"Bearer {token}".encode()
        self._bucket = Bucket(per_hour)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with the vendor's error."""
        if scope["type"] != "http" or scope["path"] == "/":
            await self._app(scope, receive, send)
            return
        request, begun, status = Request(scope, receive), time.monotonic(), 500
        correlation = uuid.uuid4().hex

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Correlation-Id"] = correlation
                headers.update(self._bucket.headers(empty=status == 429))
            await send(message)

        error = await self._refusal(request)
        if error:
            await respond(error)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)
        if scope["path"].startswith("/v1"):
            taken = (time.monotonic() - begun) * 1000
            self._cloud.requests.add(request.method, scope["path"], status, taken)

    async def _refusal(self, request: Request) -> ApiError | None:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, self._expected):
            return ApiError("unauthorized", "unable to authenticate: the token is not this cloud's")
        if not request.url.path.startswith("/v1"):
            return None
        if not self._bucket.take():
            msg = f"limit of {self._bucket.size} requests per hour reached"
            return ApiError("rate_limit_exceeded", msg)
        error: ApiError | None = None
        for fault in self._cloud.faults.take_request(request.method, request.url.path):
            if fault.kind == "slow":
                await asyncio.sleep(fault.seconds)
            else:
                error = fault.error()
        return error


def respond(error: ApiError) -> JSONResponse:
    """Return an error as a response."""
    return JSONResponse(error.document(), status_code=error.status)
