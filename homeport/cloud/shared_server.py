"""A server of the local cloud that belongs to somebody else, with their sites and containers on it.

Homeport did not make it: SSH listens on 22022, the login `deploy` becomes root by `su`, the login
`caretaker` by `sudo`, both with a password, and names of a stack point there already.
"""

import dataclasses
import json
import os
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hcloud
import yaml
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.server_types import ServerType
from hcloud.servers import BoundServer
from hcloud.zones import ZoneRecord

from components import keys
from homeport.cloud.contract import MachineryError
from homeport.cloud.instance import ROOT, Cloud
from homeport.cloud.names import SHARED_SERVER
from homeport.cloud.servers import container_named

NAME = SHARED_SERVER.partition(".")[0]
SCRIPTS = ROOT / "testbed" / "shared-server"
SU, SUDO = "deploy", "caretaker"
"""The accounts that become root by `su` and by `sudo`."""
_INSTALL_SECONDS = 900


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SharedServer:
    """What its owner tells somebody who may use it, and who approves plans for it."""

    address: str
    """Where it is."""
    host_key: str
    """The public host key."""
    private_key: str = dataclasses.field(repr=False)
    """Logs in to both accounts."""
    root_password: str = dataclasses.field(repr=False)
    """What `su` asks for."""
    sudo_password: str = dataclasses.field(repr=False)
    """What `sudo` asks for."""
    approver: str
    """The public key of who approves plans; the private one lies in `approver_key`."""

    def password(self, user: str) -> str:
        """Return what an account becomes root with."""
        return self.root_password if user == SU else self.sudo_password


def approver_key(cloud: Cloud) -> Path:
    """Return the file of the private key that approves."""
    return cloud.folder / NAME / "approver"


def read(cloud: Cloud) -> SharedServer | None:
    """Return the server, when the cloud has it."""
    file = _file(cloud)
    return SharedServer(**json.loads(file.read_text())) if file.exists() else None


def listing(cloud: Cloud) -> str:
    """Return everything of the owner's that could have been harmed."""
    return console(cloud, (SCRIPTS / "listing.sh").read_text())


def prepare(cloud: Cloud, hostnames: Sequence[str]) -> SharedServer:
    """Have the server, its owner's sites and containers, and names that point there.

    Raises:
        MachineryError: what its owner installs did not come up.
    """
    client = hcloud.Client(token=cloud.token, api_endpoint=cloud.endpoint, poll_interval=0.2)
    found = read(cloud)
    if found is None or client.servers.get_by_name(NAME) is None:
        _remove(cloud, client)
        found = _create(cloud, client)
        _install(cloud)
        _file(cloud).touch(mode=0o600)
        _file(cloud).write_text(json.dumps(dataclasses.asdict(found)))
    _point(client, hostnames, found.address)
    return found


def console(cloud: Cloud, script: str, line: str = "") -> str:
    """Run a shell script as root on the server, past SSH, with one line of input.

    Raises:
        MachineryError: it failed; with what it said.
    """
    argv = ["docker", "exec", "--interactive", container_named(cloud, NAME), "sh", "-c", script]
    done = subprocess.run(
        argv,
        input=f"{line}\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=_INSTALL_SECONDS,
    )
    if done.returncode != 0:
        msg = f"on {NAME}: {(done.stderr or done.stdout).strip()[-2000:]}"
        raise MachineryError(msg)
    return done.stdout


def _file(cloud: Cloud) -> Path:
    return cloud.folder / NAME / "server.json"


def _remove(cloud: Cloud, client: hcloud.Client) -> None:
    """Take away what an attempt that did not end has left."""
    _file(cloud).unlink(missing_ok=True)
    half_made = client.servers.get_by_name(NAME)
    if half_made:
        half_made.delete().wait_until_finished()


def _install(cloud: Cloud) -> None:
    # 2 says that something was odd and did no harm: passwords come after accounts here.
    console(cloud, "cloud-init status --wait >/dev/null || [ $? = 2 ]")
    console(cloud, (SCRIPTS / "install.sh").read_text(), cloud.registry_password)


def _create(cloud: Cloud, client: hcloud.Client) -> SharedServer:
    seed, host_seed = os.urandom(32), os.urandom(32)
    made = SharedServer(
        address="",
        host_key=keys.public_line(host_seed, NAME),
        private_key=keys.private_key(seed, "owner"),
        root_password=secrets.token_urlsafe(24),
        sudo_password=secrets.token_urlsafe(24),
        approver=_approver(cloud),
    )
    document = _cloud_config(made, keys.public_line(seed, "owner"), host_seed)
    answer = client.servers.create(
        name=NAME,
        server_type=ServerType(name="cx33"),
        image=Image(name="debian-12"),
        location=Location(name="fsn1"),
        user_data="#cloud-config\n" + yaml.safe_dump(document),
    )
    for action in [answer.action, *answer.next_actions]:
        action.wait_until_finished()
    return dataclasses.replace(made, address=_address(client, answer.server))


def _cloud_config(made: SharedServer, public: str, host_seed: bytes) -> dict[str, Any]:
    account = {"shell": "/bin/bash", "ssh_authorized_keys": [public]}
    return {
        "users": [
            {"name": SU, **account},
            {"name": SUDO, **account, "sudo": "ALL=(ALL) ALL", "lock_passwd": False},
        ],
        "ssh_deletekeys": True,
        "ssh_keys": {
            "ed25519_private": keys.private_key(host_seed, NAME),
            "ed25519_public": made.host_key,
        },
        "chpasswd": {
            "expire": False,
            "users": [
                {"name": "root", "password": made.root_password, "type": "text"},
                {"name": SUDO, "password": made.sudo_password, "type": "text"},
            ],
        },
        "locale": False,
    }


def _address(client: hcloud.Client, server: BoundServer) -> str:
    found = client.servers.get_by_name(str(server.name))
    if not found or not found.public_net or not found.public_net.ipv4:
        msg = f"the server {NAME} has no address"
        raise MachineryError(msg)
    return str(found.public_net.ipv4.ip)


def _approver(cloud: Cloud) -> str:
    key = approver_key(cloud)
    key.parent.mkdir(mode=0o700, exist_ok=True)
    seed = os.urandom(32)
    key.unlink(missing_ok=True)
    key.touch(mode=0o600)
    key.write_text(keys.private_key(seed, SUDO))
    return keys.public_line(seed, SUDO)


def _point(client: hcloud.Client, hostnames: Sequence[str], address: str) -> None:
    """Have each name point to an address, in the zone of the shortest of them."""
    name = min(hostnames, key=len)
    for zone in client.zones.get_all(name=name):
        zone.delete().action.wait_until_finished()
    answer = client.zones.create(name=name, mode="primary", ttl=60)
    answer.action.wait_until_finished()
    for hostname in hostnames:
        label = hostname.removesuffix(name).rstrip(".") or "@"
        records = [ZoneRecord(value=address)]
        made = answer.zone.create_rrset(name=label, type="A", ttl=60, records=records)
        made.action.wait_until_finished()
