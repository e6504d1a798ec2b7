import pytest
from hcloud import APIException, Client
from hcloud.actions import ActionFailedException
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.server_types import ServerType
from hcloud.servers import ServerCreatePublicNetwork

from tests.unit.cloud.machinery import MemoryMachinery
from tests.unit.cloud.orders import KEY, code_of, order
from tests.unit.cloud.service import Service


def test_a_server_boots_with_its_keys_user_data_and_size(
    client: Client, machinery: MemoryMachinery
) -> None:
    key = client.ssh_keys.create(name="me", public_key=KEY)
    server = order(client, ssh_keys=[key], user_data="#cloud-config\n", labels={"role": "web"})
    assert server.status == "running"
    spec = machinery.servers[server.id]
    assert (spec.name, spec.image, spec.cores, spec.memory_mib) == ("web", "debian-12", 2, 4096)
    assert spec.user_data == "#cloud-config\n"
    assert spec.ssh_keys == (KEY,)
    assert str(spec.ipv4) == server.public_net.ipv4.ip
    assert spec.ipv4 in machinery.public_network
    assert spec.ipv4 not in list(machinery.public_network)[:16]
    assert server.labels == {"role": "web"}
    assert server.location.name == "fsn1"


def test_creation_is_under_way_until_the_machinery_is_done(
    client: Client, machinery: MemoryMachinery
) -> None:
    release = machinery.hold("create_server")
    response = client.servers.create(
        name="slow", server_type=ServerType(name="cx23"), image=Image(name="debian-13")
    )
    action = client.actions.get_by_id(response.action.id)
    assert (action.status, action.command, action.finished) == ("running", "create_server", None)
    assert [item["type"] for item in action.resources] == ["server"]
    assert client.servers.get_by_id(response.server.id).status == "initializing"
    assert client.servers.get_by_id(response.server.id).locked
    assert code_of(response.server.power_off) == "locked"
    release()
    action.wait_until_finished()
    assert action.finished is not None
    for later in response.next_actions:
        later.wait_until_finished()
    assert client.servers.get_by_id(response.server.id).status == "running"


def test_a_machine_that_cannot_be_made_fails_the_action_with_the_reason(
    client: Client, machinery: MemoryMachinery
) -> None:
    machinery.fail("create_server", "no memory is left for another machine")
    response = client.servers.create(
        name="big", server_type=ServerType(name="cx53"), image=Image(name="debian-12")
    )
    with pytest.raises(ActionFailedException) as failed:
        response.action.wait_until_finished()
    assert failed.value.action.error["message"] == "no memory is left for another machine"
    with pytest.raises(ActionFailedException):
        response.next_actions[0].wait_until_finished()
    assert client.servers.get_all() == []
    assert client.primary_ips.get_all() == []
    assert machinery.called("delete_server") == [(response.server.id,)]
    machinery.failing.clear()
    assert order(client, name="big").status == "running"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"server_type": ServerType(name="cx999")}, "invalid_input"),
        ({"image": Image(name="debian-99")}, "invalid_input"),
        ({"location": Location(name="mars")}, "invalid_input"),
        ({"location": Location(name="ash")}, "invalid_input"),
        ({"server_type": ServerType(name="cx22")}, "resource_unavailable"),
        ({"server_type": ServerType(name="cax11")}, "invalid_input"),
        ({"name": "has_underscore"}, "invalid_input"),
        ({"name": "-web"}, "invalid_input"),
        ({"user_data": "x" * 32769}, "invalid_input"),
        ({"labels": {"-bad": "x"}}, "invalid_input"),
        ({"labels": {"good": "no spaces"}}, "invalid_input"),
        ({"name": "taken"}, "uniqueness_error"),
    ],
)
def test_an_order_that_the_vendor_refuses_is_refused(
    client: Client, machinery: MemoryMachinery, change: dict[str, object], code: str
) -> None:
    order(client, name="taken")
    assert code_of(lambda: order(client, **({"name": "other"} | change))) == code
    assert len(machinery.servers) == 1
    assert len(client.primary_ips.get_all()) == 2


def test_an_invalid_field_is_named_with_its_message(client: Client) -> None:
    with pytest.raises(APIException) as refused:
        order(client, name="no good")
    assert refused.value.message == "invalid input in field 'name'"
    [field] = refused.value.details["fields"]
    assert field["name"] == "name"
    assert "RFC 1123" in field["messages"][0]


def test_power_follows_the_actions(client: Client, machinery: MemoryMachinery) -> None:
    server = order(client)
    server.power_off().wait_until_finished()
    assert client.servers.get_by_id(server.id).status == "off"
    assert machinery.running == set()
    server.power_on().wait_until_finished()
    server.reboot().wait_until_finished()
    server.reset().wait_until_finished()
    server.shutdown().wait_until_finished()
    assert client.servers.get_by_id(server.id).status == "off"
    commands = [action.command for action in server.get_actions()]
    assert commands[-5:] == [
        "stop_server", "start_server", "reboot_server", "reset_server", "shutdown_server",
    ]  # fmt: skip


def test_a_machine_that_switches_itself_off_is_seen(service: Service, client: Client) -> None:
    server = order(client)
    service.app.state.power_changed(server.id, running=False)
    assert client.servers.get_by_id(server.id).status == "off"
    service.app.state.power_changed(server.id, running=True)
    assert client.servers.get_by_id(server.id).status == "running"
    service.app.state.power_changed(7, running=True)


def test_a_server_that_shall_not_start_is_off(client: Client, machinery: MemoryMachinery) -> None:
    server = order(client, start_after_create=False)
    assert server.status == "off"
    assert machinery.running == set()


