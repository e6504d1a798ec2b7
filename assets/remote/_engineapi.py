"""Docker's own interface, for a container that is to be as another one was: all of its settings.

The command line could say them only one by one, and would forget those that it does not know.
"""

import http.client
import json
import socket
from typing import Any

from _homeport import at, fail

SOCKET = "/var/run/docker.sock"
CREATED = 201


class _Connection(http.client.HTTPConnection):
    """HTTP over Docker's socket."""

    def connect(self) -> None:
        """Connect to the socket, whatever the address says."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(at(SOCKET)))


def create(name: str, body: "dict[str, Any]") -> str:
    """Make a container of this name, not started; return its id."""
    connection = _Connection("localhost", timeout=120)
    headers = {"Content-Type": "application/json"}
    try:
        connection.request("POST", f"/containers/create?name={name}", json.dumps(body), headers)
        response = connection.getresponse()
        said = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        fail("Docker does not answer", str(error), "look at `systemctl status docker`")
    finally:
        connection.close()
    if response.status != CREATED:
        fail(f"Docker makes no container {name}", said, "mend what Docker says, then `pulumi up`")
    return str(json.loads(said)["Id"])
