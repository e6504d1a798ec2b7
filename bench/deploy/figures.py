"""What becomes of series: rows of results."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

from bench import load
from bench.deploy.series import Series
from bench.results import Row, median


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """All series of one tool."""

    everything: Series
    """Deploys under all kinds of load."""
    near: Series
    """Deploys under short requests."""
    far: Series
    """The same, with the server far away for SSH."""

    def rows(self, tool: str) -> list[Row]:
        """Return the rows of the tool."""
        return [*losses(tool, (self.everything, self.near, self.far)), *self._times(tool)]

    def _times(self, tool: str) -> list[Row]:
        everything, near, far = self.everything, self.near, self.far
        return [
            median(tool, "deploy_seconds", times(near)),
            median(tool, "deploy_seconds_30ms", times(far)),
            median(tool, "deploy_seconds_with_drain", times(everything)),
            median(tool, "serving_seconds", near.serving_seconds()),
            median(tool, "serving_seconds_30ms", far.serving_seconds()),
            *(median(tool, f"{phase}_seconds", times(near, phase)) for phase in phases(near)),
        ]


def losses(tool: str, series: Sequence[Series]) -> list[Row]:
    """Return what was lost in all deploys that took place under load."""
    deploys = sum(len(each.deploys) for each in series)
    answers = [answer for each in series for answer in each.answers]
    broken = sum((each.broken for each in series[1:]), series[0].broken)

    def row(metric: str, value: float, unit: str = "") -> Row:
        return Row(tool, metric, round(value, 3), unit, deploys)

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
