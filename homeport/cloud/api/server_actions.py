"""Actions on servers: power, type, image, protection, names, networks, placement groups."""

from homeport.cloud.api import addresses, errors, primary_ips, server_jobs
from homeport.cloud.api.errors import ApiError
from homeport.cloud.api.networks import detach
from homeport.cloud.api.routing import Body, Call, Reply, Routes, refuse, shown, started
from homeport.cloud.api.server_requests import (
    UserData,
    check_sold,
    require_image,
    require_server_type,
)
from homeport.cloud.api.store import Doc

routes = Routes("/servers")


class Rebuild(Body):
    """Body of the action `rebuild`."""

    image: str | int
    user_data: UserData | None = None


class ChangeType(Body):
    """Body of the action `change_type`."""

    server_type: str | int
    upgrade_disk: bool


class Protection(Body):
    """Body of the action `change_protection`."""

    delete: bool | None = None
    rebuild: bool | None = None


class Attach(Body):
    """Body of the action `attach_to_network`."""

    network: int
    ip: str | None = None
    alias_ips: list[str] = []
    ip_range: str | None = None


class Detach(Body):
    """Body of the action `detach_from_network`."""

    network: int


class Aliases(Body):
    """Body of the action `change_alias_ips`."""

    network: int
    alias_ips: list[str]


class Group(Body):
    """Body of the action `add_to_placement_group`."""

    placement_group: int


def _unlocked(call: Call) -> Doc:
    server = call.doc("server")
    call.cloud.actions.require_unlocked("server", server["id"])
    return server


def _power(path: str, command: str) -> None:
    @routes.add("POST", f"/{{id}}/actions/{path}")
    def begin(call: Call) -> Reply:
        server = _unlocked(call)
        if server["status"] == "off" and path in ("reboot", "reset"):
            raise ApiError("server_not_running", f"server {server['id']} is off")
        args = {"id": server["id"]}
        resources = [("server", server["id"])]
        return started(call, call.cloud.actions.start(command, resources, args, job_name=path))


for _path, _command in (
    ("poweron", "start_server"),
    ("poweroff", "stop_server"),
    ("shutdown", "shutdown_server"),
    ("reboot", "reboot_server"),
    ("reset", "reset_server"),
):
    _power(_path, _command)

refuse(
    routes,
    "attach_iso",
    "detach_iso",
    "create_image",
    "enable_rescue",
    "disable_rescue",
    "request_console",
    "reset_password",
)


@routes.add("GET", "/{id}/metrics")
def metrics(call: Call) -> Reply:
    """Refuse: nothing is measured from outside."""
    call.doc("server")
    raise ApiError("unsupported_error", "metrics are not available: this is a local stand-in")


@routes.add("POST", "/{id}/actions/rebuild")
def rebuild(call: Call) -> Reply:
    """Give the server a fresh disk."""
    body, server = call.body(Rebuild), _unlocked(call)
    if server["protection"]["rebuild"]:
        raise errors.protected("server", "rebuild")
    kind = require_server_type(server["server_type"])
    image = require_image(body.image, kind.architecture)
    args = {"id": server["id"], "image": image["name"], "user_data": body.user_data}
    action = call.cloud.actions.start("rebuild_server", [("server", server["id"])], args)
    return Reply({"action": shown(call, action), "root_password": None}, 201)


@routes.add("POST", "/{id}/actions/change_type")
def change_type(call: Call) -> Reply:
    """Change processors and memory of a server that is off, and start it."""
    body, server = call.body(ChangeType), _unlocked(call)
    old, new = require_server_type(server["server_type"]), require_server_type(body.server_type)
    primary_ips.require_off(server)
    check_sold(new, server["location"])
    if new.name == old.name:
        raise ApiError("invalid_server_type", f"the server is a {new.name} already")
    if new.architecture != old.architecture:
        msg = f"{new.name} is {new.architecture}, the server is {old.architecture}"
        raise ApiError("invalid_server_type", msg)
    if new.disk < server["primary_disk_size"]:
        msg = f"{new.name} has {new.disk} GB, the server's disk is {server['primary_disk_size']} GB"
        raise ApiError("invalid_server_type", msg)
    args = {"id": server["id"], "server_type": new.name, "upgrade_disk": body.upgrade_disk}
    resources = [("server", server["id"])]
    return started(call, call.cloud.actions.start("change_server_type", resources, args))


