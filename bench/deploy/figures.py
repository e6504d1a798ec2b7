"""What becomes of series: rows of results."""

from collections import Counter
from collections.abc import Sequence

from bench import load
from bench.deploy.series import Series
from bench.results import Row, median


def of_losses(tool: str, everything: Series) -> list[Row]:
    """Return what deploys under all kinds of load lost, and how long they took with the drain."""
    return [
        *_lost(tool, "", (everything,)),
        median(tool, "deploy_seconds_with_drain", times(everything)),
    ]


def of_times(tool: str, near: Series, far: Series) -> list[Row]:
    """Return how long deploys under short requests took, and what they lost."""
    return [
        *_lost(tool, "short_", (near, far)),
        median(tool, "deploy_seconds", times(near)),
        median(tool, "deploy_seconds_30ms", times(far)),
        median(tool, "serving_seconds", near.serving_seconds()),
        median(tool, "serving_seconds_30ms", far.serving_seconds()),
        *(median(tool, f"{phase}_seconds", times(near, phase)) for phase in phases(near)),
    ]


def _lost(tool: str, prefix: str, series: Sequence[Series]) -> list[Row]:
    deploys = sum(len(each.deploys) for each in series)
    answers = [answer for each in series for answer in each.answers]
    broken = sum((each.broken for each in series), Counter[str]())

    def row(metric: str, value: float, unit: str = "") -> Row:
        return Row(tool, prefix + metric, round(value, 3), unit, deploys)

    return [
        row("requests", len(answers)),
        row("lost_requests", sum(bool(answer.problem) for answer in answers)),
        row("broken_websockets", of_kind("websocket", broken)),
        row("broken_streams", of_kind("stream", broken)),
        row("worst_latency_seconds", load.worst_latency(answers), "s"),
    ]


def of_kind(kind: str, broken: Counter[str]) -> int:
    """Return how many connections of a kind were broken, for whatever reason."""
    return sum(number for what, number in broken.items() if what.startswith(kind))


def times(series: Series, phase: str = "deploy") -> list[float]:
    """Return how long each deploy took, in all or one phase of it."""
    return [deploy.seconds.get(phase, 0.0) for deploy in series.deploys]


def phases(series: Series) -> list[str]:
    """Return the phases that deploys tell of, in the order in which they come."""
    told = dict.fromkeys(phase for deploy in series.deploys for phase in deploy.seconds)
    return [phase for phase in told if phase != "deploy"]
