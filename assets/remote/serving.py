#!/usr/bin/python3 -B
"""Runs commands in the release of an app that serves, as its own user and with what it has.

For what is done once and not with every release: to begin with a tenant, and to end with one. The
document says what to run for `up` and for `down`, each of which may run twice. Which release serves
is looked up here, so that a new one changes no document.
"""

import subprocess
import sys
from typing import Any

import _routes
from _asked import hide
from _engines import engine
from _homeport import Spec, fail, main, read_receipt, receipts

CURE = "mend what it says and run `pulumi up` again"


def up(spec: Spec) -> None:
    """Run the commands of `commands` in order, up to the first that fails."""
    found = live(spec)
    if found is None:
        fail(f"no release of {spec['app']} serves", "", "deploy one, and run `pulumi up` again")
    for command in spec["commands"]:
        inside(spec, found, command)
    sys.stdout.write(f"done: {len(spec['commands'])} commands in {found['name']}\n")


def down(spec: Spec) -> None:
    """Run the commands of `undo`; where nothing serves, there is nobody to do it."""
    found = live(spec)
    if found is None:
        fail(
            f"no release of {spec['app']} serves, which could remove what is left in its folders",
            "",
            "deploy one first, or remove the folders by hand and the step from the state",
        )
    for command in spec["undo"]:
        inside(spec, found, command)
    sys.stdout.write("removed\n")


def live(spec: Spec) -> "dict[str, Any] | None":
    """Return the instance that the app's stable port leads to; None when there is none."""
    port = _routes.read(spec).get(spec["stable_port"])
    for path in sorted(receipts(spec).glob(f"route-{spec['app']}-*.json")):
        receipt = read_receipt(spec, path.stem)
        if receipt["app"] == spec["app"] and receipt["release_port"] == port:
            instance: dict[str, Any] = receipt["instance"]
            return instance
    return None


def inside(spec: Spec, instance: "dict[str, Any]", command: "list[str]") -> None:
    """Run one command, which has to end with 0 and in time."""
    variables = [f"--env={key}={value}" for key, value in sorted(spec["environment"].items())]
    found = engine(instance)
    argv = found.command("exec", "--interactive", *variables, instance["name"], *command)
    secret = spec.get("stdin", "")
    try:
        done = subprocess.run(
            argv,
            input=secret,
            capture_output=True,
            text=True,
            check=False,
            timeout=spec["timeout_seconds"],
        )
    except subprocess.TimeoutExpired:
        what = f"`{' '.join(command)}` took over {spec['timeout_seconds']} s in {instance['name']}"
        fail(what, "", f"raise timeout_seconds, or {CURE}")
    if done.returncode != 0:
        what = f"`{' '.join(command)}` ended with exit code {done.returncode} in {instance['name']}"
        fail(what, hide(done.stdout + done.stderr, {"standard input": secret}), CURE)


if __name__ == "__main__":
    main({"up": up, "down": down})