@routes.add("POST", "/{id}/actions/change_protection")
def change_protection(call: Call) -> Reply:
    """Protect against deletion and rebuild; the two go together."""
    body, server = call.body(Protection), call.doc("server")
    new = server["protection"] | body.model_dump(exclude_none=True)
    if new["delete"] != new["rebuild"]:
        raise errors.invalid("rebuild", "delete and rebuild protection must have the same value")
    fields = {"protection": new}
    return started(
        call, call.cloud.actions.set_fields("change_protection", "server", server, fields)
    )


@routes.add("POST", "/{id}/actions/change_dns_ptr")
def change_dns_ptr(call: Call) -> Reply:
    """Set or reset the reverse name of one of the server's addresses."""
    body, server = call.body(primary_ips.Reverse), call.doc("server")
    version = "ipv6" if ":" in body.ip else "ipv4"
    ip = primary_ips.of_server(call.cloud, server["id"], version)
    if ip is None:
        raise errors.invalid("ip", f"'{body.ip}' does not belong to this server")
    shown_as = ("server", server["id"])
    return started(call, addresses.start_reverse(call.cloud, shown_as, ip, body.ip, body.dns_ptr))


@routes.add("POST", "/{id}/actions/attach_to_network")
def attach_to_network(call: Call) -> Reply:
    """Give the server an address in a private network."""
    body, server, cloud = call.body(Attach), _unlocked(call), call.cloud
    network = cloud.store.get("network", body.network)
    if network is None:
        raise errors.invalid("network", f"network {body.network} not found")
    if any(item["network"] == body.network for item in server["private_net"]):
        msg = f"server {server['id']} is attached to network {body.network} already"
        raise ApiError("server_already_attached", msg)
    number = server["id"]
    wish = body.model_dump(include={"ip", "ip_range", "alias_ips"})
    server_jobs.reserve(cloud, number, body.network, **wish)
    resources = [("server", number), ("network", body.network)]
    args = {"server": number, "network": body.network}
    return started(call, cloud.actions.start("attach_to_network", resources, args))


@routes.add("POST", "/{id}/actions/detach_from_network")
def detach_from_network(call: Call) -> Reply:
    """Take the server out of a private network."""
    body, server = call.body(Detach), _unlocked(call)
    _attachment(server, body.network)
    return started(call, detach(call.cloud, server["id"], body.network))


@routes.add("POST", "/{id}/actions/change_alias_ips")
def change_alias_ips(call: Call) -> Reply:
    """Record other alias addresses."""
    body, server = call.body(Aliases), _unlocked(call)
    _attachment(server, body.network)["alias_ips"] = body.alias_ips
    fields = {"private_net": server["private_net"]}
    return started(
        call, call.cloud.actions.set_fields("change_alias_ips", "server", server, fields)
    )


def _attachment(server: Doc, network_id: int) -> Doc:
    found = [item for item in server["private_net"] if item["network"] == network_id]
    if not found:
        msg = f"server {server['id']} is not attached to network {network_id}"
        raise errors.invalid("network", msg)
    attachment: Doc = found[0]
    return attachment


@routes.add("POST", "/{id}/actions/enable_backup")
def enable_backup(call: Call) -> Reply:
    """Record the wish for backups; the stand-in makes none."""
    server, fields = _unlocked(call), {"backup_window": "22-02"}
    return started(call, call.cloud.actions.set_fields("enable_backup", "server", server, fields))


@routes.add("POST", "/{id}/actions/disable_backup")
def disable_backup(call: Call) -> Reply:
    """Record that backups are no longer wished for."""
    server, fields = _unlocked(call), {"backup_window": None}
    return started(call, call.cloud.actions.set_fields("disable_backup", "server", server, fields))


@routes.add("POST", "/{id}/actions/add_to_placement_group")
def add_to_placement_group(call: Call) -> Reply:
    """Put a server that is off into a placement group."""
    body, server = call.body(Group), _unlocked(call)
    if call.cloud.store.get("placement_group", body.placement_group) is None:
        raise errors.invalid("placement_group", f"{body.placement_group} not found")
    primary_ips.require_off(server)
    fields = {"placement_group": body.placement_group}
    command = "add_to_placement_group"
    return started(call, call.cloud.actions.set_fields(command, "server", server, fields))


@routes.add("POST", "/{id}/actions/remove_from_placement_group")
def remove_from_placement_group(call: Call) -> Reply:
    """Take a server out of its placement group."""
    server, fields = _unlocked(call), {"placement_group": None}
    command = "remove_from_placement_group"
    return started(call, call.cloud.actions.set_fields(command, "server", server, fields))
