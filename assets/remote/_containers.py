"""What the tools ask a container engine."""

import json
from pathlib import Path
from typing import Any

from _asked import Look
from _homeport import Spec, at, fail, read_receipt, run

SECRETS = "/run/secrets"
LOG_LINES = 40
EVENTS_SINCE = "10m"
"""No deploy watches a release for longer before it has ended often enough."""


def look(instance: dict[str, str]) -> Look:
    """Return how a container is."""
    found = inspect(instance["name"])
    if not found:
        return Look(there=False)
    state: dict[str, Any] = found["State"]
    running, restarts = bool(state.get("Running")), found.get("RestartCount", 0)
    again = running and restarts
    test = ((found.get("Config") or {}).get("Healthcheck") or {}).get("Test") or ["NONE"]
    inside = {"CMD-SHELL": ["/bin/sh", "-c", *test[1:]], "CMD": test[1:]}.get(test[0], [])
    return Look(
        there=True,
        running=running,
        ended=state["Status"] in ("exited", "dead"),
        restarts=restarts,
        exit_code=last_end(instance["name"]) if again else state.get("ExitCode"),
        out_of_memory=bool(state.get("OOMKilled")),
        check=["docker", "exec", instance["name"], *inside] if inside else [],
    )


def last_end(container: str) -> "int | None":
    """Return with which code a container that runs again ended last; None when nobody knows.

    Docker's state says 0 from the moment it starts the process again; its events do not.
    """
    about = ["--filter", "event=die", "--filter", f"container={container}"]
    ends = ["--since", EVENTS_SINCE, "--until", "0s"]
    shown = run(["docker", "events", *ends, *about, "--format", "{{json .}}"], check=False).stdout
    last = shown.splitlines()[-1:]
    code = json.loads(last[0])["Actor"]["Attributes"].get("exitCode", "") if last else ""
    return int(code) if code.isdigit() else None


def tell_to_go(instance: dict[str, str]) -> None:
    """Send a container its own stop signal, after which Docker does not start it again."""
    signal = (inspect(instance["name"]).get("Config") or {}).get("StopSignal") or "SIGTERM"
    # Fails when it has ended in this moment.
    run(["docker", "kill", f"--signal={signal}", instance["name"]], check=False)


def start(instance: dict[str, str]) -> None:
    """Start a container that was told to go; why it does not run, the gate finds out."""
    run(["docker", "start", instance["name"]], check=False)


def first_process(instance: dict[str, str]) -> int:
    """Return the number of a container's first process; 0 when it does not run."""
    return int((inspect(instance["name"]).get("State") or {}).get("Pid") or 0)


def read_inside(_: dict[str, str], path: str) -> str:
    """Return what a file holds, by its path below /proc: as the instance sees it."""
    return at(path).read_text(errors="replace")


def hint(instance: dict[str, str]) -> str:
    """Return what a person may type on the host to see more."""
    name = instance["name"]
    return f"look at it with `docker logs {name}` and `docker inspect {name}` on the host"


def output(instance: dict[str, str]) -> tuple[str, Path | None]:
    """Return the last lines of a container's log, and the folder of its secrets if it has one."""
    result = run(["docker", "logs", "--tail", str(LOG_LINES), instance["name"]], check=False)
    secrets = None
    for mount in inspect(instance["name"]).get("Mounts", []):
        if mount.get("Destination") == SECRETS:
            secrets = at(mount["Source"])
    return result.stdout + result.stderr, secrets


def inspect(container: str) -> dict[str, Any]:
    """Return what Docker knows of a container; empty when there is none of that name."""
    result = run(["docker", "inspect", "--type", "container", container], check=False)
    if result.returncode != 0:
        if "no such container" in result.stderr.lower():
            return {}
        fail("Docker does not answer", result.stderr, "look at `systemctl status docker`")
    found: dict[str, Any] = json.loads(result.stdout)[0]
    return found


def create_command(spec: Spec) -> list[str]:
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


def unit_text(container: Spec, spec: Spec) -> str:
    """Return the unit that runs a container to its end, and leaves nothing of it."""
    name = container["container"]
    remove = ["docker", "rm", "--force", "--volumes", name]
    connect = [["docker", "network", "connect", net, name] for net in container["networks"][1:]]
    before = [create_command(container), *connect]
    lines = [
        "[Unit]",
        f"Description={spec['step']}",
        "Requires=docker.service",
        "After=docker.service",
        "",
        "[Service]",
        "Type=oneshot",
        f"ExecStartPre=-{words(remove)}",
        *(f"ExecStartPre={words(argv)}" for argv in before),
        f"ExecStart={words(['docker', 'start', '--attach', name])}",
        f"ExecStopPost=-{words(remove)}",
        f"SyslogIdentifier={name}",
        f"TimeoutStartSec={spec['timeout_seconds']}s",
        f"TimeoutStopSec={container['stop_seconds']}s",
    ]
    return "\n".join(lines) + "\n"


def words(argv: list[str]) -> str:
    """Return a command line as a unit file has it."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "%": "%%", "$": "$$"}
    quoted = ['"' + "".join(escapes.get(c, c) for c in word) + '"' for word in argv[1:]]
    return " ".join([f"/usr/bin/{argv[0]}", *quoted])


def image_of(spec: Spec) -> str:
    """Return the image that the release was prepared with."""
    found: str = read_receipt(spec, f"image-{spec['app']}-{spec['release']}").get("id", "")
    if not found:
        fail(f"there is no image of release {spec['release']}", "", "run `pulumi refresh`, then up")
    return found
