"""What has to be done on the machine itself: firewall rules, loop devices, cables between servers.

It is done from a container that sees the machine's network and processes, so that the tools are the
same everywhere and a user who may use Docker needs nothing more.
"""

import json
from pathlib import Path

from homeport.cloud import docker
from homeport.cloud.instance import Cloud

_SYS_RESOURCE = 24


def _bounding_set() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("CapBnd")).split()[1], 16)


CAPABILITIES = [
    "--cap-add=ALL",
    # Machines that are containers themselves often lack this one; Docker then refuses it.
    *([] if _bounding_set() >> _SYS_RESOURCE & 1 else ["--cap-drop=SYS_RESOURCE"]),
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined",
]
"""What a container needs that acts as a machine; less than `--privileged`, which some refuse."""


class Warden:
    """Runs tools on the machine, in servers' network namespaces, and in that of the switch."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def run(self, *argv: str, stdin: str | None = None) -> str:
        """Run a tool on the machine.

        Raises:
            MachineryError: With the tool's own words.
        """
        return docker.run("exec", "--interactive", self._cloud.named("warden"), *argv, stdin=stdin)

    def within(self, pid: int, *argv: str) -> str:
        """Run a tool in the network namespace of a process."""
        return self.run("nsenter", "--net", f"--target={pid}", *argv)

    def links(self, pid: int) -> set[str]:
        """Return the names of the network interfaces that a process sees."""
        return {link["ifname"] for link in json.loads(self.within(pid, "ip", "-json", "link"))}

    def pid(self, container: str) -> int:
        """Return the process on the machine that is a container's first; 0 when it is stopped."""
        return int(docker.run("container", "inspect", "--format", "{{.State.Pid}}", container))

    def remove_branches(self, pattern: str) -> None:
        """Remove stopped servers' branches of the machine's control groups, where they had any."""
        script = f"""\
for branch in /sys/fs/cgroup/unified/{pattern}; do
    [ ! -d "$branch" ] || find "$branch" -depth -type d -exec rmdir {{}} \\;
done
"""
        self.run("sh", "-c", script)
