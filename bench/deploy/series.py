"""Many deploys in a row of one tool, under load, near and far."""

import dataclasses
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import httpx

from bench import load
from bench.held import Held
from bench.load import Answer, Kind, Load
from homeport.smoke import Site

SETTLE_SECONDS = 60.0
"""How long a new release may take to answer after its deploy has ended."""
PAUSE_SECONDS = 1.0
"""Load without a deploy, before each of them and at the end."""

LONG = Kind(name="long", path="/api/slow?seconds=5", rate=2, takes_seconds=5.0)
SHORT = (
    Kind(name="kept", path="/api/headers", rate=120),
    Kind(name="new", path="/api/headers", rate=40, new_connections=True),
    Kind(name="post", method="POST", path="/api/echo", rate=40, http2=True, body_bytes=2048),
)
Say = Callable[[str], None]
"""Prints a line of progress."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """What deploys, and what it deploys to."""

    name: str
    """Names its rows."""
    site: Site
    """Where its app is seen."""
    server: str
    """The container that plays its server."""
    deploy: Callable[[], Mapping[str, float]]
    """Deploys the other version; returns `deploy`, the seconds in all, and those of its phases."""
    short: Sequence[Kind] = SHORT
    """Requests that are answered at once."""
    long: Sequence[Kind] = (LONG,)
    """Requests that take their time."""
    held: int = 10
    """Websockets that stay open, and as many event streams."""

    def release(self) -> str:
        """Return the release that answers now; empty when none does."""
        try:
            answer = self.site.request("GET", self.short[0].path)
            answer.raise_for_status()
        except httpx.HTTPError:
            return ""
        return load.release(answer.headers, answer.text)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Deployed:
    """One deploy."""

    began: float
    """In seconds since 1970."""
    release: str
    """What answered after it."""
    seconds: Mapping[str, float]
    """How long it took, in all and by phase."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """What was seen of deploys in a row."""

    deploys: Sequence[Deployed]
    answers: Sequence[Answer]
    broken: Counter[str]
    """Connections that were cut, by kind and reason."""

    @property
    def lost(self) -> Counter[str]:
        """Requests that were lost, by kind and reason."""
        return Counter(f"{a.kind.name}: {a.problem}" for a in self.answers if a.problem)

    def spans(self) -> list[str]:
        """Say when requests were lost: in which deploys, and when in them."""
        found: dict[int, list[Answer]] = {}
        for answer in self.answers:
            if answer.problem:
                before = [n for n, each in enumerate(self.deploys) if each.began <= answer.sent]
                found.setdefault(max(before, default=0), []).append(answer)
        return [_span(number, self.deploys[number], found[number]) for number in sorted(found)]

    def serving_seconds(self) -> list[float]:
        """Return the time from the start of each deploy to the first answer of its release."""
        ended = [(a.sent + a.seconds, a.release) for a in self.answers if not a.problem]
        return [
            min(at for at, release in ended if at > each.began and release == each.release)
            - each.began
            for each in self.deploys
        ]


def _span(number: int, deploy: Deployed, lost: Sequence[Answer]) -> str:
    sent = [each.sent - deploy.began for each in lost]
    failed = [each.sent + each.seconds - deploy.began for each in lost]
    return (
        f"{len(lost)} in deploy {number + 1}: sent {min(sent):.2f} to {max(sent):.2f} s after "
        f"its start, failed {min(failed):.2f} to {max(failed):.2f} s after it"
    )


def everything(tool: Tool, number: int, say: Say) -> Series:
    """Deploy under all kinds of load; what stays open makes each wait for its drain time."""
    say(f"{tool.name}: {number} deploys under everything")
    return _under_load(tool, number, (*tool.short, *tool.long), tool.held, say)


def short(tool: Tool, number: int, say: Say) -> Series:
    """Deploy under requests that are answered at once: how long that takes."""
    say(f"{tool.name}: {number} deploys under short requests")
    return _under_load(tool, number, tool.short, 0, say)


def _under_load(tool: Tool, number: int, kinds: Sequence[Kind], held: int, say: Say) -> Series:
    done: list[Deployed] = []
    # Both versions have been there once, and connections are of the present distance.
    deployed(tool)
    with (
        Load(tool.site, kinds) as loading,
        Held(tool.site, websockets=held, streams=held) as holding,
    ):
        for _ in range(number):
            time.sleep(PAUSE_SECONDS)
            done.append(deployed(tool))
            if len(done) % 10 == 0 or len(done) == number:
                median = statistics.median(each.seconds["deploy"] for each in done)
                say(f"  {len(done)} of {number}, {median:.2f} s each")
        time.sleep(PAUSE_SECONDS)
    series = Series(deploys=done, answers=loading.answers, broken=holding.broken)
    for what, often in (series.lost + series.broken).items():
        say(f"  lost {often} x {what}")
    for span in series.spans():
        say(f"  lost {span}")
    return series


def deployed(tool: Tool) -> Deployed:
    """Deploy, and wait until another release answers than before."""
    before, began = tool.release(), time.time()
    seconds = tool.deploy()
    end = time.monotonic() + SETTLE_SECONDS
    while (now := tool.release()) in (before, ""):
        if time.monotonic() > end:
            msg = f"{tool.name}: {tool.site.hostname} still answers with {now or 'nothing'}"
            raise RuntimeError(msg)
        time.sleep(0.05)
    return Deployed(began=began, release=now, seconds=seconds)
