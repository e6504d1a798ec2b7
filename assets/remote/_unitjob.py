"""Runs a release's job as a Quadlet unit of a rootless account, once, and leaves nothing behind."""

import _accounts
from _homeport import Spec, fail
from _instances import last_lines

ASKED = ("ExecMainStatus", "Result")


def execute(spec: Spec, cure: str) -> None:
    """Run the unit to its end, which has to be in time, and 0."""
    account, file = spec["account"], f"{spec['name']}.container"
    service = f"{spec['name']}.service"
    clear(account, service, file)
    try:
        _accounts.write_unit(account, file, spec["content"])
        # The unit itself ends it when it takes too long.
        started = _accounts.systemctl(account, "start", service, check=False)
        if started.returncode != 0:
            explain(spec, service, started.stderr, cure)
    finally:
        clear(account, service, file)


def clear(account: str, service: str, file: str) -> None:
    """Remove the job, whatever it does."""
    _accounts.systemctl(account, "stop", service, check=False)
    _accounts.systemctl(account, "reset-failed", service, check=False)
    _accounts.remove_unit(account, file)


def explain(spec: Spec, service: str, said: str, cure: str) -> None:
    """Say why the job failed."""
    unit = _accounts.property_of(spec["account"], service, ASKED)
    instance = {"kind": "podman", "name": spec["name"], "account": spec["account"]}
    lines = last_lines(instance) or said
    if unit["Result"] == "timeout":
        limit = spec["timeout_seconds"]
        again = f"raise timeout_seconds of the job, or {cure}"
        fail(f"the job took over {limit} s and was stopped", lines, again)
    fail(f"the job ended with exit code {unit['ExecMainStatus']}", lines, cure)
