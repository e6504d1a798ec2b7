"""Clouds run side by side and leave nothing behind."""

import os
import subprocess
from collections.abc import Iterator

import httpx
import pytest
from hcloud import Client
from hcloud.images import Image

from homeport.cloud import docker, images, lifecycle, process, vendor
from homeport.cloud.instance import LABEL, Cloud, folder_of
from tests.e2e.conftest import type_of

pytestmark = pytest.mark.e2e


def traces(cloud: Cloud) -> dict[str, str]:
    """Return everything on this machine that carries the mark of a cloud."""
    found = {
        kind: " ".join(docker.names(kind, f"{LABEL}={cloud.key}"))
        for kind in ("container", "network", "volume")
    }
    listings = {
        "rules": ["nft", "list", "tables"],
        "links": ["ip", "-brief", "link"],
        "devices": ["losetup", "--noheadings", "--list", "--output", "BACK-FILE"],
        "processes": ["ps", "-eo", "args"],
        "mounts": ["findmnt", "--noheadings", "--output", "TARGET"],
        "cgroups": ["find", "/sys/fs/cgroup", "-maxdepth", "2", "-name", f"{cloud.key}*"],
    }
    for kind, argv in listings.items():
        printed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        marks = (cloud.key, cloud.short, str(cloud.folder), f"homeport.cloud.serve\0{cloud.name}")
        lines = [line for line in printed.splitlines() if any(mark in line for mark in marks)]
        found[kind] = " ".join(lines)
    return {kind: text for kind, text in found.items() if text}


@pytest.fixture(scope="module")
def other() -> Iterator[Cloud]:
    started = lifecycle.up(f"side-{os.getpid()}")
    yield started
    lifecycle.down(started)


def test_two_clouds_run_side_by_side(cloud: Cloud, other: Cloud, client: Client) -> None:
    beside = vendor.client(other)
    assert not cloud.public_network.overlaps(other.public_network)
    assert beside.servers.get_all() == []
    answer = beside.zones.create(name="beside.example", mode="primary")
    answer.action.wait_until_finished()
    assert "beside.example" not in [zone.name for zone in client.zones.get_all()]
    assert other.resolve("beside.example", "SOA")
    with pytest.raises(Exception, match="unauthorized"):
        Client(token=cloud.token, api_endpoint=other.endpoint).servers.get_all()
    network = beside.networks.create("inside", "10.7.0.0/16")
    assert network.ip_range == "10.7.0.0/16"


def test_a_second_up_changes_nothing_and_builds_nothing(other: Cloud) -> None:
    started = {
        name: (docker.inspect("container", name) or {})["State"]["StartedAt"]
        for name in docker.names("container", f"{LABEL}={other.key}")
    }
    said: list[str] = []
    assert lifecycle.up(other.name, said.append) == other
    assert not [text for text in said if text.startswith(("building", "serving"))]
    for name, moment in started.items():
        assert (docker.inspect("container", name) or {})["State"]["StartedAt"] == moment


def test_the_state_outlives_the_apis_process(other: Cloud) -> None:
    beside = vendor.client(other)
    zones = [zone.name for zone in beside.zones.get_all()]
    process.stop(other)
    with pytest.raises(httpx.ConnectError):
        httpx.get(other.endpoint, trust_env=False)
    lifecycle.up(other.name)
    assert [zone.name for zone in beside.zones.get_all()] == zones


def test_down_leaves_nothing(other: Cloud) -> None:
    beside = vendor.client(other)
    answer = beside.servers.create("one", type_of, Image(name="debian-13"))
    for action in [answer.action, *answer.next_actions]:
        action.wait_until_finished()
    volume = beside.volumes.create(
        size=10, name="data", server=answer.server, format="ext4", automount=True
    )
    volume.action.wait_until_finished()
    there = traces(other)
    assert {"container", "network", "volume", "rules", "links", "devices", "cgroups"} <= set(there)
    lifecycle.down(other)
    assert traces(other) == {}
    assert not folder_of(other.name).exists()
    assert docker.inspect("image", images.ensure(print)["debian-13"])
