"""Faults on demand, and the log of requests: what tests of clients need and no vendor offers."""

import fnmatch
import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Annotated, Literal

import pydantic

from homeport.cloud.api.errors import ApiError

_LOG_LENGTH = 5000


class Match(pydantic.BaseModel):
    """Which requests or actions a fault hits; in each field `*` stands for any text."""

    model_config = pydantic.ConfigDict(extra="forbid")
    method: str = "*"
    """HTTP method; for faults of requests."""
    path: str = "*"
    """Path as sent, `/v1/…`; for faults of requests."""
    command: str = "*"
    """The action's command; for faults of actions."""


class Fault(pydantic.BaseModel):
    """Something that goes wrong the next `times` times it matches."""

    model_config = pydantic.ConfigDict(extra="forbid")
    kind: Literal["rate_limit", "http_error", "slow", "action_failed", "action_slow"]
    """`rate_limit`, `http_error`, `slow` hit requests; `action_…` hit the work behind actions."""
    match: Match = Match()
    times: Annotated[int, pydantic.Field(ge=1)] | None = 1
    """How often; null means until it is removed."""
    seconds: Annotated[float, pydantic.Field(ge=0, le=3600)] = 1.0
    """The delay of `slow` and `action_slow`."""
    status: Annotated[int, pydantic.Field(ge=400, le=599)] = 503
    """HTTP status of `http_error`."""
    code: str = ""
    """Error code; by default `service_error` for requests and `action_failed` for actions."""
    message: str = "a fault was injected"

    def hits_request(self, method: str, path: str) -> bool:
        """Say whether this is a fault of requests and of this one."""
        return not self.kind.startswith("action_") and (
            fnmatch.fnmatchcase(method, self.match.method.upper())
            and fnmatch.fnmatchcase(path, self.match.path)
        )

    def hits_action(self, command: str) -> bool:
        """Say whether this is a fault of actions and of this one."""
        return self.kind.startswith("action_") and fnmatch.fnmatchcase(command, self.match.command)

    def error(self) -> ApiError:
        """Return what a request gets that is hit by `rate_limit` or `http_error`."""
        if self.kind == "rate_limit":
            return ApiError("rate_limit_exceeded", "limit of 3600 requests per hour reached")
        return ApiError(self.code or "service_error", self.message, status=self.status)


class Faults:
    """The faults that wait to happen; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let a fault wait for its first match."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> list[Fault]:
        """Return the faults that would still happen, with the number of times that is left."""
        with self._lock:
            return [fault.model_copy() for fault in self._waiting]

    def take_request(self, method: str, path: str) -> list[Fault]:
        """Return what happens to this request, and count it; the first error hides later ones."""
        with self._lock:
            return self._take(lambda fault: fault.hits_request(method, path))

    def take_action(self, command: str) -> list[Fault]:
        """Return what happens to this action, and count it."""
        with self._lock:
            return self._take(lambda fault: fault.hits_action(command))

    def _take(self, hits: Callable[[Fault], bool]) -> list[Fault]:
        taken: list[Fault] = []
        for fault in [fault for fault in self._waiting if hits(fault)]:
            failed = any(not earlier.kind.endswith("slow") for earlier in taken)
            if failed and not fault.kind.endswith("slow"):
                continue
            taken.append(fault)
            if fault.times is not None:
                fault.times -= 1
        self._waiting = [fault for fault in self._waiting if fault.times != 0]
        return taken


class RequestLog:
    """The last requests and how many there were of each kind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[dict[str, object]] = deque(maxlen=_LOG_LENGTH)
        self._counts: Counter[str] = Counter()

    def add(self, method: str, path: str, status: int, milliseconds: float) -> None:
        """Record an answered request; bodies and headers are never kept."""
        with self._lock:
            self._counts[f"{method} {status // 100}xx"] += 1
            self._entries.append(
                {"method": method, "path": path, "status": status, "ms": round(milliseconds, 1)}
            )

    def document(self) -> dict[str, object]:
        """Return counters and entries, oldest first."""
        with self._lock:
            counts = dict(sorted(self._counts.items()))
            return {
                "total": sum(counts.values()),
                "counts": counts,
                "requests": list(self._entries),
            }

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._counts.clear()
