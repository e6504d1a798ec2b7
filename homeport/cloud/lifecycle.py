"""Starting and ending a cloud: what `homeport cloud up`, `down` and `reset` do."""

import concurrent.futures
import contextlib
import fcntl
import shutil
from collections.abc import Callable, Iterator

from homeport.cloud import daemon, docker, images, parts, process, served, services, volumes
from homeport.cloud.instance import LABEL, Cloud, allocate, folder_of
from homeport.cloud.machinery import DockerMachinery
from homeport.cloud.warden import Warden

Progress = Callable[[str], None]


def up(name: str, progress: Progress = lambda _text: None) -> Cloud:
    """Have the instance of that name running and return it; what is unchanged is not touched.

    Raises:
        MachineryError: With what failed and what to look at.
    """
    daemon.ensure(progress)
    with one_at_a_time(progress), concurrent.futures.ThreadPoolExecutor(1) as beside:
        images.bases(progress)
        listed = beside.submit(served.build_all, progress)
        built = images.ensure(progress)
        cloud = allocate(name)
        progress("starting DNS, registry, ACME")
        new_root = services.up(cloud, built)
        served.ensure(cloud, built["edge"], listed.result(), progress)
    progress("starting the API")
    if new_root or not process.current(cloud):
        process.stop(cloud)
        DockerMachinery(cloud, built).restore()
        process.start(cloud)
    return cloud


@contextlib.contextmanager
def one_at_a_time(progress: Progress) -> Iterator[None]:
    """Keep two starts of one checkout from building the same images or taking the same network."""
    path = folder_of("lock").with_suffix(".file")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another cloud that is being started")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def down(cloud: Cloud, progress: Progress = lambda _text: None) -> None:
    """End an instance: servers, networks, volumes, rules, devices and processes go, and its state.

    Images and what was fetched stay for the next one.
    """
    progress("stopping the API")
    process.stop(cloud)
    if daemon.reachable():
        progress("removing servers and services")
        _remove(cloud)
    shutil.rmtree(folder_of(cloud.name), ignore_errors=True)


def _remove(cloud: Cloud) -> None:
    warden = cloud.named("warden")
    rest = [c for c in docker.names("container", f"{LABEL}={cloud.key}") if c != warden]
    docker.remove_container(*rest)
    if docker.succeeds("exec", warden, "true"):
        volumes.close_all(cloud)
        table = f"homeport_{cloud.short}"
        text = f"table inet {table}\ndelete table inet {table}\n"
        docker.run("exec", "--interactive", warden, "nft", "-f", "-", stdin=text)
        Warden(cloud).remove_branches(f"{cloud.key}-server-*")
    services.down(cloud)


def reset(cloud: Cloud, progress: Progress = lambda _text: None) -> Cloud:
    """End an instance and start it again, empty; its addresses tend to stay."""
    down(cloud, progress)
    return up(cloud.name, progress)


def purge() -> None:
    """Remove images and caches, which all instances share."""
    images.purge()
    docker.remove_volume(parts.REGISTRY_VOLUME, parts.PACKAGES_VOLUME)
