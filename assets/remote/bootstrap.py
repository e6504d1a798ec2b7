#!/usr/bin/python3 -B
"""Makes a machine ready for the first step: waits until it has booted, plants the tools, looks.

Runs from standard input (components/tools.py), since nothing of ours is on the machine yet.
`up` is safe to repeat; `down` removes everything that this stack has below /opt/homeport.
Tools that a newer version no longer has stay until `down`: steps made by the older version still
need them for their own removal.
"""

import json
import shutil
import sys
from pathlib import Path

from _homeport import (
    FOLDER,
    Spec,
    at,
    fail,
    folder,
    installed,
    main,
    make_directory,
    run,
    tail,
    write_atomic,
)

CLOUD_INIT_LOGS = ("/var/log/cloud-init-output.log", "/var/log/cloud-init.log")
BOOT_SECONDS = 900


def up(spec: Spec) -> None:
    """Wait for the boot, plant the tools, print what the machine is."""
    wait_for_boot(spec)
    plant(spec)
    probe = str(folder(spec) / "bin" / "probe")
    wanted = json.dumps({**spec["probe"], "system": spec["system"], "step": spec["step"]})
    result = run([sys.executable, "-B", probe, "up"], stdin=wanted, check=False)
    if result.returncode != 0:
        sys.exit(result.stderr.rstrip("\n"))
    sys.stdout.write(result.stdout)


def wait_for_boot(spec: Spec) -> None:
    """Wait until cloud-init has ended, where there is one.

    Its failure ends this step once, so that it is seen; the next run goes on, because the baseline
    repeats everything that cloud-init should have done.
    """
    if not installed("cloud-init"):
        return
    status = run(["cloud-init", "status", "--wait"], check=False, timeout_seconds=BOOT_SECONDS)
    reported = folder(spec) / "cloud-init-failed"
    if "status: error" not in status.stdout or reported.exists():
        return
    make_directory(folder(spec), mode=0o711)
    write_atomic(reported, b"reported by the bootstrap\n", mode=0o600)
    fail("cloud-init failed on the first boot", status.stdout + cloud_init_log(), AGAIN)


AGAIN = (
    "run `pulumi up` again: the baseline repeats what cloud-init could not do. If that fails too, "
    "look at /var/log/cloud-init-output.log on the machine"
)


def cloud_init_log() -> str:
    """Return the end of the log that says most."""
    for name in CLOUD_INIT_LOGS:
        if at(name).is_file():
            return tail(at(name).read_text(errors="replace"), 15)
    return ""


def plant(spec: Spec) -> None:
    """Write the tools, each whole or not at all."""
    make_directory(at(FOLDER), mode=0o755)
    # Accounts that run an app pass through to its files; nobody but root sees what else there is.
    make_directory(folder(spec), mode=0o711)
    make_directory(folder(spec) / "bin")
    for name, text in sorted(spec["tools"].items()):
        mode = 0o644 if name.endswith(".py") else 0o755
        write_atomic(folder(spec) / "bin" / name, text.encode(), mode=mode)


def down(spec: Spec) -> None:
    """Remove the stack's folder, and /opt/homeport with the last stack."""
    shutil.rmtree(folder(spec), ignore_errors=True)
    base: Path = at(FOLDER)
    if base.is_dir() and not any(base.iterdir()):
        base.rmdir()


if __name__ == "__main__":
    main({"up": up, "down": down}, globals().get("SPEC"))
