#!/usr/bin/python3 -B
"""Tries an upgrade on a copy to throw away: every version boots, migrates, answers, loses no row.

The copy is made of the newest backup. Nothing of the real app is touched; the copy goes in the end.
"""

import json
import sys
import time
from typing import Any

import _versions
from _clones import CURE, clone
from _homeport import Spec, StepError, at, fail, main, read_receipt
from _opening import recovered
from _versions import alone, say


def up(spec: Spec) -> None:
    """Go through all stages, or say which one does not work."""
    with alone(spec):
        # The real app has to be what it was, or what it will be.
        recovered(spec)
        sys.stdout.write(json.dumps(trial(spec)) + "\n")


def trial(spec: Spec) -> "dict[str, Any]":
    """Try the stages that are left; return which, and how long it took."""
    start, version = time.monotonic(), _versions.present(spec, spec["container"])
    known = read_receipt(spec, f"upgrade-{spec['name']}-backup")
    if not known or not at(known["folder"]).is_dir():
        fail("there is no backup to try it with", "", "raise `revision`, and run `pulumi up`")
    stages = _versions.after(spec, version)
    with clone(spec) as copy:
        copy.restore(at(known["folder"]))
        wanted = _versions.counts(spec, copy.server, version)
        _versions.refresh(copy.server)
        for stage in stages:
            say(spec, f"trying {stage['version']} on the copy")
            try:
                copy.try_stage(stage, wanted)
            except StepError as error:
                fail(f"on the copy, {error.what}", error.output, f"{error.cure}; {CURE}")
    tried = [stage["version"] for stage in stages]
    seconds = round(time.monotonic() - start, 3)
    return {"from": version, "tried": tried, "counts": wanted, "seconds": seconds}


if __name__ == "__main__":
    main({"up": up})
