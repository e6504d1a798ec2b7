#!/usr/bin/python3 -B
"""Upgrades an app through its stages; ends with the last version serving, or with the old one.

Nobody reaches the app before its last version is well. When a stage fails, everything is what it
was, to the byte. A run that was cut off is found by the next one: what was being saved or changed
goes back and begins again, what was already open to its users goes on.
"""

import json
import sys
import time
from typing import Any

import _engineapi
import _versions
import _wayback
from _clones import check
from _homeport import Spec, StepError, fail, main, run, write_receipt
from _opening import join, publish, recovered
from _successors import Settings, successor
from _versions import alone, container, image_of, image_settings, mark, say, server, well
from _wayback import CHANGING, DONE, OPEN, Journal, closed


def up(spec: Spec) -> None:
    """Go on from where the app stands, to the last stage."""
    with alone(spec):
        sys.stdout.write(json.dumps(upgrade(spec), sort_keys=True) + "\n")


def upgrade(spec: Spec) -> "dict[str, Any]":
    """Bring the app to its last stage; return which stages it went through."""
    start, target = time.monotonic(), spec["stages"][-1]["version"]
    journal = recovered(spec)
    version = _versions.present(spec, spec["container"])
    stages = _versions.after(spec, version)
    went: list[str] = []
    if stages:
        if journal:
            _wayback.give_up(spec, journal)
        check(spec, container(spec["container"]))
        journal = through(spec, version, stages)
        went = [stage["version"] for stage in stages]
    if journal and not spec["keep_way_back"]:
        _wayback.give_up(spec, journal)
        say(spec, "the way back is removed")
    report = {"version": target, "went": went, "seconds": round(time.monotonic() - start, 3)}
    about = {"version": target, "container": spec["container"]}
    write_receipt(spec, f"upgrade-{spec['name']}", about)
    return report


def through(spec: Spec, version: str, stages: "list[Settings]") -> Journal:
    """Go through the stages; whatever fails, the old version serves in the end."""
    target = stages[-1]["version"]
    journal: Journal = {}
    try:
        journal = _wayback.prepare(spec, version, target)
        say(spec, "collations and indexes")
        _versions.refresh(server(spec))
        for stage in stages:
            migrate(spec, journal, stage)
        last = stages[-1]
        made = {"image": image_of(spec, last), "environment": last["environment"]}
        _wayback.write(spec, journal, phase=OPEN, **made)
        publish(spec, journal)
        well(spec, spec["container"], target, last["timeout_seconds"])
    except StepError as error:
        failed(spec, error)
    except Exception as error:
        # Whatever it was: nobody may be left without the app.
        failed(spec, StepError(f"{type(error).__name__}: {error}"))
    _wayback.write(spec, journal, phase=DONE)
    say(spec, f"{target} serves")
    return journal


def failed(spec: Spec, error: StepError) -> None:
    """Go back, and say what happened and what to do."""
    say(spec, f"failed: {error.what}")
    journal = _wayback.read(spec)
    if journal and journal["phase"] != DONE:
        _wayback.go_back(spec, journal)
    serves = _versions.present(spec, spec["container"])
    what = f"{error.what}; {serves} serves again, with the data that it had, to the byte"
    again = "then raise `revision`, which tries it on a copy, and run `pulumi up` again"
    fail(what, error.output, f"{error.cure or 'correct the cause'}; {again}")


def migrate(spec: Spec, journal: Journal, stage: Settings) -> None:
    """Run one version until it is well, where nobody can reach it; then stop it."""
    _wayback.write(spec, journal, phase=CHANGING, stage=stage["version"])
    say(spec, f"{stage['version']} migrates")
    old = container(journal["old"])
    body = successor(
        old,
        image_settings(old["Image"]),
        image_of(spec, stage),
        upgrade=mark(spec),
        environment=stage["environment"],
        closed=True,
    )
    _versions.remove(closed(spec))
    _engineapi.create(closed(spec), body)
    join(closed(spec), old, named=False)
    run(["docker", "start", closed(spec)])
    well(spec, closed(spec), stage["version"], stage["timeout_seconds"])
    _versions.same_counts(spec, server(spec), stage["version"], journal["counts"])
    run(["docker", "stop", closed(spec)])
    _versions.remove(closed(spec))
    say(spec, f"{stage['version']} is well, and has the rows that were there")


if __name__ == "__main__":
    main({"up": up})
