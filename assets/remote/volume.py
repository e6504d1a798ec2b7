#!/usr/bin/python3 -B
"""Gives the folder of a new volume of Docker, which belongs to root, to the user that writes there.

A folder that is not empty any more stays as it is.
"""

import os
import sys

from _homeport import Spec, account, at, main, run


def up(spec: Spec) -> None:
    """Set the owner as long as nothing has been written."""
    shown = run(["docker", "volume", "inspect", "--format", "{{.Mountpoint}}", spec["volume"]])
    folder = at(shown.stdout.strip())
    if not any(folder.iterdir()):
        os.chown(str(folder), *account(spec["uid"], spec["gid"]))
    sys.stdout.write(f"folder: {folder}\n")


if __name__ == "__main__":
    main({"up": up})
