"""What lets a second process of a proxy serve while the proxy itself changes (docs/switch.md).

It is the same for every stack on a host, and belongs to the proxy's units, not to a step: whoever
reloads the proxy, be it a step, certbot or a person, loses no request.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..remote import Argv, File
from ..tools import ASSETS, planted_name

FOLDER = "/usr/local/lib/homeport"
"""Holds what units of the proxy run."""
ABOUT = f"{FOLDER}/proxy.json"
"""Says what the proxy of the host is."""
RETURN = "homeport-return.service"
"""Starts the proxy again once nothing needs its old process; a stand-in serves until then."""
_RELOAD = "reload"
_PROGRAM = ("standin.py", "_standin.py", "_homeport.py", "_sockets.py")


def about(service: str, runtime_folder: str, plain_reload: Argv) -> Mapping[str, Any]:
    """Return what a stand-in has to know of a proxy.

    Args:
        service: its unit and its assets' folder.
        runtime_folder: goes with a boot; Caddy's own looks there whether it is to end connections.
        plain_reload: makes it read its configuration where nobody can stand in.
    """
    return {
        "service": service,
        "runtime_folder": runtime_folder,
        "plain_reload": list(plain_reload),
    }


def reload(service: str, runs: str) -> Argv:
    """Return what makes a proxy take its configuration, by a stand-in where there can be one.

    Args:
        service: its unit.
        runs: a path that is there once it runs as our unit says, not as its package started it.
    """
    text = (ASSETS / "standin" / "reload.sh").read_text()
    return ("sh", "-c", text, _RELOAD, service, runs)


def reloaded(argv: Sequence[str]) -> str | None:
    """Return the service that a command has reloaded, where `reload` made it; the guard asks."""
    made = len(argv) == 6 and (*argv[:2], argv[3]) == ("sh", "-c", _RELOAD)
    return argv[4] if made else None


def files(known: Mapping[str, Any]) -> Sequence[File]:
    """Return the program, what it knows of the proxy, and its units."""
    program = [
        File(
            path=f"{FOLDER}/{planted_name(name)}",
            content=(ASSETS / "remote" / name).read_text(),
            mode=0o644 if name.startswith("_") else 0o755,
        )
        for name in _PROGRAM
    ]
    told = json.dumps({**known, "system": ""}, indent=1, sort_keys=True) + "\n"
    return [
        *program,
        File(path=ABOUT, content=told),
        File(
            path="/etc/systemd/system/homeport-standin@.service",
            content=(ASSETS / known["service"] / "standin.service").read_text(),
        ),
        File(
            path=f"/etc/systemd/system/{RETURN}",
            content=(ASSETS / "standin" / "return.service").read_text(),
        ),
    ]
