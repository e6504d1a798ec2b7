import threading
from pathlib import Path

import pytest
from hcloud.firewalls import FirewallRule
from hcloud.images import Image
from hcloud.server_types import ServerType
from hcloud.zones import ZoneRecord

from homeport.cloud.api import actions
from tests.unit.cloud.machinery import MemoryMachinery
from tests.unit.cloud.orders import EU, code_of, order
from tests.unit.cloud.service import Stage


def test_everything_is_remembered_and_handed_to_the_machinery_again(
    stage: Stage, tmp_path: Path
) -> None:
    state, before, after = tmp_path / "db", MemoryMachinery(), MemoryMachinery()
    with stage.serving(state, before) as service:
        client = service.client()
        https = FirewallRule(direction="in", protocol="tcp", port="443", source_ips=["0.0.0.0/0"])
        firewall = client.firewalls.create(name="web", rules=[https]).firewall
        server = order(client, firewalls=[firewall])
        zone = client.zones.create(name="example.org", mode="primary").zone
        created = zone.create_rrset(name="www", type="A", records=[ZoneRecord("192.0.2.1")])
        created.action.wait_until_finished()
    after.servers = before.servers
    with stage.serving(state, after) as service:
        client = service.client()
        service.settle()
        found = client.servers.get_by_name("web")
        assert (found.id, found.status) == (server.id, "running")
        assert found.public_net.ipv4.ip == server.public_net.ipv4.ip
        assert after.rules == before.rules
        assert after.zones == before.zones
        assert after.called("create_server") == []
        assert code_of(lambda: order(client)) == "uniqueness_error"


def test_what_was_under_way_runs_again(stage: Stage, tmp_path: Path) -> None:
    state, before, after = tmp_path / "db", MemoryMachinery(), MemoryMachinery()
    release = before.hold("create_server")
    with stage.serving(state, before) as service:
        response = service.client().servers.create(
            name="web",
            server_type=ServerType(name="cx23"),
            image=Image(name="debian-12"),
            location=EU,
        )
        # Stopping waits for the job that runs; the ones behind it are left for the next start.
        threading.Timer(0.2, release).start()
    assert before.called("power_on") == []
    after.servers = before.servers
    with stage.serving(state, after) as service:
        client = service.client()
        start = client.actions.get_by_id(response.next_actions[0].id)
        start.wait_until_finished()
        assert client.servers.get_by_name("web").status == "running"
        assert after.called("power_on") == [(response.server.id,)]


def test_a_job_cut_off_in_the_middle_runs_again(stage: Stage, tmp_path: Path) -> None:
    state, before, after = tmp_path / "db", MemoryMachinery(), MemoryMachinery()
    with stage.serving(state, before) as service:
        client = service.client()
        server = order(client)
        release = before.hold("power_off")
        action = server.power_off()
        crashed = tmp_path / "crashed"
        # What a crash leaves behind is the file as it is while the job runs.
        for path in tmp_path.glob("db*"):
            path.with_name(path.name.replace("db", "crashed")).write_bytes(path.read_bytes())
        release()
    after.servers = before.servers
    with stage.serving(crashed, after) as service:
        client = service.client()
        client.actions.get_by_id(action.id).wait_until_finished()
        assert after.called("power_off") == [(server.id,)]
        assert client.servers.get_by_id(server.id).status == "off"


def test_actions_that_ended_long_ago_are_forgotten(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, machinery = tmp_path / "db", MemoryMachinery()
    with stage.serving(state, machinery) as service:
        server = order(service.client())
        server.power_off().wait_until_finished()
    monkeypatch.setattr(actions, "_KEPT", 1)
    with stage.serving(state, machinery) as service:
        service.settle()
        left = [action.command for action in service.client().servers.actions.get_all()]
    assert left == ["stop_server", "apply_firewall"]


def test_a_state_file_is_readable_by_its_owner_only(stage: Stage, tmp_path: Path) -> None:
    with stage.serving(tmp_path / "db", MemoryMachinery()):
        assert (tmp_path / "db").stat().st_mode & 0o777 == 0o600
