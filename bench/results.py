"""Writes and shows results: a JSON list of rows, the first naming the command that made them."""

import dataclasses
import json
import statistics
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).parent / "results"


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One figure."""

    tool: str
    """What was measured; ours start with `homeport`."""
    metric: str
    """The figure's name, with its unit where it has one."""
    value: float
    """The figure; the median where `n` is greater than one."""
    unit: str
    """Its unit."""
    n: int
    """Repetitions behind the value."""


def median(tool: str, metric: str, values: Sequence[float], unit: str = "s") -> Row:
    """Return the row of a series."""
    return Row(tool, metric, round(statistics.median(values), 3), unit, len(values))


def write(name: str, rows: Sequence[Row]) -> None:
    """Write `bench/results/NAME.json` and print the rows as a table."""
    save(name, rows)
    show(name, rows)


def save(name: str, rows: Sequence[Row]) -> None:
    """Write `bench/results/NAME.json`."""
    FOLDER.mkdir(exist_ok=True)
    first = {"tool": "command", "metric": f"make bench NAME={name}", "value": 0, "unit": "", "n": 1}
    lines = [json.dumps(row) for row in [first, *map(dataclasses.asdict, rows)]]
    (FOLDER / f"{name}.json").write_text("[\n  " + ",\n  ".join(lines) + "\n]\n")


def show(title: str, rows: Sequence[Row]) -> None:
    """Print rows as a table."""
    table = Table("tool", "metric", "value", "unit", "n", title=title, title_justify="left")
    for row in rows:
        table.add_row(row.tool, row.metric, f"{row.value:g}", row.unit, str(row.n))
    Console().print(table)


def read(name: str) -> list[Row]:
    """Return the rows that were written before; none when there are none."""
    path = FOLDER / f"{name}.json"
    return [Row(**row) for row in json.loads(path.read_text())[1:]] if path.exists() else []


def merged(before: Sequence[Row], new: Sequence[Row], order: Sequence[str]) -> list[Row]:
    """Return the new rows, and those before of what was not measured anew, by tool."""
    measured = {(row.tool, row.metric) for row in new}
    kept = [row for row in before if (row.tool, row.metric) not in measured and row.tool in order]
    return sorted([*new, *kept], key=lambda row: order.index(row.tool))
