#!/usr/bin/python3 -B
"""Gives a release its app's traffic, and takes it away again, without losing a request.

`up`: waits until the release answers its health check, several times in a row, and its environment
is as its contract says; leads the app's stable port to it at once (`_routes`); tries the result,
through the proxy too where a site is there. If that fails, the port leads where it led before.
`down`: if the release is live, another healthy release of the app takes over; where there is none,
the step refuses as long as a site sends traffic to the stable port. Then it waits for the
connections that are open; a release that ends them by itself when it is told to go is told at once.
Both print one line of JSON that says how long each phase took.
"""

import http.client
import json
import sys
import time
from typing import Any, NoReturn

import _environment
import _health
import _proxied
import _routes
from _homeport import (
    Spec,
    attended,
    fail,
    lock,
    main,
    other_receipts,
    read_receipt,
    receipts,
    remove_receipt,
    write_receipt,
)
from _instances import Watch, hint, last_lines, tell_to_go
from _sockets import connections, listeners, on_loopback

POLL_SECONDS = 0.05
# What arrived just before the switch gets this long to reach a release that is told to go.
ARRIVAL_SECONDS = 1
LOOK_SECONDS = 0.5
# The drain counts connections of the process that listens at the release's port.
LISTENERS = {
    "docker": "docker-proxy must listen there: set userland-proxy to true in "
    "/etc/docker/daemon.json and restart Docker",
    "podman": "rootlessport must listen there: see `ss -ltnp` on the host",
}
GATEWAY_ERRORS = (502, 503, 504)


class Phases:
    """Measures what a run spends its time on."""

    def __init__(self) -> None:
        self._start = self._last = time.monotonic()
        self.seconds: dict[str, float] = {}

    def end(self, name: str) -> None:
        """Say that a phase is over."""
        now = time.monotonic()
        self.seconds[f"{name}_seconds"] = round(now - self._last, 3)
        self._last = now

    def report(self, **more: object) -> None:
        """Print everything as one line of JSON."""
        total = round(time.monotonic() - self._start, 3)
        sys.stdout.write(json.dumps({**self.seconds, "total_seconds": total, **more}) + "\n")


def up(spec: Spec) -> None:
    """Wait for health, switch, try; or leave everything as it was."""
    phases = Phases()
    stay_clear(spec)
    gate(spec)
    _environment.check(spec)
    phases.end("gate")
    with lock(f"route-{spec['system']}"):
        refuse_alone()
        before = _routes.read(spec).get(spec["stable_port"])
        switch(spec, before, phases)
    phases.report(before=before, live=spec["release_port"], switched_by=_routes.by(spec))


def stay_clear(spec: Spec) -> None:
    """Refuse to take the stable port from something else that listens there."""
    stable = spec["stable_port"]
    if stable != spec["release_port"] and listeners(stable) and not _routes.listens(stable):
        what = f"something else listens at {stable}, the stable port of {spec['app']}"
        cure = f"give the app another port, or stop what `ss -ltnp 'sport = :{stable}'` shows"
        fail(what, "", cure)


def gate(spec: Spec) -> None:
    """Return once the release was healthy several times in a row."""
    # A deploy that went no further may have told it to go.
    health, watch = spec["health"], Watch(spec["instance"], wake=True)
    start = time.monotonic()
    looked, row, problem = start, 0, "nothing yet"
    while row < health["successes"]:
        now = time.monotonic()
        if now - start > health["start_seconds"]:
            give_up(spec, watch, problem)
        refuse_alone()
        if now - looked > LOOK_SECONDS:
            watch.look()
            looked = now
        problem = _health.problem(spec["release_port"], health)
        row = 0 if problem else row + 1
        if row < health["successes"]:
            time.sleep(POLL_SECONDS)
    heard = listeners(spec["release_port"])
    if not heard:
        what = f"nothing listens on 127.0.0.1:{spec['release_port']}, yet it answers"
        fail(what, "", LISTENERS.get(spec["instance"]["kind"], hint(spec["instance"])))
    if not all(on_loopback(address) for address in heard):
        what = f"release {spec['release']} listens on port {spec['release_port']} for everybody"
        fail(f"{what}, not on the loopback alone", "", "let it listen on 127.0.0.1, as HOST says")


def refuse_alone() -> None:
    """End the step when the engine that started it is gone: the next `up` decides anew."""
    if not attended():
        fail("the deploy that started this step has ended", "", "run `pulumi up` again")


def give_up(spec: Spec, watch: Watch, problem: str) -> NoReturn:
    """Say that time is over, and all that is known about why."""
    watch.look()
    limit = spec["health"]["start_seconds"]
    url = f"GET {spec['health']['path']} on its port {spec['release_port']}"
    again = f" (it ended and was started again: {watch.restarts})" * bool(watch.restarts)
    what = (
        f"release {spec['release']} was not healthy within {limit} s: {url} gave {problem}{again}"
    )
    cure = f"mend the release or raise health.start_seconds; {hint(watch.instance)}"
    fail(what, last_lines(watch.instance), cure)


