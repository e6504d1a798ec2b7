#!/usr/bin/python3 -B
"""Upgrades the proxy's packages and starts it anew, while a stand-in serves.

Everything is fetched first. The stand-in still runs the old program, so an upgrade that fails, or
after which the proxy does not come up, is no outage: the stand-in goes on until that is mended.
"""

import json
import sys
import time

import _packages
import _standin
from _homeport import Spec, StepError, at, lock, main, run

UPGRADE = [*_packages.INSTALL, "--only-upgrade", "--allow-change-held-packages"]
LOOK_SECONDS = 0.5


def up(spec: Spec) -> None:
    """Upgrade and restart; print the versions, before and after."""
    known = json.loads(at(spec["about"]).read_text())
    before = _packages.versions(spec["packages"])
    fetch(spec)
    try:
        with lock("proxy"):
            slot = stand_in(known)
            while slot and not _standin.has_left(known, None):
                time.sleep(LOOK_SECONDS)
            upgrade(spec)
            _standin.restart(known)
            if slot:
                _standin.point(None)
                _standin.leave(known, slot)
    finally:
        run(["systemctl", "restart", "--no-block", _standin.RETURN])
    after = _packages.versions(spec["packages"])
    report = {"before": before, "after": after, "stood_in": slot is not None}
    sys.stdout.write(json.dumps(report) + "\n")


def stand_in(known: Spec) -> "int | None":
    """Return the stand-in that serves now; None where nobody can, which is said."""
    try:
        return _standin.stand_in(known)
    except StepError as error:
        sys.stderr.write(f"upgraded without a stand-in: {_standin.said(error)}")
        return None


def fetch(spec: Spec) -> None:
    """Look for newer packages and download them."""
    with lock("apt", timeout_seconds=600):
        run(["apt-get", "update", "--quiet"], env=_packages.ENVIRONMENT, cure=_packages.CURE)
        argv = [*UPGRADE, "--download-only", *spec["packages"]]
        run(argv, env=_packages.ENVIRONMENT, cure=_packages.CURE, timeout_seconds=1200)


def upgrade(spec: Spec) -> None:
    """Install what was downloaded, and hold it again."""
    with lock("apt", timeout_seconds=600):
        run([*UPGRADE, *spec["packages"]], env=_packages.ENVIRONMENT, cure=_packages.CURE)
        run(["apt-mark", "hold", *spec["packages"]])


if __name__ == "__main__":
    main({"up": up})
