#!/usr/bin/python3 -B
"""Takes away the containers of a release that a deploy which died left, and those of its jobs.

It has nothing to do when they went in the usual way.
"""

import sys

from _homeport import Spec, main, run


def down(spec: Spec) -> None:
    """Remove the containers, whatever they do."""
    for name in spec["containers"]:
        run(["docker", "rm", "--force", "--volumes", name], check=False)
    sys.stdout.write(f"gone: {', '.join(spec['containers'])}\n")


if __name__ == "__main__":
    main({"down": down})
