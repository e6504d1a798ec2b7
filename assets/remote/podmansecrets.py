#!/usr/bin/python3 -B
"""Makes podman secrets of a rootless account; their values travel on standard input only.

They are named after their release, with which the tool `quadlet` removes them. Those of a job
(`unless_receipt`) are gone once that receipt says that the job is done.
"""

import sys

import _podman
import _rootless
from _homeport import Spec, main, receipts

CURE = "try `podman secret ls` as the account"


def up(spec: Spec) -> None:
    """Make every secret as the document says."""
    account = spec["account"]
    for group in spec["groups"]:
        names = list(group["secrets"])
        _podman.remove_secrets(account, names)
        receipt = group.get("unless_receipt")
        if receipt and (receipts(spec) / f"{receipt}.json").exists():
            continue
        for name, value in group["secrets"].items():
            create = ("podman", "secret", "create", name, "-")
            _rootless.run_as(account, *create, stdin=value, cure=CURE)
    sys.stdout.write(f"groups: {len(spec['groups'])}\n")


if __name__ == "__main__":
    main({"up": up})
