"""The Docker engine: the user's where there is one, otherwise one that is started here."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from homeport.cloud import docker
from homeport.cloud.contract import MachineryError
from homeport.cloud.instance import ROOT

PACKAGES = ("docker.io", "iptables", "nftables", "debootstrap", "ca-certificates")
"""What a Debian or Ubuntu machine needs, where an engine has to be installed."""

LOG = ROOT / ".homeport" / "cloud" / "dockerd.log"
START_SECONDS = 60.0

_started: list[subprocess.Popen[bytes]] = []
"""Engines that shall outlive this process; without a reference Python warns that they still run."""


def ensure(progress: Callable[[str], None]) -> None:
    """Have a Docker engine that answers.

    An engine that is started here keeps its data where the system's Docker does, and stays when
    the cloud goes down: images and caches are of use to the next one.

    Raises:
        MachineryError: When there is none and it cannot be started by us, with what to do.
    """
    if reachable():
        return
    if os.environ.get("DOCKER_HOST"):
        msg = "DOCKER_HOST is set, but no Docker engine answers there"
        raise MachineryError(msg)
    if os.geteuid() != 0:
        msg = (
            "no Docker engine answers, and only root may start one: start Docker, or add your "
            "user to the group `docker`, then try again"
        )
        raise MachineryError(msg)
    if not (shutil.which("dockerd") and shutil.which("iptables")):
        install(*PACKAGES, progress=progress)
    progress("starting dockerd")
    _start()


def reachable() -> bool:
    """Whether a Docker engine answers."""
    return shutil.which("docker") is not None and docker.succeeds(
        "version", "--format", "{{.Server.Version}}", timeout=10
    )


def install(*packages: str, progress: Callable[[str], None]) -> None:
    """Install Debian packages on this machine.

    Raises:
        MachineryError: When this is no Debian or Ubuntu, we are not root, or apt fails.
    """
    wanted = " ".join(packages)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        msg = f"this machine lacks packages; as root: apt-get install {wanted}"
        raise MachineryError(msg)
    progress(f"installing {wanted}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for argv in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages],
    ):
        done = subprocess.run(
            argv, env=environment, capture_output=True, text=True, check=False, timeout=600
        )
        if done.returncode != 0:
            msg = f"`{' '.join(argv)}` failed: {done.stderr.strip()[-800:]}"
            raise MachineryError(msg)


def _start() -> None:
    LOG.parent.mkdir(parents=True, exist_ok=True)
    Path("/var/run/docker.pid").unlink(missing_ok=True)  # of an engine that did not end by itself
    with LOG.open("ab") as log:
        engine = subprocess.Popen(
            ["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    _started.append(engine)
    end = time.monotonic() + START_SECONDS
    while not reachable():
        if engine.poll() is not None or time.monotonic() > end:
            tail = LOG.read_text(errors="replace").strip().splitlines()[-3:]
            msg = f"dockerd does not start; see {LOG}: {' / '.join(tail)}"
            raise MachineryError(msg)
        time.sleep(0.2)
