"""The tool `route` where no rule of nftables may be written: real links, a fake systemctl."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.processes.test_route_tool import CONTAINER, RUNNING, listening, release, spec
from tests.processes.tool_runner import Machine

# Keeps what is enabled as systemd does, and answers by it.
SYSTEMCTL = """\
#!{python}
import pathlib, sys
wants = pathlib.Path({root!r}, "etc/systemd/system/sockets.target.wants")
wants.mkdir(parents=True, exist_ok=True)
verb, unit = sys.argv[1], wants / sys.argv[-1]
with pathlib.Path({log!r}).open("a") as log:
    log.write(f"{{verb}} {{unit.name}}\\n")
if verb == "enable":
    unit.symlink_to("/etc/systemd/system/of-template")
elif verb != "stop":
    sys.exit(0 if unit.is_symlink() else 3)
"""
NO_NFT = '#!/bin/sh\necho "nft $*" >>{log}\nexit 1\n'


class LinkedMachine(Machine):
    """A machine whose systemctl keeps sockets, and whose nft only tells that it was called."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.set_docker({"containers": {CONTAINER: RUNNING}})
        self._log = root.parent / "calls"
        self._log.touch()
        self._folder = root.parent / "commands"
        self._folder.mkdir()
        self._add("systemctl", SYSTEMCTL)
        self.environment["PATH"] = f"{self._folder}:{self._fakes}:/usr/bin:/bin"

    @property
    def _fakes(self) -> Path:
        return Path(__file__).parent / "fakes"

    def _add(self, name: str, text: str) -> None:
        file = self._folder / name
        filled = text.format(python=sys.executable, root=str(self.root), log=str(self._log))
        file.write_text(filled)
        file.chmod(0o755)

    def forbid_nft(self) -> None:
        self._add("nft", NO_NFT)

    @property
    def changes(self) -> list[str]:
        lines = self._log.read_text().splitlines()
        return [line for line in lines if not line.startswith("is-")]

    @property
    def links(self) -> dict[int, str]:
        folder = self.root / "opt/homeport/links"
        return {int(path.name): str(path.readlink()) for path in folder.glob("[0-9]*")}


@pytest.fixture
def machine(tmp_path: Path) -> LinkedMachine:
    made = LinkedMachine(tmp_path / "root")
    made.forbid_nft()
    return made


def linked(server: Any, stable: int, **changes: Any) -> dict[str, Any]:
    return {**spec(server, stable, **changes), "switched_by": "links"}


def socket(port: int) -> str:
    return f"/run/homeport-release/{port}.sock"


# The fake systemctl starts nothing, so here the stable port is the port of whoever should answer.
def test_a_healthy_release_gets_the_traffic_by_a_link_that_stays_for_the_next_boot(
    machine: LinkedMachine,
) -> None:
    with release() as server:
        listening(machine, server.port)
        ended = machine.run("route", "up", linked(server, server.port))
        assert (ended.code, ended.err) == (0, "")
        assert machine.links == {server.port: socket(server.port)}
        assert ended.report["switched_by"] == "links"
        # The release's socket listens before the link leads there, and the link before its port.
        assert machine.changes == [
            f"enable homeport-release@{server.port}.socket",
            f"enable homeport-stable@{server.port}.socket",
        ]
        again = machine.run("route", "up", linked(server, server.port))
    assert again.code == 0
    assert again.report["before"] == server.port
    assert len(machine.changes) == 2, "what listens is left alone"


def test_our_own_socket_at_the_stable_port_is_not_taken_for_somebody_elses(
    machine: LinkedMachine,
) -> None:
    with release() as server, release() as stable:
        machine.write("/etc/systemd/system/sockets.target.wants/x", "")
        listening(machine, server.port, stable.port)
        theirs = machine.run("route", "up", linked(server, stable.port))
        assert "something else listens" in theirs.err
        unit = f"homeport-stable@{stable.port}.socket"
        wants = machine.root / "etc/systemd/system/sockets.target.wants"
        (wants / unit).symlink_to("/etc/systemd/system/of-template")
        ours = machine.run("route", "up", linked(server, stable.port))
    assert (ours.code, ours.err) == (0, "")


