"""What a change of the proxy costs its visitors: ten upgrades, ten renewals, ten plain restarts.

The sites get the load of `bench.deploy` meanwhile: 202 requests a second, ten websockets and ten
event streams, whose visitors leave after 20 s and come again. An upgrade is one to a package with
the same content and a higher version, since an archive has only one; a renewal is one by certbot
(Caddy renews in the process that serves). `make bench NAME=proxy-upgrade`.
"""

import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import lab, load, results
from bench.deploy.figures import of_kind
from bench.deploy.series import LONG, PAUSE_SECONDS, SHORT
from bench.held import Held
from bench.load import Load
from homeport.smoke import Site
from tests.e2e.local_stack import LocalStack, local_cloud, open_stack
from tests.e2e.proxies.deployed import KINDS, PROGRAM, Server

ROUNDS = 10
HELD = 10
LASTING_SECONDS = 20.0
"""A proxy that makes way waits for its connections, ten minutes at most; those of visitors end."""


def main() -> None:
    """Measure, write bench/results/proxy-upgrade.json, print the table."""
    with lab.cloud("bench") as running, tempfile.TemporaryDirectory() as folder:
        stack = open_stack("proxies", PROGRAM, Path(folder), local_cloud(running))
        stack.configure(acme="letsencrypt-staging")
        try:
            stack.up()
            servers = [Server(kind, stack.output(kind), running) for kind in KINDS]
            for server in servers:
                server.settle()
            for server in servers:
                keep(upgrades(stack, server))
            keep(renewals(next(server for server in servers if server.kind == "nginx")))
            for server in servers:
                keep(restarts(server))
        finally:
            stack.destroy()


def keep(rows: Sequence[results.Row]) -> None:
    """Write the rows of one kind of change at once: a run that is cut off keeps them."""
    before = results.read("proxy-upgrade")
    order = list(dict.fromkeys(row.tool for row in (*before, *rows)))
    results.save("proxy-upgrade", results.merged(before, rows, order))
    results.show("proxy-upgrade", rows)


def upgrades(stack: LocalStack, server: Server) -> list[results.Row]:
    """Return the rows of upgrades of one proxy."""
    seen = Seen(f"homeport/{server.kind} upgrade")
    for number in range(ROUNDS):
        newer = server.offer_newer_package()
        stack.configure(upgraded_by=f"{server.kind} {number}")
        with seen.under_load(server):
            stack.up()
            server.settle()
        if newer not in server.run("dpkg-query", "-W", server.kind):
            msg = f"{server.kind} is not of version {newer}"
            raise RuntimeError(msg)
    return seen.rows()


def renewals(server: Server) -> list[results.Row]:
    """Return the rows of renewals."""
    seen = Seen(f"homeport/{server.kind} renewal")
    for _ in range(ROUNDS):
        before = server.certificate
        with seen.under_load(server):
            server.renew_certificate()
            server.settle()
        if server.certificate == before:
            msg = f"{server.kind} still shows the certificate from before"
            raise RuntimeError(msg)
    return seen.rows()


def restarts(server: Server) -> list[results.Row]:
    """Return the rows of plain restarts: what every change would cost without a stand-in."""
    seen = Seen(f"{server.kind} plain restart")
    for _ in range(ROUNDS):
        with seen.under_load(server):
            server.run("systemctl", "restart", server.kind)
    return seen.rows()


class Seen:
    """What the visitors of a site have seen, change by change."""

    def __init__(self, tool: str) -> None:
        self._tool = tool
        self._answers: list[load.Answer] = []
        self._broken: Counter[str] = Counter()
        self._seconds: list[float] = []

    @contextlib.contextmanager
    def under_load(self, server: Server) -> Iterator[None]:
        """Load the site while one change is made."""
        site = Site(
            hostname=server.hostname, address=server.address, ca_file=str(server.cloud.ca_file)
        )
        with (
            Load(site, (*SHORT, LONG)) as loading,
            Held(site, websockets=HELD, streams=HELD, lasting=LASTING_SECONDS) as holding,
        ):
            time.sleep(PAUSE_SECONDS)
            start = time.monotonic()
            yield
            self._seconds.append(time.monotonic() - start)
            time.sleep(PAUSE_SECONDS)
        self._answers += loading.answers
        self._broken += holding.broken
        lost = Counter(f"{a.kind.name}: {a.problem}" for a in loading.answers if a.problem)
        print(
            f"{time.strftime('%H:%M:%S')}  {self._tool} {len(self._seconds)}: "
            f"{self._seconds[-1]:.1f} s, lost {dict(lost + holding.broken) or 'nothing'}",
            flush=True,
        )

    def rows(self) -> list[results.Row]:
        """Return what was lost in all, the worst answer, and the median of the seconds."""
        count = len(self._seconds)

        def row(metric: str, value: float, unit: str = "") -> results.Row:
            return results.Row(self._tool, metric, value, unit, count)

        return [
            row("requests", len(self._answers)),
            row("lost_requests", sum(bool(answer.problem) for answer in self._answers)),
            row("broken_websockets", of_kind("websocket", self._broken)),
            row("broken_streams", of_kind("stream", self._broken)),
            row("worst_latency_seconds", round(load.worst_latency(self._answers), 3), "s"),
            results.median(self._tool, "seconds", self._seconds),
        ]


if __name__ == "__main__":
    main()
