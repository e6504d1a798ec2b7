"""What a change of the proxy costs its visitors: ten upgrades, ten renewals, ten plain restarts.

Both proxies' sites are asked all the time, on kept connections. An upgrade is one to a package with
the same content and a higher version, since an archive has only one; a renewal is one by certbot
(Caddy renews in the process that serves). `make bench NAME=proxy-upgrade`.
"""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from websockets.exceptions import ConnectionClosed

from bench import lab, results
from tests.e2e.local_stack import LocalStack, local_cloud, open_stack
from tests.e2e.proxies.deployed import KINDS, PROGRAM, Server

ROUNDS = 10
RATE = 20.0


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
            rows = upgrades(stack, servers)
            rows += renewals(next(server for server in servers if server.kind == "nginx"))
            for server in servers:
                rows += restarts(server)
        finally:
            stack.destroy()
    results.write("proxy-upgrade", rows)


def upgrades(stack: LocalStack, servers: list[Server]) -> list[results.Row]:
    """Return the rows of upgrades, made on both servers by one `up` each."""
    seen = {server.kind: Seen() for server in servers}
    for number in range(ROUNDS):
        for server in servers:
            server.offer_newer_package()
        stack.configure(upgraded_by=str(number))
        with contextlib.ExitStack() as loads:
            for server in servers:
                loads.enter_context(seen[server.kind].under_load(server))
            stack.up()
            for server in servers:
                server.settle()
    return [row for kind in seen for row in seen[kind].rows(f"homeport/{kind} upgrade")]


def renewals(server: Server) -> list[results.Row]:
    """Return the rows of renewals, with a websocket that is open all the time."""
    seen, broken = Seen(), 0

    def renew() -> None:
        nonlocal broken
        with server.websocket() as kept:
            server.renew_certificate()
            try:
                kept.send("still there")
                broken += kept.recv(timeout=60) != "still there"
            except (ConnectionClosed, TimeoutError):
                broken += 1

    for _ in range(ROUNDS):
        with seen.under_load(server):
            renew()
            server.settle()
    tool = f"homeport/{server.kind} renewal"
    return [*seen.rows(tool), results.Row(tool, "broken_websockets", broken, "", ROUNDS)]


def restarts(server: Server) -> list[results.Row]:
    """Return the rows of plain restarts: what every change would cost without a stand-in."""
    seen = Seen()
    for _ in range(ROUNDS):
        with seen.under_load(server):
            server.run("systemctl", "restart", server.kind)
    return seen.rows(f"{server.kind} plain restart")


class Seen:
    """What the visitors of a site have seen, change by change."""

    def __init__(self) -> None:
        self._lost: list[int] = []
        self._worst: list[float] = []
        self._seconds: list[float] = []

    @contextlib.contextmanager
    def under_load(self, server: Server) -> Iterator[None]:
        """Load the site while one change is made."""
        start = time.monotonic()
        with server.load(RATE) as load:
            yield
        self._seconds.append(time.monotonic() - start)
        self._lost.append(sum(load.lost.values()))
        self._worst.append(load.worst_seconds)

    def rows(self, tool: str) -> list[results.Row]:
        """Return the sum of what was lost, the worst answer, and the median of the seconds."""
        count = len(self._lost)
        return [
            results.Row(tool, "lost_requests", sum(self._lost), "", count),
            results.Row(tool, "worst_latency_seconds", round(max(self._worst), 3), "s", count),
            results.median(tool, "seconds", self._seconds),
        ]


if __name__ == "__main__":
    main()
