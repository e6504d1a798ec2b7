"""Previews and no-op updates of 1 to 100 apps on a server, and previews of 1 to 20 servers.

The previews are first ones, by the real engine without a host; the updates are of apps that run on
the local cloud. A program that declares nothing, of size 0 in the results, takes its turn before
each; one that declares as many plain commands as the largest has resources shows what is the
engine's and the SDK's. `make bench NAME=scale`.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import lab, results
from bench.results import Row
from homeport import paths, previews, stacks
from homeport.cloud import instance

APPS = (1, 10, 50, 100)
HOSTS = (1, 5, 20)
ROUNDS = 5
EMPTY = paths.ROOT / "bench" / "empty"
PROGRAM = Path(__file__).parent / "program"
PLAIN = Path(__file__).parent / "plain"
Series = dict[int, list[float]]
"""Seconds by size."""


def main() -> None:
    """Measure, write bench/results/scale.json, print the table."""
    rows = [
        *previewed("apps", APPS, lambda size: {"hosts": 1, "apps": size}),
        *previewed("hosts", HOSTS, lambda size: {"hosts": size, "apps": 1}),
    ]
    results.save("scale", rows)
    with lab.cloud("bench") as running:
        rows += unchanged(running)
    results.write("scale", rows)


def previewed(
    unit: str, sizes: tuple[int, ...], settings: Callable[[int], dict[str, int]]
) -> list[Row]:
    """Return the rows of previews of growing programs."""
    seconds: Series = {size: [] for size in sizes}
    empty: list[float] = []
    resources: dict[int, int] = {}
    for size in sizes:
        for _ in range(ROUNDS):
            empty.append(_preview(EMPTY, {}).seconds)
            done = _preview(PROGRAM, settings(size))
            seconds[size].append(done.seconds)
            resources[size] = done.resources
        say(f"preview of {size} {unit}: {statistics.median(seconds[size]):.1f} s")
    largest = resources[sizes[-1]]
    plain = [_preview(PLAIN, {"resources": largest}).seconds for _ in range(ROUNDS)]
    say(f"preview of {largest} plain resources: {statistics.median(plain):.1f} s")
    counted = [
        Row("homeport", f"preview_resources_{size}_{unit}", resources[size], "", 1)
        for size in sizes
    ]
    return [
        *counted,
        *grown(f"preview_{{}}_{unit}", seconds, empty),
        results.median("plain resources", f"preview_seconds_{largest}", plain),
    ]


def unchanged(running: instance.Cloud) -> list[Row]:
    """Return the rows of updates that change nothing."""
    ours, empty = (
        stacks.Target(project=project, stack="bench", cloud=running) for project in (PROGRAM, EMPTY)
    )
    lab.up(empty)
    seconds: Series = {size: [] for size in APPS}
    floor: list[float] = []
    for size in APPS:
        say(f"bringing up {size} apps")
        lab.logged_up(ours, hosts=1, apps=size)
        for _ in range(ROUNDS):
            floor.append(lab.up(empty))
            start = time.monotonic()
            lab.logged_up(ours, hosts=1, apps=size)
            seconds[size].append(time.monotonic() - start)
        say(f"no-op up of {size} apps: {statistics.median(seconds[size]):.1f} s")
    return grown("noop_{}_apps", seconds, floor)


def grown(name: str, seconds: Series, empty: list[float]) -> list[Row]:
    """Return medians by size, what each further one costs, and how straight the line is."""
    medians = {size: statistics.median(each) for size, each in seconds.items()}
    sizes, values = list(medians), list(medians.values())
    slope = statistics.linear_regression(sizes, values).slope
    straight = statistics.correlation(sizes, values) ** 2
    floor = statistics.median(empty)
    return [
        results.median("empty program", name.format("seconds_0"), empty),
        *(
            results.median("homeport", name.format(f"seconds_{size}"), each)
            for size, each in seconds.items()
        ),
        *(
            Row("homeport", name.format(f"ratio_to_empty_{size}"), round(value / floor, 2), "", n)
            for (size, value), n in zip(medians.items(), map(len, seconds.values()), strict=True)
        ),
        Row("homeport", name.format("slope"), round(slope, 4), "s each", len(sizes)),
        Row("homeport", name.format("r_squared"), round(straight, 4), "", len(sizes)),
    ]


def _preview(project: Path, settings: dict[str, int]) -> previews.Previewed:
    aim = stacks.Target(project=project, stack="bench", cloud=None)
    with tempfile.TemporaryDirectory() as folder:
        pairs = [f"{key}={value}" for key, value in settings.items()]
        done = previews.preview(aim, Path(folder), pairs)
    if done.problem:
        raise RuntimeError(done.problem)
    return done


def say(text: str) -> None:
    """Print a line of progress with the time of day."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


if __name__ == "__main__":
    main()
