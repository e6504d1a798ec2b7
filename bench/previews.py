"""How long the previews of all stacks of all systems take, as a pipeline runs them.

Each is a preview of a first `up`, as many at a time as there are processors: what `make preview`
does. `make bench NAME=previews`.
"""

import time
from collections import defaultdict
from collections.abc import Iterable

from bench import results
from bench.results import Row
from homeport import previews
from homeport.previews import Previewed

ROUNDS = 5


def main() -> None:
    """Measure, write bench/results/previews.json, print the table."""
    rounds, seconds = [], []
    for _ in range(ROUNDS):
        start = time.monotonic()
        rounds.append(list(previews.run(previews.everything())))
        seconds.append(time.monotonic() - start)
    results.write("previews", [results.median("all stacks", "seconds", seconds), *each(rounds)])


def each(rounds: Iterable[Iterable[Previewed]]) -> list[Row]:
    """Return the rows of the stacks, by name.

    Raises:
        RuntimeError: a preview failed, which says what it said.
    """
    seconds, resources = defaultdict[str, list[float]](list), dict[str, int]()
    for done in (one for each_round in rounds for one in each_round):
        name = f"{done.system}/{done.stack}"
        if done.problem:
            msg = f"{name}: {done.problem}"
            raise RuntimeError(msg)
        seconds[name].append(done.seconds)
        resources[name] = done.resources
    return [
        row
        for name in sorted(seconds)
        for row in (
            results.median(name, "seconds", seconds[name]),
            Row(name, "resources", resources[name], "", 1),
        )
    ]


if __name__ == "__main__":
    main()
