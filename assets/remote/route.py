#!/usr/bin/python3 -B
"""Gives a release its app's traffic, and takes it away again, without losing a request.

`up`: waits until the release answers its health check, several times in a row, and its environment
is as its contract says; leads the app's stable ports to it at once (`_routes`); tries the result,
through the proxy too where a site is there. If that fails, the ports lead where they led before.
`down`: if the release is live, another healthy release of the app takes over; where there is none,
the step refuses as long as a site sends traffic to the stable port. Then it waits for the
connections that are open; a release that ends them by itself when it is told to go is told at once.
Both print one line of JSON that says how long each phase took.
"""

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
    read_receipt,
    receipts,
    remove_receipt,
    write_receipt,
)
from _instances import Watch, hint, last_lines, tell_to_go
from _phases import Phases
from _sockets import listeners, on_loopback, wait_idle

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


def up(spec: Spec) -> None:
    """Wait for health, switch, try; or leave everything as it was."""
    phases = Phases()
    stay_clear(spec)
    gate(spec)
    _environment.check(spec)
    phases.end("gate")
    with lock(f"route-{spec['system']}"):
        refuse_alone()
        before = _routes.read(spec)
        switch(spec, before, phases)
    phases.report(
        before=before.get(spec["stable_port"]),
        live=spec["release_port"],
        switched_by=_routes.by(spec),
    )


def ports(spec: Spec) -> dict[int, int]:
    """Return the release's ports by the stable ports that lead to them, its main one first."""
    sides = {side["stable_port"]: side["release_port"] for side in spec.get("side_ports", [])}
    return {spec["stable_port"]: spec["release_port"], **sides}


def stay_clear(spec: Spec) -> None:
    """Refuse to take a stable port from something else that listens there."""
    for stable, own in ports(spec).items():
        if stable != own and listeners(stable) and not _routes.listens(stable):
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
        problem = _health.problem(spec["release_port"], health) or silent(spec)
        row = 0 if problem else row + 1
        if row < health["successes"]:
            time.sleep(POLL_SECONDS)
    if not listeners(spec["release_port"]):
        what = f"nothing listens on 127.0.0.1:{spec['release_port']}, yet it answers"
        fail(what, "", LISTENERS.get(spec["instance"]["kind"], hint(spec["instance"])))
    for port in ports(spec).values():
        if not all(on_loopback(address) for address in listeners(port)):
            what = f"release {spec['release']} listens on port {port} for everybody"
            cure = "let it listen on 127.0.0.1, as HOST says"
            fail(f"{what}, not on the loopback alone", "", cure)


def silent(spec: Spec) -> str:
    """Return which side port of a healthy release nobody listens at; empty when all are open."""
    for side in spec.get("side_ports", []):
        if not listeners(side["release_port"]):
            return f"an answer, but nothing listens at its side port {side['name']}"
    return ""


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


def switch(spec: Spec, before: dict[int, int], phases: Phases) -> None:
    """Lead the stable ports to the release and try it; lead them back when that fails."""
    name = f"route-{spec['app']}-{spec['release']}"
    known = read_receipt(spec, name)
    proxied = _proxied.problem(spec)
    # Written before the switch: should this process die in between, the guard still knows of it.
    write_receipt(spec, name, {key: spec[key] for key in RECORDED if key in spec})
    _routes.point(spec, ports(spec))
    phases.end("switch")
    problem = try_out(spec, proxied)
    if problem:
        _routes.point(spec, {stable: before.get(stable) for stable in ports(spec)})
        if not known:
            remove_receipt(spec, name)
        what = (
            f"release {spec['release']} was healthy, but not where its traffic arrives: {problem}"
        )
        served = spec["stable_port"] in before
        back = "the release before serves again" if served else "no release serves"
        fail(
            what,
            last_lines(spec["instance"]),
            f"{back}; look at the proxy and at `{_routes.look(spec)}`",
        )
    phases.end("try")


RECORDED = (
    *("app", "release", "instance", "stable_port", "release_port", "side_ports"),
    "health",
)


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
        return _proxied.problem(spec) or ""
    return ""


def down(spec: Spec) -> None:
    """Make sure that the release has no traffic, wait for its connections, forget it."""
    phases = Phases()
    with lock(f"route-{spec['system']}"):
        moved = leave(spec)
        remove_receipt(spec, f"route-{spec['app']}-{spec['release']}")
    phases.end("guard")
    left = drain(spec)
    for port in ports(spec).values():
        _routes.forget(port)
    phases.end("drain")
    phases.report(moved_to=moved, connections_cut=left)


def leave(spec: Spec) -> int | None:
    """Take the release's traffic away if it has any; return the port that has it now."""
    leads, successor = _routes.read(spec), None
    changes: dict[int, int | None] = {}
    for stable in (stable for stable, port in leads.items() if port == spec["release_port"]):
        successor = healthy_sibling(spec, stable)
        if successor is None and (used := _proxied.sites(spec, stable)):
            names = sorted(name for site in used for name in site.get("hostnames", []))
            what = (
                f"release {spec['release']} of {spec['app']} serves {', '.join(names) or 'a site'}"
            )
            cure = "deploy a release that gets healthy, or remove the site first"
            fail(f"{what}, and no other release of it is healthy: refused to stop it", "", cure)
        changes[stable] = successor["release_port"] if successor else None
    theirs = (successor or {}).get("side_ports", [])
    for side in spec.get("side_ports", []):
        to = {each["name"]: each["release_port"] for each in theirs}.get(side["name"])
        changes |= {stable: to for stable, port in leads.items() if port == side["release_port"]}
    if changes:
        _routes.point(spec, changes)
    return successor["release_port"] if successor else None


def healthy_sibling(spec: Spec, stable: int) -> dict[str, Any] | None:
    """Return the receipt of another release of the app that is healthy now."""
    for path in sorted(receipts(spec).glob(f"route-{spec['app']}-*.json")):
        other = read_receipt(spec, path.stem)
        same = other["app"] == spec["app"] and other["stable_port"] == stable
        if not same or other["release"] == spec["release"]:
            continue
        if not _health.problem(other["release_port"], other["health"], other["release"]):
            return other
    return None


def drain(spec: Spec) -> int:
    """Wait until the release has no open connection; return how many are left when time is up."""
    own, start = list(ports(spec).values()), time.monotonic()
    deadline = start + spec["drain_seconds"]
    if spec.get("graceful_stop") and wait_idle(own, min(deadline, start + ARRIVAL_SECONDS)):
        tell_to_go(spec["instance"])
    return wait_idle(own, deadline)


if __name__ == "__main__":
    main({"up": up, "down": down})
