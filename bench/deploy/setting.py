"""What all deploys have in common, ours and the peers': the app, its versions, what it is told."""

import dataclasses

SYSTEM = "debian-13"
"""Of every server."""
PYTHON = "3.13"
"""What the system has."""
PROXIES = ("caddy", "nginx")
"""What stands before the apps; each has a server of its own."""
RUNTIMES = ("docker", "quadlet", "systemd", "static")
"""What runs behind each of the proxies."""
HEALTH_PATH = "/livez"
"""The load touches no database, and so there is none."""
MEMORY_MIB = 256
START_DELAY_SECONDS = 2
"""Between an app's start and the opening of its port."""
DRAIN_SECONDS = 7
"""More than the longest response of the load takes."""
ENVIRONMENT = {
    "DATABASE_HOST": "/nowhere",
    "DATABASE_NAME": "none",
    "DATABASE_USER": "none",
    "LOG_LEVEL": "ERROR",
    "START_DELAY_SECONDS": str(START_DELAY_SECONDS),
}
BUILDS = "../../../.homeport/bench/builds"
"""Where the artefacts lie, from the program's folder."""


@dataclasses.dataclass(frozen=True, slots=True)
class Version:
    """One of the two versions that take turns."""

    name: str
    """The image's tag, and the name of the folders with its artefacts."""

    @property
    def image(self) -> str:
        """The image's reference."""
        return f"ghcr.io/homeport/ledger:{self.name}"


VERSIONS = (Version("1.0.0"), Version("1.1.0"))


def zone(proxy: str) -> str:
    """Return the zone of the stack of a proxy."""
    return f"{proxy}.example.com"


def hostname(runtime: str, proxy: str) -> str:
    """Return the site of a runtime behind a proxy."""
    return f"{runtime}.{zone(proxy)}"
