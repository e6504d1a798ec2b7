"""A release's job runs once, whatever runs it.

A job that ended with 0 is written down and never runs again for this release. One that failed, took
too long or was cut off runs again with the next `up`. The receipt goes with the release: one that
comes back runs its jobs again.
"""

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from _homeport import Spec, at, fail, read_receipt, receipts, write_receipt
from _instances import Instance, last_lines

CURE = "mend what it says and run `pulumi up` again; the release before still serves"
REVISION = re.compile(r"^schema: (\S{1,64})$", re.MULTILINE)


def forget_folder(spec: Spec) -> None:
    """Remove the folder of secrets that only the job needed."""
    if spec["secrets"]:
        shutil.rmtree(at(spec["secrets"]), ignore_errors=True)


def once(
    spec: Spec,
    name: str,
    work: Callable[[Spec], "dict[str, str]"],
    forget: Callable[[Spec], None] = forget_folder,
) -> None:
    """Run a job unless it is done, and write down what it found; then its secrets go."""
    done = read_receipt(spec, spec["receipt"])
    if done:
        known = {key: done[key] for key in ("schema",) if key in done}
        sys.stdout.write(json.dumps({"done_before": True, **known}) + "\n")
        return
    start = time.monotonic()
    found = work(spec)
    found_in = {"seconds": round(time.monotonic() - start, 3), **found}
    write_receipt(spec, spec["receipt"], {"ran": name, **found_in})
    # Not earlier: a run that is cut off in between must find them again.
    forget(spec)
    sys.stdout.write(json.dumps(found_in) + "\n")


def findings(spec: Spec, instance: Instance, secrets: "Path | None" = None) -> "dict[str, str]":
    """Return the schema's revision, as a check of the schema that ended well has printed it."""
    if not spec.get("schema"):
        return {}
    lines = last_lines(instance, secrets)
    found = REVISION.findall(lines)
    if not found:
        what = "the check of the schema did not say at which revision the schema is"
        fail(what, lines, "let it print a line `schema: <revision>`, and run `pulumi up` again")
    return {"schema": found[-1], "app": spec["app"], "release": spec["release"]}


def ended_with(spec: Spec, code: object) -> str:
    """Return what a job's exit code means."""
    if spec.get("schema"):
        what = f"release {spec['release']} cannot work with the schema that is there"
        return f"{what}: its check ended with exit code {code}"
    return f"the job ended with exit code {code}"


def cure(spec: Spec) -> str:
    """Return what to do about a job that failed; for a check of the schema, both ways out."""
    if not spec.get("schema"):
        return CURE
    written = sorted(receipts(spec).glob(f"job-{spec['app']}-*.json"), key=os.path.getmtime)
    known = [read_receipt(spec, path.stem) for path in written]
    left = [
        f" (release {each['release']} left it at {each['schema']})"
        for each in known
        if each.get("schema") and each["app"] == spec["app"]
    ]
    return (
        f"deploy a release that works with this schema{left[-1] if left else ''}, or restore a "
        "dump from before its migration, then `pulumi up`; the release before still serves"
    )
