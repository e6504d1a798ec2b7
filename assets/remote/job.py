#!/usr/bin/python3 -B
"""Runs a release's job in a container or unit of its own, once, and leaves nothing behind.

A job that ended with 0 is written down and never runs again for this release. One that failed, took
too long or was cut off runs again with the next `up`; what it left is removed first. The receipt
goes with the release (see `image`): one that comes back runs its jobs again.
"""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import _podman
import _unitjob
from _homeport import (
    Spec,
    at,
    fail,
    main,
    read_receipt,
    run,
    write_receipt,
)
from _instances import last_lines

CURE = "mend what it says and run `pulumi up` again; the release before still serves"


def up(spec: Spec) -> None:
    """Run the job unless it is done."""
    if read_receipt(spec, spec["receipt"]):
        sys.stdout.write(json.dumps({"done_before": True}) + "\n")
        return
    start = time.monotonic()
    in_unit = "account" in spec
    if in_unit:
        _unitjob.execute(spec, CURE)
    else:
        execute(spec)
    seconds = round(time.monotonic() - start, 3)
    name = spec["name"] if in_unit else spec["container"]
    write_receipt(spec, spec["receipt"], {"container": name, "seconds": seconds})
    # Not earlier: a run that is cut off in between must find them again.
    if in_unit:
        _podman.remove_secrets(spec["account"], spec["secrets"])
    elif spec["secrets"]:
        shutil.rmtree(at(spec["secrets"]), ignore_errors=True)
    sys.stdout.write(json.dumps({"seconds": seconds}) + "\n")


def execute(spec: Spec) -> None:
    """Run the job as a container of Docker, to its end."""
    secrets = at(spec["secrets"]) if spec["secrets"] else None
    clear(spec)
    try:
        run(create(spec), cure=CURE)
        for network in spec["networks"][1:]:
            run(["docker", "network", "connect", network, spec["container"]], cure=CURE)
        run(["docker", "start", spec["container"]], cure=CURE)
        finish(spec, secrets)
    finally:
        clear(spec)


def clear(spec: Spec) -> None:
    """Remove the job's container, whatever it does."""
    run(["docker", "rm", "--force", "--volumes", spec["container"]], check=False)


def create(spec: Spec) -> list[str]:
    """Return the command that makes the container: hardened like the app's own."""
    limits = [f"--memory={spec['memory_mib']}m", f"--memory-swap={spec['memory_mib']}m"]
    if spec.get("cpus"):
        limits.append(f"--cpus={spec['cpus']:g}")
    argv = ["docker", "create", f"--name={spec['container']}", f"--user={spec['user']}", *limits]
    argv += ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges:true", "--init"]
    argv += ["--log-driver=json-file", "--log-opt=max-size=10m", "--log-opt=max-file=3"]
    argv += ["--restart=no", f"--label=homeport.system={spec['system']}"]
    argv += [f"--network={network}" for network in spec["networks"][:1]]
    argv += [f"--tmpfs={path}:{options}" for path, options in sorted(spec["tmpfs"].items())]
    argv += [f"--env={key}={value}" for key, value in sorted(spec["environment"].items())]
    for path, volume in sorted(spec.get("volumes", {}).items()):
        argv.append(f"--mount=type=volume,source={volume},target={path}")
    if spec["secrets"]:
        source = at(spec["secrets"])
        argv.append(f"--mount=type=bind,source={source},target=/run/secrets,readonly")
    return [*argv, spec["image"], *spec["command"]]


def finish(spec: Spec, secrets: Path | None) -> None:
    """Wait for the job's end; it has to be in time, and 0."""
    container, limit = spec["container"], spec["timeout_seconds"]
    instance = {"kind": "docker", "name": container}
    try:
        waited = subprocess.run(
            ["docker", "wait", container],
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        cure = f"raise timeout_seconds of the job, or {CURE}"
        fail(f"the job took over {limit} s and was stopped", last_lines(instance, secrets), cure)
    code = waited.stdout.strip()
    if code != "0":
        what = f"the job ended with exit code {code}" if code else "Docker lost the job"
        fail(what, last_lines(instance, secrets) + waited.stderr, CURE)


if __name__ == "__main__":
    main({"up": up})
