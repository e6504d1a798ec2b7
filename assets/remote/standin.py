#!/usr/bin/python3 -B
"""Has a stand-in serve while the proxy of this host changes; started by units, not by steps.

`change`: new connections are served by the configuration that lies on the host now (the proxy's
unit does this as its reload). `give-back`: once the proxy has no connection left, it is restarted
and gets the traffic back; ends when the last stand-in has ended. It may be killed and started anew
at any moment. `ended`: a stand-in has ended; if it had the traffic, the proxy has it again.

It lies beside `proxy.json`, which says what the proxy is.
"""

import json
import sys
import time
from pathlib import Path

import _standin
from _homeport import Spec, StepError, lock, main

LOOK_SECONDS = 1.0
AGAIN_SECONDS = 15.0


def give_back(spec: Spec) -> None:
    """Return when the proxy serves by itself again and nobody stands in."""
    while True:
        pause = LOOK_SECONDS
        with lock("proxy"):
            try:
                step(spec)
            except StepError as error:
                pause = AGAIN_SECONDS
                sys.stderr.write(_standin.said(error))
            if not _standin.running() and not _standin.leaving(spec, None).exists():
                _standin.forget()
                return
        time.sleep(pause)


def step(spec: Spec) -> None:
    """Do what can be done now: end stand-ins that have left, restart the proxy when it has."""
    here = _standin.current()
    if here is not None and here not in _standin.running():
        _standin.point(None)
        here = None
    if here is None and _standin.leaving(spec, None).exists():
        # The stand-in that had the traffic is gone, and the proxy has not had its change yet.
        here = _standin.stand_in(spec)
    for slot in _standin.running():
        if slot != here and _standin.has_left(spec, slot):
            _standin.stop(slot)
    if here is None:
        return
    if not _standin.is_changed(spec):
        if not _standin.has_left(spec, None):
            return
        _standin.restart(spec)
    _standin.point(None)
    _standin.leave(spec, here)


def ended(_: Spec) -> None:
    """Give the traffic back to the proxy if it is led to a stand-in that does not run."""
    slot = _standin.current()
    if slot is not None and not _standin.is_active(_standin.unit(slot)):
        _standin.point(None)


if __name__ == "__main__":
    about = json.loads(Path(__file__).with_name("proxy.json").read_text())
    # Runs of one step wait for each other; these three must not.
    about["step"] = "-".join(sys.argv[1:])
    main({"change": _standin.change, "give-back": give_back, "ended": ended}, about)
