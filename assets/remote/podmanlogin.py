#!/usr/bin/python3 -B
"""Keeps the login to a registry in a file of a rootless account, which nobody else can read."""

import sys

import _rootless
from _homeport import Spec, main


def up(spec: Spec) -> None:
    """Write the file."""
    account = spec["account"]
    _rootless.write(
        account, _rootless.below_home(account, spec["file"]), spec["content"], mask="077"
    )
    sys.stdout.write(f"written: {spec['file']}\n")


def down(spec: Spec) -> None:
    """Remove the file, and the folders above it that are empty."""
    account = spec["account"]
    if _rootless.known(account):
        path = _rootless.below_home(account, spec["file"])
        _rootless.run_as(account, "rm", "-f", str(path))
        empty = ("rmdir", "--parents", "--ignore-fail-on-non-empty")
        _rootless.run_as(account, *empty, str(path.parent), check=False)
    sys.stdout.write(f"removed: {spec['file']}\n")


if __name__ == "__main__":
    main({"up": up, "down": down})
