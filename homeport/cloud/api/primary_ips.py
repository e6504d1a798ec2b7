"""Primary IPs: public addresses that outlive servers."""

import ipaddress
from typing import Literal

from homeport.cloud.api import addresses, errors, places
from homeport.cloud.api.actions import Progress, job
from homeport.cloud.api.clock import now
from homeport.cloud.api.cloud import Cloud
from homeport.cloud.api.errors import ApiError
from homeport.cloud.api.labels import Labels
from homeport.cloud.api.routing import (
    Body,
    Call,
    Kind,
    Reply,
    Routes,
    action_routes,
    get_routes,
    patched,
    shown,
    started,
)
from homeport.cloud.api.store import Doc

_FIELDS = (
    "id", "name", "type", "ip", "labels", "protection", "dns_ptr", "assignee_id",
    "assignee_type", "auto_delete", "created",
)  # fmt: skip


class Create(Body):
    """Body of `POST /primary_ips`."""

    name: str
    type: Literal["ipv4", "ipv6"]
    assignee_type: Literal["server"] = "server"
    assignee_id: int | None = None
    location: str | None = None
    datacenter: str | None = None
    auto_delete: bool = False
    labels: Labels = {}


class Update(Body):
    """Body of `PUT /primary_ips/{id}`."""

    name: str | None = None
    labels: Labels | None = None
    auto_delete: bool | None = None


class Assign(Body):
    """Body of the action `assign`."""

    assignee_id: int
    assignee_type: Literal["server"] = "server"


class Protection(Body):
    """Body of the action `change_protection`."""

    delete: bool


class Reverse(Body):
    """Body of the action `change_dns_ptr`; null resets."""

    ip: str
    dns_ptr: str | None


def render(_cloud: Cloud, ip: Doc) -> Doc:
    """Return a primary IP as the API shows it."""
    shown_fields = {field: ip[field] for field in _FIELDS}
    return {**shown_fields, "blocked": False, "location": places.location(ip["location"])}


def add(cloud: Cloud, name: str, version: str, location: str, **more: object) -> Doc:
    """Allocate an address and record it; `more` are fields that differ from the defaults."""
    cloud.check_limit("primary_ip")
    ip = addresses.free_ipv4(cloud) if version == "ipv4" else addresses.free_ipv6(cloud)
    reverse = [{"ip": ip, "dns_ptr": addresses.default_name(ip)}] if version == "ipv4" else []
    doc = {
        "name": name,
        "type": version,
        "ip": ip,
        "location": location,
        "labels": {},
        "protection": {"delete": False},
        "dns_ptr": reverse,
        "assignee_id": None,
        "assignee_type": "server",
        "auto_delete": False,
        "created": now(),
    }
    return cloud.store.insert("primary_ip", {**doc, **more}, key=ip, key_field="ip")


def of_server(cloud: Cloud, server_id: int, version: str) -> Doc | None:
    """Return a server's primary IP of a version, or None."""
    assigned = (ip for ip in cloud.store.all("primary_ip") if ip["assignee_id"] == server_id)
    return next((ip for ip in assigned if ip["type"] == version), None)


def _check_assignable(cloud: Cloud, ip_type: str, location: str, server_id: int) -> Doc:
    server = cloud.store.get("server", server_id)
    if server is None:
        raise errors.invalid("assignee_id", f"server {server_id} not found")
    if server["location"] != location:
        msg = f"the primary IP is in {location}, the server in {server['location']}"
        raise ApiError("primary_ip_datacenter_mismatch", msg)
    if of_server(cloud, server_id, ip_type):
        code, msg = f"server_has_{ip_type}", f"server {server_id} has an {ip_type} address already"
        raise ApiError(code, msg)
    require_off(server)
    return server


def require_off(server: Doc) -> None:
    """Refuse what needs a server that is switched off.

    Raises:
        ApiError: `server_not_stopped`.
    """
    if server["status"] != "off":
        raise ApiError("server_not_stopped", f"server {server['id']} must be off")


def _start_move(cloud: Cloud, command: str, ip: Doc, server_id: int) -> Doc:
    resources = [("primary_ip", ip["id"]), ("server", server_id)]
    args = {"id": ip["id"], "server": server_id}
    return cloud.actions.start(command, resources, args)