def test_a_type_changes_only_on_a_server_that_is_off_and_starts_it_again(
    client: Client, machinery: MemoryMachinery
) -> None:
    server = order(client)
    bigger = ServerType(name="cx33")
    assert code_of(lambda: server.change_type(bigger, upgrade_disk=False)) == "server_not_stopped"
    server.power_off().wait_until_finished()
    server.change_type(bigger, upgrade_disk=False).wait_until_finished()
    server.reload()
    assert (server.server_type.name, server.status) == ("cx33", "running")
    assert server.primary_disk_size == 40
    assert machinery.sizes[server.id] == (4, 8192)


def test_a_disk_never_shrinks_but_a_kept_disk_lets_the_type_go_back(client: Client) -> None:
    kept, grown = order(client, name="kept"), order(client, name="grown")
    small, big = ServerType(name="cx23"), ServerType(name="cx33")
    for server, upgrade in ((kept, False), (grown, True)):
        server.power_off().wait_until_finished()
        server.change_type(big, upgrade_disk=upgrade).wait_until_finished()
        server.power_off().wait_until_finished()
    kept.change_type(small, upgrade_disk=False).wait_until_finished()
    assert client.servers.get_by_id(kept.id).server_type.name == "cx23"
    assert client.servers.get_by_id(grown.id).primary_disk_size == 80
    assert code_of(lambda: grown.change_type(small, upgrade_disk=False)) == "invalid_server_type"


def test_a_type_of_another_architecture_is_refused(client: Client) -> None:
    server = order(client)
    server.power_off().wait_until_finished()
    arm = ServerType(name="cax21")
    assert code_of(lambda: server.change_type(arm, upgrade_disk=False)) == "invalid_server_type"


def test_a_protected_server_is_neither_deleted_nor_rebuilt(client: Client) -> None:
    server = order(client)
    assert code_of(lambda: server.change_protection(delete=True)) == "invalid_input"
    server.change_protection(delete=True, rebuild=True).wait_until_finished()
    server.reload()
    assert server.protection == {"delete": True, "rebuild": True}
    assert code_of(server.delete) == "protected"
    assert code_of(lambda: server.rebuild(Image(name="debian-13"))) == "protected"
    server.change_protection(delete=False, rebuild=False).wait_until_finished()
    server.delete().wait_until_finished()


def test_a_rebuild_gives_another_image_and_keeps_id_and_address(
    client: Client, machinery: MemoryMachinery
) -> None:
    server = order(client, user_data="old")
    address = machinery.servers[server.id].ipv4
    rebuilt = server.rebuild(Image(name="debian-13"), user_data="new")
    rebuilt.action.wait_until_finished()
    server.reload()
    assert (server.image.name, server.status) == ("debian-13", "running")
    spec = machinery.servers[server.id]
    assert (spec.image, spec.user_data, spec.ipv4) == ("debian-13", "new", address)


def test_names_and_labels_change_and_names_stay_unique(client: Client) -> None:
    first, second = order(client, name="first"), order(client, name="second")
    assert code_of(lambda: second.update(name="first")) == "uniqueness_error"
    renamed = second.update(name="third", labels={"a": "b"})
    assert (renamed.name, renamed.labels) == ("third", {"a": "b"})
    assert client.servers.get_by_name("second") is None
    assert client.servers.get_by_name("first").id == first.id


def test_deletion_leaves_nothing(client: Client, machinery: MemoryMachinery) -> None:
    server = order(client)
    server.delete().wait_until_finished()
    assert machinery.leftovers() == {}
    assert client.servers.get_all() == []
    assert client.primary_ips.get_all() == []
    assert code_of(lambda: client.servers.get_by_id(server.id)) == "not_found"


def test_a_server_without_public_addresses_has_none(
    client: Client, machinery: MemoryMachinery
) -> None:
    closed = ServerCreatePublicNetwork(enable_ipv4=False, enable_ipv6=False)
    assert code_of(lambda: order(client, public_net=closed)) == "invalid_input"
    server = order(client, public_net=closed, start_after_create=False)
    assert server.public_net.ipv4 is None
    assert server.public_net.ipv6 is None
    assert machinery.servers[server.id].ipv4 is None


def test_what_is_not_there_says_so(client: Client) -> None:
    server = order(client)
    for act in (server.request_console, server.enable_rescue, server.create_image):
        with pytest.raises(APIException, match="local stand-in") as refused:
            act()
        assert refused.value.code == "unsupported_error"


def test_power_that_fails_leaves_a_status_that_can_be_acted_on(
    client: Client, machinery: MemoryMachinery
) -> None:
    server = order(client)
    machinery.fail("power_on", "no processor is left")
    server.power_off().wait_until_finished()
    with pytest.raises(ActionFailedException, match="no processor is left"):
        server.power_on().wait_until_finished()
    assert client.servers.get_by_id(server.id).status == "off"
    machinery.fail("rebuild", "no such image")
    with pytest.raises(ActionFailedException, match="no such image"):
        server.rebuild(Image(name="debian-13")).action.wait_until_finished()
    server.reload()
    assert (server.status, server.image.name) == ("unknown", "debian-12")


def test_placement_groups_know_their_servers(client: Client) -> None:
    group = client.placement_groups.create(name="apart", type="spread").placement_group
    server = order(client, placement_group=group)
    assert server.placement_group.name == "apart"
    assert client.placement_groups.get_by_id(group.id).servers == [server.id]
    assert code_of(lambda: client.placement_groups.delete(group)) == "resource_in_use"
    server.remove_from_placement_group().wait_until_finished()
    assert client.placement_groups.delete(group)
