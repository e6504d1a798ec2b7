import pytest
from hcloud import Client
from hcloud.actions import ActionFailedException
from hcloud.locations import Location
from hcloud.volumes import BoundVolume

from tests.unit.cloud.machinery import MemoryMachinery
from tests.unit.cloud.orders import EU, code_of, order
from tests.unit.cloud.service import Service


def make(client: Client, name: str = "data", **more: object) -> BoundVolume:
    if "server" not in more:
        more.setdefault("location", EU)
    response = client.volumes.create(name=name, size=10, **more)
    response.action.wait_until_finished()
    for action in response.next_actions:
        action.wait_until_finished()
    response.volume.reload()
    return response.volume


def test_a_volume_is_made_grown_and_destroyed(client: Client, machinery: MemoryMachinery) -> None:
    volume = make(client, format="ext4")
    assert (volume.status, volume.size, volume.format, volume.server) == (
        "available", 10, "ext4", None,
    )  # fmt: skip
    assert volume.linux_device == f"/dev/disk/by-id/scsi-0HC_Volume_{volume.id}"
    assert code_of(lambda: volume.resize(10)) == "invalid_input"
    volume.resize(20).wait_until_finished()
    assert machinery.volumes == {volume.id: 20}
    assert client.volumes.get_by_id(volume.id).size == 20
    volume.delete()
    assert machinery.leftovers() == {}


def test_a_volume_that_cannot_be_made_is_gone(client: Client, machinery: MemoryMachinery) -> None:
    server = order(client)
    machinery.fail("create_volume", "the disk is full")
    response = client.volumes.create(name="data", size=10, server=server)
    with pytest.raises(ActionFailedException, match="the disk is full"):
        response.action.wait_until_finished()
    with pytest.raises(ActionFailedException, match="failed before"):
        response.next_actions[0].wait_until_finished()
    assert client.volumes.get_all() == []
    assert machinery.called("attach_volume") == []


def test_a_volume_goes_to_one_server_at_a_time(client: Client, machinery: MemoryMachinery) -> None:
    server, other = order(client), order(client, name="other")
    volume = make(client)
    volume.attach(server, automount=True).wait_until_finished()
    assert machinery.called("attach_volume") == [(volume.id, server.id, True)]
    assert [item.id for item in client.servers.get_by_id(server.id).volumes] == [volume.id]
    assert code_of(lambda: volume.attach(other)) == "volume_already_attached"
    assert code_of(volume.delete) == "resource_in_use"
    volume.detach().wait_until_finished()
    assert machinery.attached == {}
    volume.attach(other).wait_until_finished()
    assert client.volumes.get_by_id(volume.id).server.id == other.id


def test_a_volume_made_for_a_server_is_attached_to_it(
    client: Client, machinery: MemoryMachinery
) -> None:
    server = order(client)
    volume = make(client, server=server, automount=True, format="xfs")
    assert machinery.attached == {volume.id: server.id}
    assert volume.location.name == "fsn1"


def test_a_server_is_ordered_with_volumes(client: Client, machinery: MemoryMachinery) -> None:
    volume = make(client)
    server = order(client, volumes=[volume])
    assert machinery.attached == {volume.id: server.id}


def test_a_volume_stays_when_its_server_goes(client: Client, machinery: MemoryMachinery) -> None:
    volume = make(client)
    order(client, volumes=[volume]).delete().wait_until_finished()
    assert machinery.leftovers() == {"volumes": {volume.id: 10}}
    assert client.volumes.get_by_id(volume.id).server is None


def test_a_volume_elsewhere_is_refused(client: Client) -> None:
    server = order(client)
    volume = make(client, location=Location(name="nbg1"))
    assert code_of(lambda: volume.attach(server)) == "invalid_input"
    assert code_of(lambda: order(client, name="b", volumes=[volume])) == "invalid_input"


def test_a_volume_needs_a_place_a_size_and_a_name_of_its_own(
    service: Service, client: Client
) -> None:
    with service.http() as http:
        nowhere = http.post("/v1/volumes", json={"name": "x", "size": 10})
    assert (nowhere.status_code, nowhere.json()["error"]["code"]) == (422, "invalid_input")
    assert code_of(lambda: client.volumes.create(name="x", size=9, location=EU)) == "invalid_input"
    make(client, "data")
    assert code_of(lambda: make(client, "data")) == "uniqueness_error"
    assert code_of(lambda: make(client, "odd", format="ntfs")) == "invalid_input"


def test_a_protected_volume_stays(client: Client) -> None:
    volume = make(client)
    volume.change_protection(delete=True).wait_until_finished()
    assert code_of(volume.delete) == "protected"


def test_a_busy_volume_is_locked(client: Client, machinery: MemoryMachinery) -> None:
    volume = make(client)
    release = machinery.hold("resize_volume")
    action = volume.resize(30)
    assert code_of(lambda: volume.resize(40)) == "locked"
    assert code_of(volume.delete) == "locked"
    release()
    action.wait_until_finished()
    assert machinery.volumes == {volume.id: 30}


def test_a_deletion_that_fails_is_an_error_and_the_volume_stays(
    client: Client, machinery: MemoryMachinery
) -> None:
    volume = make(client)
    machinery.fail("delete_volume", "device busy")
    assert code_of(volume.delete) == "server_error"
    assert client.volumes.get_by_id(volume.id).name == "data"
