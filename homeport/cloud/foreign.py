"""Servers of the local cloud that somebody else made, as a stack finds them, by their names."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.server_types import ServerType
from hcloud.zones import ZoneRecord

from homeport.cloud.contract import MachineryError
from homeport.cloud.instance import Cloud
from homeport.cloud.servers import container_named
from homeport.cloud.vendor import client

_SECONDS = 900


def kept(cloud: Cloud, name: str) -> dict[str, Any] | None:
    """Return what is known of a server, None when it was not finished."""
    file = _file(cloud, name)
    found: dict[str, Any] | None = json.loads(file.read_text()) if file.exists() else None
    return found


def keep(cloud: Cloud, name: str, about: Mapping[str, Any]) -> None:
    """Remember a server that is finished; for its owner alone."""
    _file(cloud, name).touch(mode=0o600)
    _file(cloud, name).write_text(json.dumps(about))


def is_there(cloud: Cloud, name: str) -> bool:
    """Return whether a server is finished, and still there."""
    return kept(cloud, name) is not None and client(cloud).servers.get_by_name(name) is not None


def make(cloud: Cloud, name: str, document: Mapping[str, Any]) -> str:
    """Make a Debian 12 server by a cloud-init document, in place of one that was not finished.

    Returns its address.

    Raises:
        MachineryError: it got none.
    """
    _file(cloud, name).unlink(missing_ok=True)
    _file(cloud, name).parent.mkdir(mode=0o700, exist_ok=True)
    asked = client(cloud)
    half_made = asked.servers.get_by_name(name)
    if half_made:
        half_made.delete().wait_until_finished()
    answer = asked.servers.create(
        name=name,
        server_type=ServerType(name="cx33"),
        image=Image(name="debian-12"),
        location=Location(name="fsn1"),
        user_data="#cloud-config\n" + yaml.safe_dump(dict(document)),
    )
    for action in [answer.action, *answer.next_actions]:
        action.wait_until_finished()
    found = asked.servers.get_by_name(name)
    if not found or not found.public_net or not found.public_net.ipv4:
        msg = f"the server {name} has no address"
        raise MachineryError(msg)
    return str(found.public_net.ipv4.ip)


def wait(cloud: Cloud, name: str) -> None:
    """Return once a new server has done what its document says."""
    # 2 says that something was odd and did no harm: passwords come after accounts here.
    console(cloud, name, "cloud-init status --wait >/dev/null || [ $? = 2 ]")


def console(cloud: Cloud, name: str, script: str, line: str = "") -> str:
    """Run a shell script as root on a server, past SSH, with one line of input.

    Raises:
        MachineryError: it failed; with what it said.
    """
    argv = ["docker", "exec", "--interactive", container_named(cloud, name), "sh", "-c", script]
    done = subprocess.run(
        argv, input=f"{line}\n", capture_output=True, text=True, check=False, timeout=_SECONDS
    )
    if done.returncode != 0:
        msg = f"on {name}: {(done.stderr or done.stdout).strip()[-2000:]}"
        raise MachineryError(msg)
    return done.stdout


def point(cloud: Cloud, hostnames: Sequence[str], address: str) -> None:
    """Have each name point to an address, in the zone of the shortest of them."""
    asked, name = client(cloud), min(hostnames, key=len)
    for zone in asked.zones.get_all(name=name):
        zone.delete().action.wait_until_finished()
    answer = asked.zones.create(name=name, mode="primary", ttl=60)
    answer.action.wait_until_finished()
    for hostname in hostnames:
        label = hostname.removesuffix(name).rstrip(".") or "@"
        records = [ZoneRecord(value=address)]
        made = answer.zone.create_rrset(name=label, type="A", ttl=60, records=records)
        made.action.wait_until_finished()


def _file(cloud: Cloud, name: str) -> Path:
    return cloud.folder / name / "server.json"
