import pytest
from hcloud import Client
from hcloud.actions import ActionFailedException
from hcloud.locations import Location
from hcloud.storage_box_types import StorageBoxType
from hcloud.storage_boxes import BoundStorageBox, StorageBoxAccessSettings

from tests.unit.cloud.machinery import MemoryMachinery
from tests.unit.cloud.orders import EU, KEY, code_of
from tests.unit.cloud.service import Service

PASSWORD = "Correct-Horse-42"


def make(client: Client, **more: object) -> BoundStorageBox:
    options = {
        "name": "backups",
        "password": PASSWORD,
        "location": EU,
        "storage_box_type": StorageBoxType(name="bx11"),
    }
    response = client.storage_boxes.create(**(options | more))
    response.action.wait_until_finished()
    response.storage_box.reload()
    return response.storage_box


def test_a_box_is_an_account_with_a_host(client: Client, machinery: MemoryMachinery) -> None:
    settings = StorageBoxAccessSettings(ssh_enabled=True, reachable_externally=True)
    box = make(client, ssh_keys=[KEY], access_settings=settings, labels={"a": "b"})
    assert machinery.boxes == {box.id: (box.username, PASSWORD, (KEY,))}
    assert (box.status, box.server) == ("active", f"{box.username}.storage.test")
    assert box.access_settings.ssh_enabled is True
    assert box.access_settings.samba_enabled is False
    box.reset_password("Another-Horse-43").wait_until_finished()
    assert machinery.boxes[box.id][1] == "Another-Horse-43"
    box.delete().action.wait_until_finished()
    assert machinery.leftovers() == {}
    assert client.storage_boxes.get_all() == []


def test_the_password_is_not_kept(service: Service, client: Client) -> None:
    make(client)
    kept = b"".join(path.read_bytes() for path in service.state.parent.iterdir())
    assert b"backups" in kept
    with service.http() as http:
        shown = http.get("/v1/actions").text + http.get("/v1/storage_boxes").text
    assert PASSWORD not in shown


def test_a_box_that_fails_is_gone_and_a_password_that_fails_costs_nothing(
    client: Client, machinery: MemoryMachinery
) -> None:
    machinery.fail("create_storage_box", "no account is left")
    with pytest.raises(ActionFailedException, match="no account is left"):
        make(client)
    assert client.storage_boxes.get_all() == []
    machinery.failing.clear()
    box = make(client)
    machinery.fail("create_storage_box", "the file is read-only")
    with pytest.raises(ActionFailedException, match="the file is read-only"):
        box.reset_password("Another-Horse-43").wait_until_finished()
    assert machinery.boxes[box.id][1] == PASSWORD
    assert client.storage_boxes.get_by_id(box.id).status == "active"


def test_what_the_vendor_refuses_is_refused(client: Client) -> None:
    for wrong in (
        {"password": "short"},
        {"ssh_keys": ["not a key"]},
        {"location": Location(name="mars")},
        {"storage_box_type": StorageBoxType(name="bx99")},
    ):
        assert code_of(lambda wrong=wrong: make(client, **wrong)) == "invalid_input"
    make(client)
    assert code_of(lambda: make(client)) == "uniqueness_error"


def test_a_box_is_protected_and_changed(client: Client) -> None:
    box = make(client)
    box.change_protection(delete=True).wait_until_finished()
    assert code_of(box.delete) == "protected"
    box.change_type(StorageBoxType(name="bx21")).wait_until_finished()
    box.update_access_settings(StorageBoxAccessSettings(webdav_enabled=True)).wait_until_finished()
    box.reload()
    assert box.storage_box_type.name == "bx21"
    assert box.access_settings.webdav_enabled is True
    assert box.update(name="other").name == "other"
    assert box.get_snapshot_all() == []
    assert code_of(box.create_snapshot) == "unsupported_error"
