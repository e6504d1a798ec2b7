"""Which control groups a server's systemd gets; machines differ, and so do systemd's versions."""

import functools
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


@functools.cache
def layout() -> str:
    """Return `unified` (version 2 alone), or `hybrid` (version 1, and 2 beside it)."""
    return "unified" if (ROOT / "cgroup.controllers").exists() else "hybrid"


def cgroup_arguments(image: str, name: str) -> list[str]:
    """Return the arguments that give a container the control groups that its systemd wants.

    systemd 257 knows version 2 only; where the machine has it beside version 1, the server gets a
    branch of that tree, named after its container, which its boot script makes its root.
    """
    if layout() == "unified":
        return ["--cgroupns=private", "--env", "TESTBED_CGROUP=."]
    if image == "debian-12":
        return ["--cgroupns=host", "--volume", f"{ROOT}:{ROOT}:rw"]
    tree = ROOT / "unified"
    return ["--cgroupns=host", "--volume", f"{tree}:{ROOT}:rw", "--env", f"TESTBED_CGROUP={name}"]