def switch(spec: Spec, before: int | None, phases: Phases) -> None:
    """Lead the stable port to the release and try it; lead it back when that fails."""
    name = f"route-{spec['app']}-{spec['release']}"
    known = read_receipt(spec, name)
    proxied = through_proxy(spec)
    # Written before the switch: should this process die in between, the guard still knows of it.
    write_receipt(spec, name, {key: spec[key] for key in RECORDED})
    _routes.point(spec, spec["stable_port"], spec["release_port"])
    phases.end("switch")
    problem = try_out(spec, proxied)
    if problem:
        _routes.point(spec, spec["stable_port"], before)
        if not known:
            remove_receipt(spec, name)
        what = (
            f"release {spec['release']} was healthy, but not where its traffic arrives: {problem}"
        )
        back = "the release before serves again" if before else "no release serves"
        fail(
            what,
            last_lines(spec["instance"]),
            f"{back}; look at the proxy and at `{_routes.look(spec)}`",
        )
    phases.end("try")


RECORDED = ("app", "release", "instance", "stable_port", "release_port", "health")


def try_out(spec: Spec, proxied_before: str | None) -> str:
    """Return what is wrong with the release as its clients see it; empty when all is well."""
    health = spec["health"]
    deadline = time.monotonic() + max(1.0, health["try_seconds"])
    while True:
        problem = _health.problem(spec["stable_port"], health, spec["release"])
        if not problem:
            break
        if time.monotonic() > deadline:
            return f"GET {health['path']} on the stable port {spec['stable_port']} gave {problem}"
        time.sleep(POLL_SECONDS)
    # A proxy that failed before the switch as well is not the release's fault.
    if proxied_before == "":
        return through_proxy(spec) or ""
    return ""


def through_proxy(spec: Spec) -> str | None:
    """Return what is wrong when the app is asked through the host's proxy; None without a site.

    Any answer of the app will do; whose certificate it is, is the site's concern.
    """
    hostnames = [name for site in sites(spec) for name in site.get("hostnames", [])]
    if not hostnames:
        return None
    path, timeout = spec["health"]["path"], spec["health"]["try_seconds"]
    try:
        status, _ = _proxied.get(hostnames[0], path, timeout)
    except (OSError, http.client.HTTPException) as error:
        return f"https://{hostnames[0]} on this host: {type(error).__name__}: {error}"
    if status in GATEWAY_ERRORS:
        return f"https://{hostnames[0]}{path} on this host gave {status}"
    return ""


def sites(spec: Spec) -> list[dict[str, Any]]:
    """Return what the receipts of sites say that send traffic to the stable port."""
    metas = [receipt.get("meta") or {} for receipt in other_receipts(spec, "")]
    return [meta for meta in metas if spec["stable_port"] in meta.get("ports", [])]


def down(spec: Spec) -> None:
    """Make sure that the release has no traffic, wait for its connections, forget it."""
    phases = Phases()
    with lock(f"route-{spec['system']}"):
        moved = leave(spec)
        remove_receipt(spec, f"route-{spec['app']}-{spec['release']}")
    phases.end("guard")
    left = drain(spec)
    _routes.forget(spec["release_port"])
    phases.end("drain")
    phases.report(moved_to=moved, connections_cut=left)


def leave(spec: Spec) -> int | None:
    """Take the release's traffic away if it has any; return the port that has it now."""
    live = [stable for stable, port in _routes.read(spec).items() if port == spec["release_port"]]
    successor = None
    for stable in live:
        successor = healthy_sibling(spec, stable)
        if successor is None and (used := sites({**spec, "stable_port": stable})):
            names = sorted(name for site in used for name in site.get("hostnames", []))
            what = (
                f"release {spec['release']} of {spec['app']} serves {', '.join(names) or 'a site'}"
            )
            cure = "deploy a release that gets healthy, or remove the site first"
            fail(f"{what}, and no other release of it is healthy: refused to stop it", "", cure)
        _routes.point(spec, stable, successor)
    return successor


def healthy_sibling(spec: Spec, stable: int) -> int | None:
    """Return the port of another release of the app that is healthy now."""
    for path in sorted(receipts(spec).glob(f"route-{spec['app']}-*.json")):
        other = read_receipt(spec, path.stem)
        same = other["app"] == spec["app"] and other["stable_port"] == stable
        if same and other["release"] != spec["release"]:
            port: int = other["release_port"]
            if not _health.problem(port, other["health"], other["release"]):
                return port
    return None


def drain(spec: Spec) -> int:
    """Wait until the release has no open connection; return how many are left when time is up."""
    port, start = spec["release_port"], time.monotonic()
    deadline = start + spec["drain_seconds"]
    if spec.get("graceful_stop") and wait_idle(port, min(deadline, start + ARRIVAL_SECONDS)):
        tell_to_go(spec["instance"])
    return wait_idle(port, deadline)


def wait_idle(port: int, deadline: float) -> int:
    """Wait until a port has no open connection; return how many are left at the deadline."""
    while True:
        began = time.monotonic()
        left = connections(port)
        now = time.monotonic()
        if not left or now >= deadline:
            return left
        # The kernel lists those that ended in the last minute too: with many of them a look takes
        # its time, which the apps need more.
        time.sleep(min(max(POLL_SECONDS, 9 * (now - began)), deadline - now))


if __name__ == "__main__":
    main({"up": up, "down": down})
