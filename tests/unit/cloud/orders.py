"""What most tests of the stand-in do: order a server, and look at refusals."""

from collections.abc import Callable

import pytest
from hcloud import APIException, Client
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.server_types import ServerType
from hcloud.servers import BoundServer

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJfRZaRjU2cBO0g1bTnYcDLkKXQWQLS1C0jPcCqKBqb me"
EU = Location(name="fsn1")


def order(client: Client, name: str = "web", **more: object) -> BoundServer:
    """Create a server and wait until all of its actions have ended."""
    options = {
        "server_type": ServerType(name="cx23"),
        "image": Image(name="debian-12"),
        "location": EU,
    }
    response = client.servers.create(name=name, **(options | more))
    response.action.wait_until_finished()
    for action in response.next_actions:
        action.wait_until_finished()
    response.server.reload()
    return response.server


def code_of(request: Callable[[], object]) -> str:
    """Return the code of the error that a request gets; fail when it gets none."""
    with pytest.raises(APIException) as refused:
        request()
    return str(refused.value.code)