@job("assign_primary_ip", lambda cloud, args: record_assignee(cloud, args["id"], None))
def _assign(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    ip = cloud.store.require("primary_ip", args["id"])
    if ip["type"] == "ipv4":
        cloud.machinery.change_address(args["server"], ipaddress.IPv4Address(ip["ip"]))


@job("unassign_primary_ip")
def _unassign(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    ip = cloud.store.require("primary_ip", args["id"])
    if ip["type"] == "ipv4":
        cloud.machinery.change_address(args["server"], None)
    record_assignee(cloud, args["id"], None)


def record_assignee(cloud: Cloud, ip_id: int, server_id: int | None) -> None:
    """Record which server has an address, or none."""
    with cloud.store.transaction():
        ip = cloud.store.get("primary_ip", ip_id)
        if ip:
            cloud.store.save("primary_ip", ip | {"assignee_id": server_id})


@job("delete_primary_ip")
def _delete(cloud: Cloud, args: Doc, progress: Progress) -> None:
    ip = cloud.store.get("primary_ip", args["id"])
    if ip is None:
        return
    if ip["assignee_id"] is not None:
        _unassign(cloud, {"id": ip["id"], "server": ip["assignee_id"]}, progress)
    release(cloud, ip)


def release(cloud: Cloud, ip: Doc) -> None:
    """Give an address back: its reverse name goes, and its record."""
    if ip["type"] == "ipv4":
        cloud.machinery.set_reverse(ipaddress.IPv4Address(ip["ip"]), None)
    cloud.store.delete("primary_ip", ip["id"])


KIND = Kind("primary_ip", "primary_ips", render, filters={"ip": lambda ip: ip["ip"]})
routes = Routes("/primary_ips")
action_routes(routes, "primary_ip")
get_routes(routes, KIND)


@routes.add("POST", "")
def create(call: Call) -> Reply:
    """Allocate an address, in the location of the server that it is assigned to if any."""
    body, cloud = call.body(Create), call.cloud
    server = cloud.store.get("server", body.assignee_id) if body.assignee_id else None
    place = places.choose_location(
        body.location, body.datacenter, server["location"] if server else None
    )
    if body.assignee_id:
        _check_assignable(cloud, body.type, place["name"], body.assignee_id)
    ip = add(
        cloud,
        body.name,
        body.type,
        place["name"],
        labels=body.labels,
        auto_delete=body.auto_delete,
        assignee_id=body.assignee_id,
    )
    action = None
    if body.assignee_id:
        action = shown(call, _start_move(cloud, "assign_primary_ip", ip, body.assignee_id))
    return Reply({"primary_ip": render(cloud, ip), "action": action}, 201)


@routes.add("PUT", "/{id}")
def update(call: Call) -> Reply:
    """Change name, labels and what happens when the server goes."""
    ip = patched(call.doc("primary_ip"), call.body(Update), "name", "labels", "auto_delete")
    call.cloud.store.save("primary_ip", ip)
    return Reply({"primary_ip": render(call.cloud, ip)})


@routes.add("DELETE", "/{id}")
def delete(call: Call) -> Reply:
    """Give the address back; a server that has it must be off."""
    ip = call.doc("primary_ip")
    if ip["protection"]["delete"]:
        raise errors.protected("primary_ip")
    also = []
    if ip["assignee_id"] is not None:
        require_off(call.cloud.store.require("server", ip["assignee_id"]))
        also.append(("server", ip["assignee_id"]))
    resources = [("primary_ip", ip["id"])]
    action = call.cloud.actions.start("delete_primary_ip", resources, {"id": ip["id"]}, also=also)
    return Reply(status=204, after=action["id"])


@routes.add("POST", "/{id}/actions/assign")
def assign(call: Call) -> Reply:
    """Give the address to a server that is off and has none of its version."""
    body, cloud, ip = call.body(Assign), call.cloud, call.doc("primary_ip")
    if ip["assignee_id"] is not None:
        msg = f"primary IP {ip['id']} is assigned to server {ip['assignee_id']}"
        raise ApiError("primary_ip_already_assigned", msg)
    cloud.actions.require_unlocked("server", body.assignee_id)
    _check_assignable(cloud, ip["type"], ip["location"], body.assignee_id)
    cloud.store.save("primary_ip", ip | {"assignee_id": body.assignee_id})
    return started(call, _start_move(cloud, "assign_primary_ip", ip, body.assignee_id))


@routes.add("POST", "/{id}/actions/unassign")
def unassign(call: Call) -> Reply:
    """Take the address from a server that is off."""
    cloud, ip = call.cloud, call.doc("primary_ip")
    if ip["assignee_id"] is None:
        raise ApiError("primary_ip_not_assigned", f"primary IP {ip['id']} is not assigned")
    cloud.actions.require_unlocked("server", ip["assignee_id"])
    require_off(cloud.store.require("server", ip["assignee_id"]))
    return started(call, _start_move(cloud, "unassign_primary_ip", ip, ip["assignee_id"]))


@routes.add("POST", "/{id}/actions/change_protection")
def change_protection(call: Call) -> Reply:
    """Protect against deletion, or no longer."""
    fields = {"protection": {"delete": call.body(Protection).delete}}
    ip = call.doc("primary_ip")
    return started(
        call, call.cloud.actions.set_fields("change_protection", "primary_ip", ip, fields)
    )


@routes.add("POST", "/{id}/actions/change_dns_ptr")
def change_dns_ptr(call: Call) -> Reply:
    """Set or reset a reverse name."""
    body, ip = call.body(Reverse), call.doc("primary_ip")
    shown_as = ("primary_ip", ip["id"])
    return started(call, addresses.start_reverse(call.cloud, shown_as, ip, body.ip, body.dns_ptr))
