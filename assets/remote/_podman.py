"""What the tools ask about an instance of Podman: a user unit of a rootless account."""

import functools
import json
from pathlib import Path
from typing import Any

import _rootless
import _units
from _asked import Look, hide
from _homeport import at, run

LOG_LINES = 40
STOP_SIGNAL = "{{.Config.StopSignal}}"
HEALTH_CHECKS = "[0-9a-f]" * 64 + "*.service"
"""The units by which Podman checks containers: named by a container's id."""
ASKED = ("LoadState", "ActiveState", "NRestarts", "ExecMainCode", "ExecMainStatus")

Instance = dict[str, str]


def look(instance: Instance) -> Look:
    """Return how a container is, as its unit knows it: a container that ended is gone."""
    account, name = instance["account"], instance["name"]
    unit = _rootless.property_of(account, f"{name}.service", ASKED)
    if unit.get("LoadState") != "loaded":
        return Look(there=False)
    running = unit["ActiveState"] == "active"
    return Look(
        there=True,
        running=running,
        ended=unit["ActiveState"] in ("failed", "inactive"),
        restarts=int(unit["NRestarts"]),
        # While it starts again, how it ended before is forgotten.
        exit_code=None if unit["ExecMainCode"] == "0" else int(unit["ExecMainStatus"]),
        check=check(account, name) if running else [],
    )


def tell_to_go(instance: Instance) -> None:
    """Send a container its own stop signal, after which its unit is not started again."""
    account, name = instance["account"], instance["name"]
    _rootless.write(account, told(account, name), _units.NO_RESTART)
    _rootless.systemctl(account, "daemon-reload")
    shown = _rootless.run_as(
        account, "podman", "container", "inspect", "--format", STOP_SIGNAL, name, check=False
    )
    signal = shown.stdout.strip() or "SIGTERM"
    # Fails when it has ended in this moment.
    _rootless.run_as(account, "podman", "kill", f"--signal={signal}", name, check=False)


def start(instance: Instance) -> None:
    """Start a container that was told to go, to be restarted again; the gate sees how it does."""
    account, name = instance["account"], instance["name"]
    forget_told(account, name)
    _rootless.systemctl(account, "daemon-reload")
    _rootless.systemctl(account, "start", f"{name}.service", check=False)


def told(account: str, name: str) -> Path:
    """Return the file that keeps the account's systemd from starting a container again."""
    uid = _rootless.numbers(account)[0]
    return at(_units.told(f"/run/user/{uid}/systemd/user", f"{name}.service"))


def forget_told(account: str, name: str) -> None:
    """Let a container be started and restarted, once its service manager has read its units."""
    _rootless.run_as(account, "rm", "-r", "-f", str(told(account, name).parent))


@functools.cache
def check(account: str, name: str) -> list[str]:
    """Return the command that checks a container's health from inside; empty without one."""
    shown = _rootless.run_as(account, "podman", "container", "inspect", name, check=False)
    if shown.returncode != 0:
        return []
    found: dict[str, Any] = json.loads(shown.stdout)[0]
    test = ((found.get("Config") or {}).get("Healthcheck") or {}).get("Test") or ["NONE"]
    inside = {"CMD-SHELL": ["/bin/sh", "-c", *test[1:]], "CMD": test[1:]}.get(test[0], [])
    return [*_rootless.prefix(account), "podman", "exec", name, *inside] if inside else []


def first_process(instance: Instance) -> int:
    """Return the number of a container's first process; 0 when it does not run."""
    asked = ("podman", "container", "inspect", "--format", "{{.State.Pid}}", instance["name"])
    shown = _rootless.run_as(instance["account"], *asked, check=False).stdout.strip()
    return int(shown) if shown.isdigit() else 0


def read_inside(instance: Instance, path: str) -> str:
    """Return what a file holds, by its path below /proc: as the container sees it.

    The account reads it: where its files lie on a file system in user space, root may not.
    """
    return _rootless.run_as(
        instance["account"], "podman", "unshare", "cat", path, check=False
    ).stdout


def hint(instance: Instance) -> str:
    """Return what a person may type on the host to see more."""
    name = instance["name"]
    return f"look at it with `journalctl CONTAINER_NAME={name}` on the host"


def output(instance: Instance) -> tuple[str, Path | None]:
    """Return the last lines that a container wrote, or else its unit, secrets hidden already."""
    account, name = instance["account"], instance["name"]
    run(["journalctl", "--sync"], check=False)
    user = f"_UID={_rootless.numbers(account)[0]}"
    text = ""
    for which in (f"CONTAINER_NAME={name}", f"_SYSTEMD_USER_UNIT={name}.service"):
        lines = ["journalctl", "--quiet", "--output=cat", f"--lines={LOG_LINES}", user, which]
        text = text or run(lines, check=False).stdout
    return hide(text, secrets(account, name)), None


def secrets(account: str, name: str) -> dict[str, str]:
    """Return the secrets that belong to a release and its jobs, without the release's name."""
    found = {}
    for secret in secret_names(account, f"{name}-"):
        shown = _rootless.run_as(
            account, "podman", "secret", "inspect", "--showsecret", secret, check=False
        )
        if shown.returncode == 0:
            found[secret.removeprefix(f"{name}-")] = json.loads(shown.stdout)[0]["SecretData"]
    return found


def secret_names(account: str, start: str) -> list[str]:
    """Return the names of the account's secrets that begin like this."""
    listed = _rootless.run_as(account, "podman", "secret", "ls", "--format", "{{.Name}}").stdout
    return [name for name in listed.split() if name.startswith(start)]


def remove_secrets(account: str, names: list[str]) -> None:
    """Remove secrets; those that are gone are no error."""
    for name in names:
        _rootless.run_as(account, "podman", "secret", "rm", name, check=False)


def remove(account: str, name: str) -> None:
    """Remove what is left of a container whose unit has been stopped, and its secrets."""
    _rootless.run_as(account, "podman", "rm", "--force", "--ignore", "--volumes", name)
    # A check that the container's end cut off stays as a failed unit: Podman forgets it too early.
    # Of a container that runs the next check says it again.
    _rootless.systemctl(account, "reset-failed", HEALTH_CHECKS, check=False)
    forget_told(account, name)
    remove_secrets(account, secret_names(account, f"{name}-"))
