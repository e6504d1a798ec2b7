"""From an empty project to HTTPS 200: how long it takes, by phase, against its own critical path.

The times of the resources come from the engine's event log; the floor is the longest chain of
resources that wait for one another, in the times that they took in the same run: what no amount of
parallelism could beat. `make bench NAME=cold`.
"""

import dataclasses
import time
from collections.abc import Iterable, Mapping
from typing import Any

from bench import lab, results
from homeport import smoke, stacks

ROUNDS = 3
PHASES = {
    "server boot": ("server-server",),
    # Docker is one of cloud-init's packages; the bootstrap waits for cloud-init's end.
    "cloud-init and Docker": ("server-bootstrap",),
    "baseline": ("server-baseline",),
    "image pull": ("postgres-image", "web-image", "worker-image"),
    "database": ("postgres-container", "postgres-ready", "ledger-database"),
    "app": ("web-migrate", "web-route"),
    "certificate": ("site-verify",),
}
"""What counts as which phase: logical names, which may go on with a release's id."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """When a resource was worked on, in seconds, and what it waited for."""

    urn: str
    """Its URN."""
    seconds: float
    """How long the engine worked on it."""
    needs: frozenset[str]
    """URNs of what it depends on."""


def main() -> None:
    """Measure, write bench/results/cold.json, print the table."""
    totals: list[float] = []
    floors: list[float] = []
    phases: dict[str, list[float]] = {name: [] for name in PHASES}
    for _ in range(ROUNDS):
        with lab.cloud("bench") as running:
            aim = lab.starter(running)
            start = time.monotonic()
            events = lab.logged_up(aim)
            answered(aim)
            totals.append(time.monotonic() - start)
            spans = read(events, stacks.exported(aim))
        floors.append(longest_chain(spans))
        for name, seconds in by_phase(spans).items():
            phases[name].append(seconds)
    rows = [
        results.median("homeport", "cold_seconds", totals),
        results.median("homeport", "cold_floor_seconds", floors),
        results.median(
            "homeport",
            "cold_ratio_to_floor",
            [total / floor for total, floor in zip(totals, floors, strict=True)],
            unit="",
        ),
        *(results.median("homeport", f"phase {name}", seconds) for name, seconds in phases.items()),
    ]
    results.write("cold", rows)


def answered(aim: stacks.Target) -> None:
    """Ask for the page over HTTPS, as a user would; it must be there."""
    assert aim.cloud
    outputs = stacks.outputs(aim)
    site = smoke.Site(
        hostname=str(outputs["url"]).removeprefix("https://"),
        address=str(outputs["address"]),
        ca_file=str(aim.cloud.ca_file),
    )
    site.request("GET", "/").raise_for_status()


def read(events: Iterable[lab.Event], state: Mapping[str, Any]) -> list[Span]:
    """Return the span of every resource that the events know, with the state's dependencies."""
    began: dict[str, float] = {}
    took: dict[str, float] = {}
    for stamp, event in events:
        for kind, into in (("resourcePreEvent", began), ("resOutputsEvent", took)):
            found = event.get(kind)
            if isinstance(found, dict):
                urn = found["metadata"]["urn"]
                into[urn] = stamp if into is began else stamp - began.get(urn, stamp)
    deployment = state["deployment"]
    return [
        Span(
            urn=resource["urn"],
            seconds=took.get(resource["urn"], 0.0),
            needs=frozenset(
                [
                    *resource.get("dependencies", []),
                    *filter(None, [_provider(resource.get("provider", ""))]),
                ]
            ),
        )
        for resource in deployment["resources"]
    ]


def longest_chain(spans: Iterable[Span]) -> float:
    """Return the seconds of the longest chain of spans that need one another."""
    known = {span.urn: span for span in spans}
    done: dict[str, float] = {}

    def finish(urn: str) -> float:
        if urn not in done:
            span = known[urn]
            needed = [finish(need) for need in span.needs if need in known]
            done[urn] = span.seconds + max(needed, default=0.0)
        return done[urn]

    return max(finish(urn) for urn in known)


def by_phase(spans: Iterable[Span]) -> dict[str, float]:
    """Return the seconds of each phase: the sum of its parts, the longest where they are twins."""
    totals = dict.fromkeys(PHASES, 0.0)
    for span in spans:
        name = span.urn.rsplit("::", 1)[1]
        for phase, parts in PHASES.items():
            if name.startswith(parts):
                together = max if phase == "image pull" else sum
                totals[phase] = together([totals[phase], span.seconds])
    return totals


def _provider(reference: str) -> str:
    """Return the URN in a provider reference, `URN::id`."""
    return reference.rsplit("::", 1)[0]


if __name__ == "__main__":
    main()
