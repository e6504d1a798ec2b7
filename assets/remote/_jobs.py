"""A release's job runs once, whatever runs it.

A job that ended with 0 is written down and never runs again for this release. One that failed, took
too long or was cut off runs again with the next `up`. The receipt goes with the release: one that
comes back runs its jobs again.
"""

import json
import shutil
import sys
import time
from collections.abc import Callable

from _homeport import Spec, at, read_receipt, write_receipt

CURE = "mend what it says and run `pulumi up` again; the release before still serves"


def forget_folder(spec: Spec) -> None:
    """Remove the folder of secrets that only the job needed."""
    if spec["secrets"]:
        shutil.rmtree(at(spec["secrets"]), ignore_errors=True)


def once(
    spec: Spec,
    name: str,
    work: Callable[[Spec], None],
    forget: Callable[[Spec], None] = forget_folder,
) -> None:
    """Run a job unless it is done; then its secrets go."""
    if read_receipt(spec, spec["receipt"]):
        sys.stdout.write(json.dumps({"done_before": True}) + "\n")
        return
    start = time.monotonic()
    work(spec)
    seconds = round(time.monotonic() - start, 3)
    write_receipt(spec, spec["receipt"], {"ran": name, "seconds": seconds})
    # Not earlier: a run that is cut off in between must find them again.
    forget(spec)
    sys.stdout.write(json.dumps({"seconds": seconds}) + "\n")
