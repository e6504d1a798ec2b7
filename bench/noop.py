"""A stack that did not change: how long `pulumi up` takes, and how often it connects.

The starter, an empty program and one that only imports the SDKs take turns, so that the ratio holds
when the machine's speed drifts; then Ansible and docker compose do the same services on a server of
their own, each having converged once before. `make bench NAME=noop`.
"""

import os
from pathlib import Path

from bench import lab, results
from homeport import paths, stacks
from homeport.cloud import instance, served
from homeport.cloud.servers import container_named

ROUNDS = 10
PEERS = Path(__file__).parent / "peers"
POSTGRES = "postgres:17"
LEDGER = "ghcr.io/homeport/ledger:1.0.0"


def main() -> None:
    """Measure, write bench/results/noop.json, print the table."""
    with lab.cloud("bench") as running:
        rows = ours(running)
        machine = lab.peer(running, running.folder / "peers")
        rows += ansible(machine)
        rows += compose(machine, running)
    results.write("noop", rows)


def ours(running: instance.Cloud) -> list[results.Row]:
    """Return the rows of the starter and of the bare programs, measured in turn."""
    starter = lab.starter(running)
    empty, sdks = (
        stacks.Target(project=paths.ROOT / "bench" / name, stack="bench", cloud=running)
        for name in ("empty", "sdks")
    )
    for aim in (starter, empty, sdks):
        lab.up(aim)
    container = container_named(running, "homeport-staging-server")
    before = lab.connections(container)
    rounds = [(lab.up(starter), lab.up(empty), lab.up(sdks)) for _ in range(ROUNDS)]
    connections = lab.connections(container) - before
    return [
        results.median("homeport", "noop_seconds", [own for own, _, _ in rounds]),
        results.median("empty program", "noop_seconds", [floor for _, floor, _ in rounds]),
        results.median("only the SDKs", "noop_seconds", [bare for _, _, bare in rounds]),
        results.median(
            "homeport", "noop_ratio_to_empty", [own / floor for own, floor, _ in rounds], unit=""
        ),
        results.Row("homeport", "ssh_connections", connections, "", ROUNDS),
    ]


def ansible(machine: lab.Peer) -> list[results.Row]:
    """Return the row of Ansible, with pipelining and connections kept, as its users set it."""
    variables = (
        f"postgres_image={POSTGRES} ledger_image={LEDGER} database_password={os.urandom(8).hex()}"
    )
    play, env = lab.ansible(machine, PEERS / "playbook.yaml", variables)
    lab.timed(play, env=env)
    before = lab.connections(machine.container)
    times = [lab.timed(play, env=env) for _ in range(ROUNDS)]
    connections = lab.connections(machine.container) - before
    return [
        results.median("ansible", "noop_seconds", times),
        results.Row("ansible", "ssh_connections", connections, "", ROUNDS),
    ]


def compose(machine: lab.Peer, running: instance.Cloud) -> list[results.Row]:
    """Return the rows of docker compose over SSH; its proxy is left out, it stands on the host."""
    lab.stop_containers(machine)
    digests = served.digests(running)
    env = os.environ | {
        "DOCKER_HOST": f"ssh://root@{machine.address}",
        "PATH": f"{lab.ssh_wrapper(machine)}:{os.environ['PATH']}",
        "POSTGRES_IMAGE": f"postgres@{digests[f'docker.io/library/{POSTGRES}']}",
        "LEDGER_IMAGE": f"ghcr.io/homeport/ledger@{digests[LEDGER]}",
        "DATABASE_PASSWORD": os.urandom(8).hex(),
    }
    command = [str(lab.compose_binary()), "-f", str(PEERS / "compose.yaml"), "up", "--detach"]
    lab.timed(command, env=env)
    before = lab.connections(machine.container)
    times = [lab.timed(command, env=env) for _ in range(ROUNDS)]
    connections = lab.connections(machine.container) - before
    return [
        results.median("docker compose", "noop_seconds", times),
        results.Row("docker compose", "ssh_connections", connections, "", ROUNDS),
    ]


if __name__ == "__main__":
    main()
