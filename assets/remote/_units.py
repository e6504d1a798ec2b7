"""What the tools ask systemd, and how they put a unit in its place."""

import json
import os
import re
import shutil
import signal
from pathlib import Path
from typing import Any

from _asked import Look
from _homeport import at, fail, run, sha256, write_atomic

LOG_LINES = 40
SERVICES = "/etc/systemd/system"
JOBS = "/run/systemd/system"
# How systemd marks its own messages: a process of a unit ended, a unit failed.
ENDED = "98e322203f7a4ed290d09fe03c09fe15"
FAILED = "d9b373ed55a64feb8242e02dbe79a49c"
ASKED = (
    "LoadState",
    "ActiveState",
    "SubState",
    "NRestarts",
    "Result",
    "ExecMainCode",
    "ExecMainStatus",
    "MainPID",
    "FragmentPath",
    "InvocationID",
)
NO_RESTART = "[Service]\nRestart=no\n"
PROGRAM = "@program@"
KILLED = "2"


def look(instance: dict[str, str]) -> Look:
    """Return how a unit is."""
    found = show(instance["name"])
    if found["LoadState"] != "loaded":
        return Look(there=False)
    running = found["ActiveState"] == "active"
    restarts = int(found["NRestarts"] or 0)
    last: tuple[int | None, bool] = (None, False)
    if not running or restarts:
        last = last_end(instance["name"], found)
    return Look(
        there=True,
        running=running,
        ended=found["ActiveState"] in ("failed", "inactive"),
        restarts=restarts,
        exit_code=last[0],
        out_of_memory=last[1],
        check=within(found) if running else [],
    )


def first_process(instance: dict[str, str]) -> int:
    """Return the number of a unit's main process; 0 when it does not run."""
    return int(show(instance["name"])["MainPID"] or 0)


def read_inside(_: dict[str, str], path: str) -> str:
    """Return what a file holds, by its path below /proc: as the instance sees it."""
    return at(path).read_text(errors="replace")


def tell_to_go(instance: dict[str, str]) -> None:
    """Send a unit's main process SIGTERM; it gets more time than a stop, and is not restarted."""
    unit = instance["name"]
    write(at(told(JOBS, unit)), NO_RESTART)
    run(["systemctl", "daemon-reload"])
    # Fails when it has ended in this moment.
    run(["systemctl", "kill", "--kill-who=main", "--signal=SIGTERM", unit], check=False)


def start(instance: dict[str, str]) -> None:
    """Start a unit that was told to go, to be restarted again; the gate sees how it does."""
    at(told(JOBS, instance["name"])).unlink(missing_ok=True)
    run(["systemctl", "daemon-reload"])
    run(["systemctl", "start", instance["name"]], check=False)


def told(folder: str, unit: str) -> str:
    """Return the file that keeps systemd from starting a unit again; it does not outlive a boot."""
    return f"{folder}/{unit}.d/told-to-go.conf"


def show(unit: str) -> dict[str, str]:
    """Return what systemd says of a unit."""
    result = run(
        ["systemctl", "show", unit, f"--property={','.join(ASKED)}"],
        cure="look at `systemctl status` on the host",
    )
    rows = (line.partition("=") for line in result.stdout.splitlines())
    return {**dict.fromkeys(ASKED, ""), **{key: value for key, _, value in rows}}


def last_end(unit: str, found: dict[str, str]) -> tuple[int | None, bool]:
    """Return how a unit's process ended last, and whether it was out of memory.

    systemd forgets both when it starts the process again; the journal does not.
    """
    events = run(
        [
            *("journalctl", "--quiet", "--boot", "--output=json", "--lines=2"),
            *(f"UNIT={unit}", f"MESSAGE_ID={ENDED}", "+"),
            *(f"UNIT={unit}", f"MESSAGE_ID={FAILED}"),
        ],
        check=False,
    ).stdout.splitlines()
    code, memory = exit_code(found), found["Result"] == "oom-kill"
    for event in (json.loads(line) for line in events):
        memory = memory or event.get("UNIT_RESULT") == "oom-kill"
        if event.get("MESSAGE_ID") == ENDED:
            killed = event.get("EXIT_CODE") in ("killed", "dumped")
            code = number_of(str(event.get("EXIT_STATUS", "")), killed=killed)
    return code, memory


def exit_code(found: dict[str, str]) -> int | None:
    """Return the exit code that systemd still knows; as a shell gives it after a signal."""
    if not found["ExecMainStatus"].isdigit() or found["ExecMainCode"] == "0":
        return None
    return int(found["ExecMainStatus"]) + (128 if found["ExecMainCode"] >= KILLED else 0)


