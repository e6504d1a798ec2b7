"""The machines of the local cloud, as Docker tells of them."""

import ipaddress
import threading
from typing import Any

import pytest

from homeport.cloud import docker, servers
from homeport.cloud.disks import Disks
from homeport.cloud.instance import LABEL, Cloud

CLOUD = Cloud(
    name="unit",
    public_network=ipaddress.IPv4Network("198.18.0.0/24"),
    port=1,
    token="t" * 64,
    registry_password="p" * 32,
)


def machine(number: int, network: str, address: str | None) -> dict[str, Any]:
    settings = {"IPAMConfig": {"IPv4Address": address}} if address else {"IPAMConfig": None}
    return {
        "Config": {"Labels": {f"{LABEL}.server": str(number)}},
        "NetworkSettings": {"Networks": {network: settings}},
    }


def test_a_machine_that_goes_while_addresses_are_asked_for_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    public = CLOUD.named("public")
    there = {
        "a": machine(1, public, "198.18.0.16"),
        "b": None,
        "c": machine(3, "none", "198.18.0.17"),
        "d": machine(4, public, None),
        "e": machine(5, public, "198.18.0.18"),
    }
    monkeypatch.setattr(docker, "run", lambda *_: "\n".join(there))
    monkeypatch.setattr(docker, "inspect", lambda _, name: there[name])
    addresses = servers.Servers(CLOUD, {}).addresses()
    assert addresses == {1: "198.18.0.16", 5: "198.18.0.18"}


def test_a_machine_gets_its_disk_once_the_one_before_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []
    begun, may_end = threading.Event(), threading.Event()

    def remove(*_: str) -> None:
        begun.set()
        assert may_end.wait(10)
        seen.append("removed")

    monkeypatch.setattr(docker, "remove_volume", remove)
    monkeypatch.setattr(docker, "run", lambda *_: seen.append("created"))
    disks = Disks(CLOUD)
    disks.remove("machine")
    assert begun.wait(10)
    assert seen == [], "whoever deletes a machine does not wait for its disk"
    assert disks.create("another") == "another-docker"
    making = threading.Thread(target=disks.create, args=["machine"])
    making.start()
    may_end.set()
    making.join(10)
    assert seen == ["created", "removed", "created"]
