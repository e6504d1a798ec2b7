"""Runs a command that takes long, and says its lines as they come to whoever waits."""

import contextlib
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

LATE = -signal.SIGKILL
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def run_aloud(argv: Sequence[str], *, timeout_seconds: float) -> "tuple[int, str]":
    """Return how a command ended, and all that it said on both of its outputs, without colours.

    One that takes longer is killed, and ends with the code LATE.
    """
    with subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        late = threading.Timer(timeout_seconds, process.kill)
        late.start()
        said = []
        try:
            for coloured in process.stdout or ():
                line = _COLOUR.sub("", coloured)
                said.append(line)
                # Whoever waited may have been cut off: the work goes on.
                with contextlib.suppress(OSError):
                    sys.stderr.write(line)
                    sys.stderr.flush()
            return process.wait(), "".join(said)
        finally:
            late.cancel()
