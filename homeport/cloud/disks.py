"""Servers' own disks: volumes of Docker for what a container's file system cannot hold."""

import concurrent.futures
import logging

from homeport.cloud import docker
from homeport.cloud.contract import MachineryError
from homeport.cloud.instance import LABEL, Cloud

log = logging.getLogger(__name__)


class Disks:
    """The disks of one cloud's machines.

    Removing what lies on one takes seconds, and no client of the API sees it: nobody waits for it.
    What is not removed when this process ends goes with the cloud.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._cleaner = concurrent.futures.ThreadPoolExecutor(1, "disks")
        self._going: dict[str, concurrent.futures.Future[None]] = {}

    def create(self, machine: str) -> str:
        """Have a disk for a machine, an empty one if it had one before; return the volume."""
        if going := self._going.pop(machine, None):
            concurrent.futures.wait([going])
        disk = _name(machine)
        docker.run("volume", "create", *docker.labels({LABEL: self._cloud.key}), disk)
        return disk

    def remove(self, machine: str) -> None:
        """Have the disk of a machine that is gone removed; return at once."""
        self._going[machine] = self._cleaner.submit(_remove, _name(machine))


def _name(machine: str) -> str:
    return f"{machine}-docker"


def _remove(disk: str) -> None:
    try:
        docker.remove_volume(disk)
    except MachineryError:
        log.exception("the disk %s could not be removed", disk)
