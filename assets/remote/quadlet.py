#!/usr/bin/python3 -B
"""Puts a Quadlet unit (container, network or volume) into a rootless account and starts it.

`up` may run any number of times; a container whose unit has changed is started anew. `down` needs
no `up` to have ended: it stops the unit, takes it away with what it made, and with the podman
secrets whose names begin with the unit's.
"""

import sys

import _podman
import _rootless
from _homeport import (
    Spec,
    fail,
    main,
    remove_receipt,
    sha256,
    tail,
    write_receipt,
)
from _instances import last_lines

SERVICES = {
    "container": "{}.service",
    "network": "{}-network.service",
    "volume": "{}-volume.service",
}
"""The service that the generator makes of a unit of a kind."""
IN_USE = "remove what still uses it first: `podman ps --all` as the account shows what runs"


def up(spec: Spec) -> None:
    """Write the unit and start it."""
    account, file, content = spec["account"], file_of(spec), spec["content"]
    path = _rootless.units(account) / file
    before = path.read_text() if path.exists() else None
    if spec["kind"] == "network" and before not in (None, content):
        remove_network(spec)
    write_receipt(spec, f"quadlet-{file}", receipt(spec, str(path)))
    if before != content:
        _rootless.write_unit(account, file, content)
    service = service_of(spec)
    # Of a release the unit never changes; a server of a fixed name follows its unit.
    changed = spec["kind"] == "container" and before not in (None, content)
    verb = "restart" if changed else "start"
    started = _rootless.systemctl(account, verb, service, check=False)
    if started.returncode != 0:
        said = "\n".join(
            [started.stderr, _rootless.complaints(account, file), own_lines(spec, service)]
        )
        cure = "mend the release and run `pulumi up` again"
        fail(f"{service} does not start", tail(said), cure)
    sys.stdout.write(f"started: {service}\n")


def receipt(spec: Spec, path: str) -> dict[str, object]:
    """Return what is written down: enough to find drift."""
    hash_ = sha256(spec["content"].encode())
    return {"files": [{"path": path, "sha256": hash_, "mode": "0644", "owner": spec["account"]}]}


def file_of(spec: Spec) -> str:
    """Return the unit's file name."""
    return f"{spec['name']}.{spec['kind']}"


def service_of(spec: Spec) -> str:
    """Return the name of the service that Quadlet makes of the unit."""
    return SERVICES[spec["kind"]].format(spec["name"])


def own_lines(spec: Spec, service: str) -> str:
    """Return the last lines of the unit."""
    name = service.removesuffix(".service")
    return last_lines({"kind": "podman", "name": name, "account": spec["account"]})


def down(spec: Spec) -> None:
    """Stop the unit, and remove it and what it made."""
    account, file = spec["account"], file_of(spec)
    if _rootless.known(account):
        _rootless.stop(account, service_of(spec))
        {"container": remove_container, "network": remove_network, "volume": remove_volume}[
            spec["kind"]
        ](spec)
        _rootless.remove_unit(account, file)
    remove_receipt(spec, f"quadlet-{file}")
    sys.stdout.write(f"removed: {file}\n")


def remove_container(spec: Spec) -> None:
    """Remove what is left of a container that has been stopped, and its secrets."""
    _podman.remove(spec["account"], spec["name"])


def remove_network(spec: Spec) -> None:
    """Remove a network that nothing uses any more."""
    account, name = spec["account"], spec["name"]
    _rootless.stop(account, service_of(spec))
    if _rootless.run_as(account, "podman", "network", "exists", name, check=False).returncode == 0:
        _rootless.run_as(account, "podman", "network", "rm", name, cure=IN_USE)


def remove_volume(spec: Spec) -> None:
    """Remove a volume with its data."""
    account, name = spec["account"], spec["name"]
    if _rootless.run_as(account, "podman", "volume", "exists", name, check=False).returncode == 0:
        _rootless.run_as(account, "podman", "volume", "rm", name, cure=IN_USE)


if __name__ == "__main__":
    main({"up": up, "down": down})
