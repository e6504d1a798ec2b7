"""A second server of the local cloud that somebody else rented: Docker, a login as root."""

import dataclasses
import os
from collections.abc import Sequence

from components import keys
from homeport.cloud import foreign
from homeport.cloud.instance import Cloud
from homeport.cloud.names import WEBSITE_SERVER

NAME = WEBSITE_SERVER.partition(".")[0]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class WebsiteServer:
    """What its owner tells somebody who may use it."""

    address: str
    """Where it is."""
    host_key: str
    """The public host key."""
    private_key: str = dataclasses.field(repr=False)
    """Logs in as root."""


def read(cloud: Cloud) -> WebsiteServer | None:
    """Return the server, when the cloud has it."""
    about = foreign.kept(cloud, NAME)
    return WebsiteServer(**about) if about else None


def prepare(cloud: Cloud, hostnames: Sequence[str]) -> WebsiteServer:
    """Have the server, and names that point there.

    Raises:
        MachineryError: it did not come up.
    """
    found = read(cloud)
    if found is None or not foreign.is_there(cloud, NAME):
        found = _create(cloud)
        foreign.wait(cloud, NAME)
        foreign.keep(cloud, NAME, dataclasses.asdict(found))
    foreign.point(cloud, hostnames, found.address)
    return found


def _create(cloud: Cloud) -> WebsiteServer:
    seed, host_seed = os.urandom(32), os.urandom(32)
    host_key = keys.public_line(host_seed, NAME)
    document = {
        "disable_root": False,
        "users": [],
        "ssh_authorized_keys": [keys.public_line(seed, "owner")],
        "ssh_deletekeys": True,
        "ssh_keys": {
            "ed25519_private": keys.private_key(host_seed, NAME),
            "ed25519_public": host_key,
        },
        "package_update": True,
        "packages": ["docker.io"],
        "locale": False,
    }
    address = foreign.make(cloud, NAME, document)
    private_key = keys.private_key(seed, "owner")
    return WebsiteServer(address=address, host_key=host_key, private_key=private_key)