def number_of(status: str, *, killed: bool) -> int | None:
    """Return an exit code as a number; signals have names in the journal."""
    if not killed:
        return int(status) if status.isdigit() else None
    found = getattr(signal, f"SIG{status}", None)
    return None if found is None else 128 + int(found)


def within(found: dict[str, str]) -> list[str]:
    """Return the command that runs a unit's health check as itself: its files, account, variables.

    Empty without a health check.
    """
    checks = re.findall(r"^Check=(.*)$", file_text(found), re.MULTILINE)
    process = at(f"/proc/{found['MainPID']}")
    if not checks or not process.is_dir():
        return []
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
    uid, gid = status["Uid"].split()[0], status["Gid"].split()[0]
    variables = (process / "environ").read_text(errors="replace").split("\0")
    return [
        *("nsenter", f"--target={found['MainPID']}", "--mount", "--wd", "--"),
        *("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs"),
        *("--inh-caps=-all", "--bounding-set=-all", "--"),
        *("env", "--ignore-environment", *filter(None, variables)),
        *json.loads(checks[0]),
    ]


def hint(instance: dict[str, str]) -> str:
    """Return what a person may type on the host to see more."""
    name = instance["name"]
    return f"look at it with `journalctl -u {name}` and `systemctl status {name}` on the host"


def output(instance: dict[str, str]) -> tuple[str, Path | None]:
    """Return the last lines of a unit's journal, and the folder of its secrets if it has one."""
    unit = instance["name"]
    run(["journalctl", "--sync"], check=False)
    found = show(unit)
    which, own = [f"--unit={unit}"], found["InvocationID"]
    if found["NRestarts"] == "0" and own:
        # A job's unit has the same name in every release.
        which = [f"_SYSTEMD_INVOCATION_ID={own}", "+", f"INVOCATION_ID={own}", f"UNIT={unit}"]
    lines = ["--output=cat", f"--lines={LOG_LINES}", "--no-pager", "--quiet"]
    text = run(["journalctl", *lines, *which], check=False).stdout
    secrets = re.search(r"^LoadCredential=[^:]*:(.*)/[^/]*$", file_text(found), re.MULTILINE)
    return text, at(secrets[1]) if secrets else None


def file_text(found: dict[str, str]) -> str:
    """Return what a unit's file says."""
    return at(found["FragmentPath"]).read_text() if found["FragmentPath"] else ""


def place(path: Path, spec: dict[str, Any]) -> bool:
    """Write a unit file, its program looked up; return whether that was a change."""
    changed = write(path, spec["text"].replace(PROGRAM, program(spec)))
    if changed:
        run(["systemctl", "daemon-reload"])
    return changed


def write(path: Path, text: str) -> bool:
    """Write a unit file that systemd has yet to read; return whether that was a change."""
    return write_atomic(path, text.encode())


def recorded(path: str) -> dict[str, str]:
    """Return a unit file as a receipt has it."""
    content = at(path).read_bytes()
    return {
        "path": path,
        "sha256": sha256(content),
        "mode": "0644",
        "owner": "root",
        "group": "root",
    }


def program(spec: dict[str, Any]) -> str:
    """Return the path of what runs: absolute as it is, anything else from the first folder."""
    word = spec["program"]
    folders = [""] if word.startswith("/") else [f"{folder}/" for folder in spec["search"]]
    found = [f"{folder}{word}" for folder in folders if can_run(at(f"{folder}{word}"))]
    if not found:
        what = f"there is no program {word!r}; looked in {', '.join(spec['search'])}"
        fail(what, "", "correct the first word of command, or the program's mode")
    return found[0]


def can_run(path: Path) -> bool:
    """Return whether a path is a program."""
    return path.is_file() and os.access(path, os.X_OK)


def remove(unit: str, path: Path) -> None:
    """Stop a unit and remove its file; whatever it is in, nothing of it stays."""
    run(["systemctl", "disable", "--now", unit], check=False, timeout_seconds=700)
    shutil.rmtree(at(told(JOBS, unit)).parent, ignore_errors=True)
    if path.exists():
        path.unlink()
        run(["systemctl", "daemon-reload"])
    run(["systemctl", "reset-failed", unit], check=False)


def remove_job(unit: str) -> None:
    """Stop and remove the unit of a job, where a run that was cut off left it."""
    path = at(f"{JOBS}/{unit}")
    if path.exists():
        remove(unit, path)
