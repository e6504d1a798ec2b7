"""A hundred tenants on one server: seconds for each, and what they cost in memory.

The system odoo's staging stack, first with two tenants, then with a hundred by one `pulumi up`;
every login page is asked for afterwards, and then nothing changes. What serves is the stand-in for
Odoo: its memory is not Odoo's. `make bench NAME=tenants`.
"""

import dataclasses
import json
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from bench import lab, results
from homeport import engine, paths, smoke, stacks
from homeport.cloud import instance
from homeport.cloud.servers import container_named

MOST = 100
CONTAINERS = {"tenants": "instance of the tenants", "tenants-postgres": "its database server"}
"""Whose memory is looked at: names below the system's, and what they are."""
_UNITS = {"B": 2**-20, "KiB": 2**-10, "MiB": 1.0, "GiB": 2.0**10}


def main() -> None:
    """Measure, write bench/results/tenants.json, print the table."""
    with lab.cloud("bench") as running:
        results.write("tenants", measured(running))


def measured(running: instance.Cloud) -> list[results.Row]:
    """Return the rows, the stack removed again."""
    aim = stacks.Target(project=paths.SYSTEMS / "odoo", stack="staging", cloud=running)
    try:
        up(aim, [])
        few, before = memory(running), len(smoke.deployed(aim).outputs["tenants"])
        added = [f"t{number:03}" for number in range(MOST - before)]
        seconds = up(aim, added)
        asked = answered(aim)
        many, noop = memory(running), up(aim, added)
    finally:
        done = pulumi(aim, "destroy", [], "--run-program")
    if done.returncode != 0:
        raise RuntimeError(done.stdout[-4000:] + done.stderr[-2000:])
    return [
        results.Row("homeport", "tenants", asked, "", 1),
        results.Row("homeport", "up_seconds_per_tenant", round(seconds / len(added), 3), "s", 1),
        results.Row("homeport", f"up_seconds_for_{len(added)}_tenants", round(seconds, 1), "s", 1),
        results.Row("homeport", f"noop_seconds_with_{asked}_tenants", round(noop, 1), "s", 1),
        *(
            results.Row("stand-in for Odoo", f"memory of {what}, {count} tenants", mib, "MiB", 1)
            for name, what in CONTAINERS.items()
            for count, mib in ((before, few[name]), (asked, many[name]))
        ),
    ]


def up(aim: stacks.Target, added: Sequence[str]) -> float:
    """Run `pulumi up` with more tenants, which must succeed; return its wall-clock seconds."""
    start = time.monotonic()
    done = pulumi(aim, "up", added)
    seconds = time.monotonic() - start
    if done.returncode != 0:
        raise RuntimeError(done.stdout[-4000:] + done.stderr[-2000:])
    return seconds


def pulumi(
    aim: stacks.Target, operation: str, added: Sequence[str], *options: str
) -> subprocess.CompletedProcess[str]:
    """Run an operation on a stack that has more tenants than its stack file names."""
    _, shipped = stacks.config_file(aim)
    values = yaml.safe_load(Path(shipped).read_text())
    values["config"]["odoo:tenants"] |= {name: {"suspended": False} for name in added}
    file = Path(shipped).with_suffix(".bench.yaml")
    file.write_text(yaml.safe_dump(values))
    how = ["--stack", aim.stack, "--config-file", str(file), "--yes", "--skip-preview", *options]
    return engine.run([operation, *how], cwd=aim.project, extra=aim.environment, quiet=True)


def answered(aim: stacks.Target) -> int:
    """Ask every tenant for its login page, which must be its own; return how many there are."""
    there = smoke.deployed(aim)
    hosts: Mapping[str, Mapping[str, str]] = there.outputs["tenants"]
    for name, about in hosts.items():
        site = dataclasses.replace(there.site, hostname=about["host"])
        answer = site.request("GET", "/web/login").raise_for_status()
        assert f"<h1>{name}_db</h1>" in answer.text, name
    return len(hosts)


def memory(running: instance.Cloud) -> dict[str, float]:
    """Return what each of the containers uses in MiB."""
    inside = ["docker", "exec", container_named(running, "odoo-staging-server")]
    shown = subprocess.run(
        [*inside, "docker", "stats", "--no-stream", "--format", "{{json .}}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    lines = [json.loads(line) for line in shown.splitlines()]
    return used({line["Name"]: line["MemUsage"] for line in lines})


def used(stats: Mapping[str, str]) -> dict[str, float]:
    """Return the memory in MiB of the containers that count, from Docker's words by name."""
    found = {}
    for name in CONTAINERS:
        pattern = re.compile(rf"odoo-staging-{name}(-[0-9a-f]{{8}})?")
        (words,) = [said for full, said in stats.items() if pattern.fullmatch(full)]
        number, unit = re.findall(r"^([0-9.]+)([KMG]?i?B)", words)[0]
        found[name] = round(float(number) * _UNITS[unit], 1)
    return found


if __name__ == "__main__":
    main()
