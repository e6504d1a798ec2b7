"""Grafana's dashboards, as the files that it loads: pure functions of what Prometheus is asked."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from . import queries

SOURCE = {"type": "prometheus", "uid": "prometheus"}
"""Where the figures are from, as Grafana calls it."""
_WIDTH, _HEIGHT, _COLUMNS = 12, 8, 2
"""Of a panel, in Grafana's grid of 24 columns."""
_HITS, _READS = (f"sum(rate(pg_stat_database_blks_{what}[5m]))" for what in ("hit", "read"))


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One graph."""

    title: str
    """What it shows."""
    unit: str
    """In what it is measured, as Grafana calls it."""
    lines: Mapping[str, str]
    """What Prometheus is asked, by the line's name; `{{label}}` in it is a label's value."""


DASHBOARDS: Mapping[str, Sequence[Panel]] = {
    "System": [
        Panel(title="Processors", unit="percentunit", lines={"busy": queries.CPU_BUSY}),
        Panel(title="Memory", unit="percentunit", lines={"free": queries.MEMORY_FREE}),
        Panel(title="Disk", unit="percentunit", lines={"free": queries.DISK_FREE}),
        Panel(title="Load of five minutes", unit="short", lines={"load": "node_load5"}),
        Panel(title="What answers", unit="short", lines={"{{job}}": "up"}),
        Panel(title="Certificate", unit="s", lines={"ends in": queries.CERTIFICATE_SECONDS}),
    ],
    "Database": [
        Panel(title="Up", unit="short", lines={"up": "pg_up"}),
        Panel(
            title="Connections",
            unit="short",
            lines={"{{datname}}": "sum by (datname) (pg_stat_database_numbackends)"},
        ),
        Panel(
            title="Transactions a second",
            unit="ops",
            lines={
                "committed": "sum(rate(pg_stat_database_xact_commit[5m]))",
                "rolled back": "sum(rate(pg_stat_database_xact_rollback[5m]))",
            },
        ),
        Panel(
            title="Read from memory",
            unit="percentunit",
            lines={"share": f"{_HITS} / ({_HITS} + {_READS})"},
        ),
        Panel(
            title="Locks", unit="short", lines={"{{mode}}": "sum by (mode) (pg_locks_count) > 0"}
        ),
        Panel(
            title="Deadlocks in five minutes",
            unit="short",
            lines={"deadlocks": "sum(increase(pg_stat_database_deadlocks[5m]))"},
        ),
    ],
    "API": [
        Panel(
            title="Slowest of twenty requests",
            unit="s",
            lines={"p95": queries.API_P95_SECONDS},
        ),
        Panel(
            title="Requests a second",
            unit="reqps",
            lines={"{{status}}": queries.answers('service="rest"', by="status")},
        ),
        Panel(
            title="Requests to all services a second",
            unit="reqps",
            lines={"{{service}}": queries.answers("", by="service")},
        ),
    ],
    "RLS": [
        Panel(
            title="Rows that row security refused in five minutes",
            unit="short",
            lines={"refused": queries.ROWS_REFUSED},
        ),
        Panel(
            title="Requests without the right, a second",
            unit="reqps",
            lines={"{{status}}": queries.answers('service="rest",status=~"401|403"', by="status")},
        ),
    ],
}
"""The dashboards' panels, by their titles."""


def dashboard(title: str) -> str:
    """Return a dashboard as Grafana loads it."""
    panels = [_panel(index, panel) for index, panel in enumerate(DASHBOARDS[title])]
    return json.dumps(
        {
            "uid": f"platform-{title.lower()}",
            "title": title,
            "schemaVersion": 39,
            "editable": False,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "panels": panels,
        },
        indent=2,
    )


def _panel(index: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(index, _COLUMNS)
    place = {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
    return {
        "id": index + 1,
        "type": "timeseries",
        "title": panel.title,
        "gridPos": place,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": SOURCE, "expr": query}
            | {"legendFormat": name}
            for number, (name, query) in enumerate(panel.lines.items())
        ],
    }
