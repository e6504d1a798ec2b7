"""Writes docs/deploys.md from bench/results/deploy.json (`make docs`)."""

from collections.abc import Mapping, Sequence

from bench import results
from bench.results import Row

HEAD = """# Deploys, measured

Made by `make docs` from `bench/results/deploy.json`, which `make bench NAME=deploy` writes;
[how it is measured](switch.md#what-is-measured). What was not measured is empty.

## Seconds

Under short requests at 200 a second, medians. Seconds until the tool has ended, and until the new
release gave its first answer; with the server near, and with 30 ms on SSH.

"""
SECONDS = (
    ("deploy", "deploy_seconds"),
    ("30 ms away", "deploy_seconds_30ms"),
    ("first answer", "serving_seconds"),
    ("30 ms away", "serving_seconds_30ms"),
    ("gate", "gate_seconds"),
    ("engine", "engine_seconds"),
)
"""Headings and metrics of the first table."""
BETWEEN = """
`gate` is the wait for the release's health, its start included; `engine` is what no step of the
deploy accounts for: `pulumi` itself.

## Losses

Under short requests alone, and under everything: requests of 5 s, websockets and event streams
beside them.

"""
SERIES = {"everything": "", "short": "short_"}
"""The prefix of the metrics of each kind of series."""
LOST = ("deploys", "lost requests", "broken websockets, streams", "slowest answer")


def text(rows: Sequence[Row]) -> str:
    """Return the page."""
    tools: dict[str, dict[str, Row]] = {}
    for row in rows:
        tools.setdefault(row.tool, {})[row.metric] = row
    seconds = [
        [tool, *(_seconds(found.get(metric)) for _, metric in SECONDS)]
        for tool, found in tools.items()
    ]
    losses = [
        [tool, *(cell for prefix in SERIES.values() for cell in _losses(found, prefix))]
        for tool, found in tools.items()
    ]
    head = ["", *(f"{part}: {cell}" for part in SERIES for cell in LOST)]
    first = _table(["", *(heading for heading, _ in SECONDS)], seconds)
    return HEAD + first + BETWEEN + _table(head, losses)


def _seconds(row: Row | None) -> str:
    return f"{row.value:.1f}" if row else ""


def _losses(found: Mapping[str, Row], prefix: str) -> list[str]:
    """Return what was lost in one kind of series; empty cells where there was none."""
    requests = found.get(f"{prefix}requests")
    if requests is None:
        return [""] * len(LOST)
    lost, sockets, streams = (
        found[prefix + metric].value
        for metric in ("lost_requests", "broken_websockets", "broken_streams")
    )
    worst = found[f"{prefix}worst_latency_seconds"].value
    return [
        str(requests.n),
        f"{lost:,.0f} of {requests.value:,.0f}",
        f"{sockets:g}, {streams:g}",
        f"{worst:.1f} s",
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


if __name__ == "__main__":
    print(text(results.read("deploy")), end="")
