"""Deploys under load, ours on every runtime and behind every proxy, and the peers'.

Each tool deploys the same app again and again, two versions taking turns, while its site is asked
over HTTPS at 200 requests a second and more. What is lost is counted, and how long a deploy takes,
with the server near and 30 ms away. `make bench NAME=deploy`; a part is measured by
`ARGS="--only docker/caddy,kamal --deploys 5"`, which leaves all other rows as they are.
What is lost may be counted on a busy machine (`--timed 0`); seconds need a quiet one
(`--deploys 0 --peers 0`).
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence

from bench import lab, results
from bench.deploy import figures, ours, peers, series, setting
from bench.deploy.series import Tool
from bench.results import Row
from homeport.cloud import instance

FAR_MILLISECONDS = 30
OURS = [ours.name(runtime, proxy) for proxy in setting.PROXIES for runtime in setting.RUNTIMES]


def main() -> None:
    """Measure what is asked for, and write bench/results/deploy.json after each tool."""
    options = _options()
    wanted = [name for name in (*OURS, *peers.NAMES) if any(word in name for word in options.only)]
    with lab.cloud("bench") as running:
        for tool in tools(running, wanted):
            number = options.peers if tool.name in peers.NAMES else options.deploys
            rows = measured(tool, number, options.timed)
            before = results.read("deploy")
            results.save("deploy", results.merged(before, rows, [*OURS, *peers.NAMES]))
            results.show("deploy", rows)


def tools(running: instance.Cloud, wanted: Sequence[str]) -> Iterator[Tool]:
    """Make what is wanted, one after the other, each when its turn comes."""
    if any(name in wanted for name in OURS):
        say("building the artefacts")
        ours.build_artefacts()
    for proxy in setting.PROXIES:
        here = [runtime for runtime in setting.RUNTIMES if ours.name(runtime, proxy) in wanted]
        if here:
            say(f"making the stack {proxy}")
            stack = ours.Stack.made(running, proxy)
            yield from map(stack.tool, here)
    yield from peers.tools(running, wanted, say)


def measured(tool: Tool, deploys: int, timed: int) -> list[Row]:
    """Run the series of a tool; none that is to have no deploys."""
    rows: list[Row] = []
    if deploys:
        rows += figures.of_losses(tool.name, series.everything(tool, deploys, say))
    if timed:
        near = series.short(tool, timed, say)
        with lab.far(tool.server, FAR_MILLISECONDS):
            say(f"{FAR_MILLISECONDS} ms away")
            far = series.short(tool, timed, say)
        rows += figures.of_times(tool.name, near, far)
    return rows


def say(text: str) -> None:
    """Print a line of progress with the time of day."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def _options() -> argparse.Namespace:
    about, *_ = str(__doc__).splitlines()
    parser = argparse.ArgumentParser(prog="make bench NAME=deploy", description=about)
    words = ", ".join([*OURS, *peers.NAMES])
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=[""],
        metavar="WORD,...",
        help=f"tools whose names hold one of these words; all of {words}",
    )
    for name, default, what in (
        ("deploys", 50, "deploys of ours under all kinds of load"),
        ("peers", 20, "the same of the peers"),
        ("timed", 10, "deploys under short requests, near and far each"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=what)
    return parser.parse_args(sys.argv[1:])


if __name__ == "__main__":
    main()
