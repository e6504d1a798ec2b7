"""A server of the local cloud that belongs to somebody else, with their sites and containers on it.

Homeport did not make it: SSH listens on 22022, the login `deploy` becomes root by `su`, the login
`caretaker` by `sudo`, both with a password, and names of a stack point there already.
"""

import dataclasses
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components import keys
from homeport.cloud import foreign
from homeport.cloud.instance import ROOT, Cloud
from homeport.cloud.names import SHARED_SERVER

NAME = SHARED_SERVER.partition(".")[0]
SCRIPTS = ROOT / "testbed" / "shared-server"
SU, SUDO = "deploy", "caretaker"
"""The accounts that become root by `su` and by `sudo`."""


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
    about = foreign.kept(cloud, NAME)
    return SharedServer(**about) if about else None


def listing(cloud: Cloud) -> str:
    """Return everything of the owner's that could have been harmed."""
    return console(cloud, (SCRIPTS / "listing.sh").read_text())


def prepare(cloud: Cloud, hostnames: Sequence[str]) -> SharedServer:
    """Have the server, its owner's sites and containers, and names that point there.

    Raises:
        MachineryError: what its owner installs did not come up.
    """
    found = read(cloud)
    if found is None or not foreign.is_there(cloud, NAME):
        found = _create(cloud)
        foreign.wait(cloud, NAME)
        console(cloud, (SCRIPTS / "install.sh").read_text(), cloud.registry_password)
        foreign.keep(cloud, NAME, dataclasses.asdict(found))
    foreign.point(cloud, hostnames, found.address)
    return found


def console(cloud: Cloud, script: str, line: str = "") -> str:
    """Run a shell script as root on the server, past SSH, with one line of input.

    Raises:
        MachineryError: it failed; with what it said.
    """
    return foreign.console(cloud, NAME, script, line)


def _create(cloud: Cloud) -> SharedServer:
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
    return dataclasses.replace(made, address=foreign.make(cloud, NAME, document))


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


def _approver(cloud: Cloud) -> str:
    key = approver_key(cloud)
    key.parent.mkdir(mode=0o700, exist_ok=True)
    seed = os.urandom(32)
    key.unlink(missing_ok=True)
    key.touch(mode=0o600)
    key.write_text(keys.private_key(seed, SUDO))
    return keys.public_line(seed, SUDO)
