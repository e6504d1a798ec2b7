#!/usr/bin/python3 -B
"""Makes an account whose user units run containers without root: packages, account, session.

The receipt says what was there before; `down` takes back what the step made, and nothing else.
"""

import json
import re
import sys
import time
from typing import Any

import _packages
import _rootless
from _homeport import (
    Spec,
    at,
    fail,
    lock,
    main,
    other_receipts,
    read_receipt,
    remove_receipt,
    run,
    write_receipt,
)

OLDEST = (4, 6)
"""Podman's first version whose Quadlet has all that our units say."""
IDS = 65_536
FIRST_ID = 100_000
LAST_ID = 600_100_000
START_SECONDS = 60
LINGER = "/var/lib/systemd/linger"
COMMENT = "Homeport runs containers with this account"
TABLES = {
    "/etc/subuid": ("--add-subuids", "--del-subuids"),
    "/etc/subgid": ("--add-subgids", "--del-subgids"),
}
USERADD = ("useradd", "--create-home", "--shell=/usr/sbin/nologin", f"--comment={COMMENT}")

Made = dict[str, Any]


def up(spec: Spec) -> None:
    """Make what is missing and wait until the account's service manager runs."""
    name = spec["account"]
    with lock("rootless"):
        check_version(candidate())
        _packages.ensure(spec["packages"], [])
        check_version(_packages.versions(["podman"]).get("podman", ""))
        make(spec, name)
    wait_for_manager(name)
    shown = _rootless.run_as(name, "podman", "info", "--format", "{{.Store.GraphDriverName}}")
    sys.stdout.write(json.dumps({"storage": shown.stdout.strip()}) + "\n")


def make(spec: Spec, name: str) -> None:
    """Make what is missing, each written down before: a run that is cut off is taken back too."""
    receipt = f"account-{name}"
    made: Made = {"rootless": name}
    # Whatever another stack made of the account, the last one that leaves takes back.
    for known in [*others(spec), read_receipt(spec, receipt)]:
        made.update(known)

    def note(key: str, value: object) -> None:
        made[key] = value
        write_receipt(spec, receipt, made)

    if not exists(name):
        note("account", True)
        run([*USERADD, name])
        run(["chmod", "0750", _rootless.home(name)])
    for table, (add, _) in TABLES.items():
        if not has_range(name, table):
            note(table, free_range(table))
            run(["usermod", add, made[table], name])
    if not at(f"{LINGER}/{name}").exists():
        note("lingers", True)
        run(["loginctl", "enable-linger", name])
    write_receipt(spec, receipt, made)


def others(spec: Spec) -> list[Made]:
    """Return the receipts of other stacks that use the account."""
    receipts = other_receipts(spec, f"account-{spec['account']}")
    return [receipt for receipt in receipts if receipt.get("rootless") == spec["account"]]


def exists(name: str) -> bool:
    """Return whether there is an account of this name."""
    return run(["getent", "passwd", name], check=False).returncode == 0


def candidate() -> str:
    """Return the version of Podman that is there or would be installed; empty when unknown."""
    shown = run(["apt-cache", "policy", "podman"], check=False).stdout
    found = dict(re.findall(r"(Installed|Candidate): (\S+)", shown))
    versions = [found.get("Installed", ""), found.get("Candidate", "")]
    return next((version for version in versions if version and version != "(none)"), "")


def check_version(version: str) -> None:
    """Refuse a Podman that is too old for Quadlet."""
    numbers = re.match(r"(?:\d+:)?(\d+)\.(\d+)", version)
    if numbers and (int(numbers[1]), int(numbers[2])) < OLDEST:
        needed = ".".join(str(number) for number in OLDEST)
        fail(
            f"this system has Podman {version}; Quadlet units need {needed} or later",
            "",
            "take a later system, such as debian-13, or the runtime docker",
        )


def has_range(name: str, table: str) -> bool:
    """Return whether the account has enough subordinate numbers in a table."""
    owners = {name, str(_rootless.numbers(name)[0])}
    return any(owner in owners and count >= IDS for owner, _, count in _rootless.ranges(table))


def free_range(table: str) -> str:
    """Return a range, as `first-last`, that no account has."""
    first = max([FIRST_ID, *(start + count for _, start, count in _rootless.ranges(table))])
    if first + IDS > LAST_ID:
        fail(f"{table} has no room for {IDS} more numbers", "", f"tidy {table} up on the host")
    return f"{first}-{first + IDS - 1}"


def wait_for_manager(name: str) -> None:
    """Return once the account's service manager answers."""
    deadline = time.monotonic() + START_SECONDS
    while _rootless.systemctl(name, "show", "--property=Version", check=False).returncode != 0:
        if time.monotonic() > deadline:
            unit = f"user@{_rootless.numbers(name)[0]}.service"
            said = run(["systemctl", "status", "--no-pager", unit], check=False).stdout
            what = f"the service manager of {name} did not start within {START_SECONDS} s"
            fail(what, said, f"see `journalctl --unit {unit}` on the host")
        time.sleep(0.1)


def down(spec: Spec) -> None:
    """Take back what was made of the account, unless another stack uses it."""
    name = spec["account"]
    receipt = f"account-{name}"
    with lock("rootless"):
        made = read_receipt(spec, receipt)
        if exists(name) and not others(spec):
            if made.get("account"):
                refuse_with_volumes(name)
            if made.get("lingers"):
                run(["loginctl", "disable-linger", name], check=False)
            if made.get("account"):
                remove(name)
            for table, (_, delete) in TABLES.items():
                if made.get(table) and exists(name):
                    run(["usermod", delete, made[table], name], check=False)
        remove_receipt(spec, receipt)


def refuse_with_volumes(name: str) -> None:
    """Stop before an account goes whose volumes hold data that no program knows of."""
    found = _rootless.run_as(name, "podman", "volume", "ls", "--quiet", check=False).stdout.split()
    if found:
        cure = f"save them and remove them as {name} with `podman volume rm`, then run it again"
        fail(f"the account {name} still has the volumes {', '.join(found)}", "", cure)


def remove(name: str) -> None:
    """End the account's session and remove it with its home and its subordinate numbers."""
    uid, _ = _rootless.numbers(name)
    run(["systemctl", "stop", f"user@{uid}.service"], check=False)
    run(["pkill", "-KILL", "-u", str(uid)], check=False)
    run(["userdel", "--force", "--remove", name], check=False)
    if exists(name):
        fail(f"the account {name} cannot be removed", "", f"try `userdel --remove {name}` as root")


if __name__ == "__main__":
    main({"up": up, "down": down})