def test_a_release_that_does_not_arrive_at_the_stable_port_loses_it_again(
    machine: LinkedMachine,
) -> None:
    with release() as server, release("aaaa1111") as old:
        listening(machine, old.port)
        known = {**linked(old, old.port), "release": "aaaa1111"}
        assert machine.run("route", "up", known).code == 0
        listening(machine, server.port)
        ended = machine.run("route", "up", linked(server, old.port))
    assert ended.code == 1
    assert "gave an answer of release aaaa1111" in ended.err
    assert "look at the proxy and at `ls -l /opt/homeport/links`" in ended.err
    assert machine.links == {old.port: socket(old.port)}


def test_a_live_release_that_goes_hands_over_and_its_socket_goes_when_it_has_drained(
    machine: LinkedMachine,
) -> None:
    machine.write_receipt("site-shop", {"meta": {"ports": [10007], "hostnames": ["shop.test"]}})
    with release("aaaa1111") as good, release() as server:
        for each in (good, server):
            listening(machine, each.port)
            known = {**linked(each, each.port), "release": each.release}
            assert machine.run("route", "up", known).code == 0
        folder = machine.root / "opt/homeport/links"
        (folder / "10007").symlink_to(socket(server.port))
        machine.write_receipt("route-web-aaaa1111", {**known, "release": "none"})
        alone = machine.run("route", "down", linked(server, 10007))
        assert "release bbbb2222 of web serves shop.test" in alone.err
        taking = {**linked(good, 10007), "release": "aaaa1111"}
        machine.write_receipt("route-web-aaaa1111", taking)
        ended = machine.run("route", "down", linked(server, 10007))
    assert ended.code == 0, ended.err
    assert machine.links[10007] == socket(good.port)
    assert machine.changes[-1] == f"stop homeport-release@{server.port}.socket"


def test_going_takes_the_last_link_and_leaves_nothing_behind(machine: LinkedMachine) -> None:
    with release() as server:
        listening(machine, server.port)
        machine.run("route", "up", linked(server, server.port))
        ended = machine.run("route", "down", linked(server, server.port))
    assert ended.code == 0
    assert machine.changes[2:] == [
        f"stop homeport-stable@{server.port}.socket",
        f"stop homeport-release@{server.port}.socket",
    ]
    assert not (machine.root / "opt/homeport/links").exists()
    assert not [line for line in machine.changes if line.startswith("nft")]


def test_a_tool_that_is_told_nothing_looks_what_the_host_is_prepared_for(
    machine: LinkedMachine,
) -> None:
    machine.write("/etc/systemd/system/homeport-stable@.socket", "")
    ports = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "20123"}]}
    about = {
        "Config": {"Labels": {"homeport.system": "shop-staging"}},
        "HostConfig": {"PortBindings": ports, "NetworkMode": "bridge"},
        "Image": "sha256:0123",
    }
    machine.set_docker({"answers": {"container inspect": [0, json.dumps([about])]}})
    asked = {"kind": "container", "name": CONTAINER}
    folder = machine.root / "opt/homeport/links"
    folder.mkdir(parents=True)
    (folder / "10007").symlink_to(socket(20123))
    ended = machine.run("leftover", "up", asked)
    assert f"{CONTAINER} serves, but the stack's state does not know it" in ended.err
    (folder / "10007").unlink()
    assert machine.run("leftover", "up", asked).code == 0
    assert not [line for line in machine.changes if line.startswith("nft")]


def test_a_host_changes_from_the_map_to_links_and_back_with_the_traffic_led_all_the_time(
    tmp_path: Path,
) -> None:
    machine = LinkedMachine(tmp_path / "root")
    with release() as server:
        listening(machine, server.port)
        assert machine.run("route", "up", spec(server, server.port)).code == 0
        assert machine.routes() == {server.port: server.port}
        to_links = machine.run("route", "up", linked(server, server.port))
        assert to_links.report["before"] == server.port
        assert machine.links == {server.port: socket(server.port)}
        assert machine.routes() is None
        assert not (machine.stack / "nft/routes.nft").exists()
        back = machine.run("route", "up", spec(server, server.port))
        assert back.report["before"] == server.port
        assert machine.routes() == {server.port: server.port}
        assert machine.links == {}
        assert machine.run("route", "down", spec(server, server.port)).code == 0
    assert not list((machine.root / "etc/systemd/system/sockets.target.wants").iterdir())
