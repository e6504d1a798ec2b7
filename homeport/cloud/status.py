"""What runs in a cloud, as a table."""

import json

from rich.table import Table

from homeport.cloud import docker, process
from homeport.cloud.instance import LABEL, Cloud


def table(cloud: Cloud) -> Table:
    """Return a table of the cloud's parts: state, address, memory."""
    shown = Table("part", "state", "address", "memory", title=f"cloud {cloud.name}")
    number = process.pid(cloud)
    state = "up" if process.answers(cloud) else "down"
    shown.add_row("api", state, cloud.endpoint, _resident(number) if number else "")
    containers = docker.names("container", f"{LABEL}={cloud.key}")
    memory = _memory(containers)
    for container in containers:
        found = docker.inspect("container", container)
        if found is None:
            continue
        labels = found["Config"]["Labels"]
        server = labels.get(f"{LABEL}.server")
        name = container.removeprefix(f"{cloud.key}-")
        if server:
            name = f"server {found['Config']['Hostname']} ({server})"
        network = found["NetworkSettings"]["Networks"].get(cloud.named("public"))
        shown.add_row(
            name,
            found["State"]["Status"],
            network["IPAddress"] if network else "",
            memory.get(container, ""),
        )
    return shown


def _memory(containers: list[str]) -> dict[str, str]:
    if not containers:
        return {}
    lines = docker.run("stats", "--no-stream", "--format", "{{json .}}", *containers).splitlines()
    stats = [json.loads(line) for line in lines]
    return {item["Name"]: item["MemUsage"].split(" / ")[0] for item in stats}


def _resident(pid: int) -> str:
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123
        lines = dict(line.split(":", 1) for line in status if ":" in line)
    return f"{int(lines['VmRSS'].split()[0]) / 1024:.0f}MiB"
