"""Private networks: subnets, routes, and the addresses of what is attached."""

import ipaddress

from homeport.cloud.api import errors
from homeport.cloud.api.actions import Progress, job
from homeport.cloud.api.clock import now
from homeport.cloud.api.cloud import Cloud
from homeport.cloud.api.errors import ApiError
from homeport.cloud.api.listing import page
from homeport.cloud.api.network_requests import (
    Create,
    Protection,
    RangeBody,
    RouteBody,
    Subnet,
    Update,
)
from homeport.cloud.api.routing import (
    Call,
    Kind,
    Reply,
    Routes,
    action_routes,
    get_routes,
    patched,
    started,
)
from homeport.cloud.api.store import Doc
from homeport.cloud.api.subnets import add_subnet, taken


def _members(cloud: Cloud, kind: str, network_id: int) -> list[Doc]:
    return [
        doc
        for doc in cloud.store.all(kind)
        if any(item["network"] == network_id for item in doc["private_net"])
    ]


def render(cloud: Cloud, network: Doc) -> Doc:
    """Return a network as the API shows it."""
    return {
        **network,
        "servers": [doc["id"] for doc in _members(cloud, "server", network["id"])],
        "load_balancers": [doc["id"] for doc in _members(cloud, "load_balancer", network["id"])],
    }


@job("create_network", lambda cloud, args: cloud.store.delete("network", args["id"]))
def _create(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    cloud.machinery.create_network(args["id"], ipaddress.IPv4Network(args["ip_range"]))


@job("delete_network")
def _delete(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    cloud.machinery.delete_network(args["id"])
    cloud.store.delete("network", args["id"])


@job("change_ip_range")
def _change_ip_range(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    cloud.machinery.delete_network(args["id"])
    cloud.machinery.create_network(args["id"], ipaddress.IPv4Network(args["ip_range"]))
    with cloud.store.transaction():
        network = cloud.store.get("network", args["id"])
        if network:
            cloud.store.save("network", network | {"ip_range": args["ip_range"]})


routes = Routes("/networks")
action_routes(routes, "network")
get_routes(routes, Kind("network", "networks", render))


@routes.add("GET", "/{id}/members")
def members(call: Call) -> Reply:
    """List what has an address in the network."""
    network = call.doc("network")
    found = [
        _member(network, kind, doc)
        for kind in ("server", "load_balancer")
        for doc in _members(call.cloud, kind, network["id"])
    ]
    filters = {
        field: lambda item, field=field: item[field] for field in ("type", "status", "subnet")
    }
    docs, meta = page(call.query, found, ("id", "type", "ip", "status"), filters)
    return Reply({"members": docs, **meta})


def _member(network: Doc, kind: str, doc: Doc) -> Doc:
    item = next(item for item in doc["private_net"] if item["network"] == network["id"])
    address = ipaddress.IPv4Address(item["ip"])
    ranges = (subnet["ip_range"] for subnet in network["subnets"])
    subnet = next((text for text in ranges if address in ipaddress.IPv4Network(text)), None)
    aliases = item.get("alias_ips", [])
    return {
        "id": doc["id"],
        "type": kind,
        "ip": item["ip"],
        "alias_ips": aliases,
        "subnet": subnet,
        "status": "ok",
    }


@routes.add("POST", "")
def create(call: Call) -> Reply:
    """Make a network."""
    body, cloud = call.body(Create), call.cloud
    cloud.check_limit("network")
    network: Doc = {
        "name": body.name,
        "ip_range": body.ip_range,
        "subnets": [],
        "routes": [route.model_dump() for route in body.routes],
        "labels": body.labels,
        "protection": {"delete": False},
        "expose_routes_to_vswitch": body.expose_routes_to_vswitch,
        "created": now(),
    }
    for subnet in body.subnets:
        network = add_subnet(network, subnet)
    network = cloud.store.insert("network", network)
    args = {"id": network["id"], "ip_range": body.ip_range}
    action = cloud.actions.start("create_network", [("network", network["id"])], args)
    return Reply({"network": render(cloud, network)}, 201, after=action["id"])


@routes.add("PUT", "/{id}")
def update(call: Call) -> Reply:
    """Change name, labels and whether routes are exposed."""
    fields = ("name", "labels", "expose_routes_to_vswitch")
    network = patched(call.doc("network"), call.body(Update), *fields)
    call.cloud.store.save("network", network)
    return Reply({"network": render(call.cloud, network)})


@routes.add("DELETE", "/{id}")
def delete(call: Call) -> Reply:
    """Remove a network; what is attached to it is detached first."""
    cloud, network = call.cloud, call.doc("network")
    if network["protection"]["delete"]:
        raise errors.protected("network")
    number = int(network["id"])
    for kind in ("server", "load_balancer"):
        for doc in _members(cloud, kind, number):
            kept = [item for item in doc["private_net"] if item["network"] != number]
            cloud.store.save(kind, doc | {"private_net": kept})
            if kind == "server":
                detach(cloud, doc["id"], number)
    action = cloud.actions.start("delete_network", [("network", number)], {"id": number})
    return Reply(status=204, after=action["id"])


def detach(cloud: Cloud, server_id: int, network_id: int) -> Doc:
    """Start the action that takes a server out of a network."""
    resources = [("server", server_id), ("network", network_id)]
    args = {"server": server_id, "network": network_id}
    return cloud.actions.start("detach_from_network", resources, args)


def _record(call: Call, command: str, network: Doc) -> Reply:
    """Save a network and answer with the action that says so."""
    call.cloud.store.save("network", network)
    return started(call, call.cloud.actions.set_fields(command, "network", network, {}))


@routes.add("POST", "/{id}/actions/add_subnet")
def add_subnet_action(call: Call) -> Reply:
    """Add a subnet."""
    return _record(call, "add_subnet", add_subnet(call.doc("network"), call.body(Subnet)))


@routes.add("POST", "/{id}/actions/delete_subnet")
def delete_subnet(call: Call) -> Reply:
    """Remove a subnet in which nothing has an address."""
    body, network = call.body(RangeBody), call.doc("network")
    kept = [subnet for subnet in network["subnets"] if subnet["ip_range"] != body.ip_range]
    if len(kept) == len(network["subnets"]):
        raise errors.invalid("ip_range", f"the network has no subnet {body.ip_range}")
    subnet = ipaddress.IPv4Network(body.ip_range)
    gateway = str(ipaddress.IPv4Network(network["ip_range"])[1])
    used = taken(call.cloud, network) - {gateway}
    if any(ipaddress.IPv4Address(ip) in subnet for ip in used):
        raise ApiError("service_error", f"subnet {body.ip_range} still has servers", status=422)
    return _record(call, "delete_subnet", network | {"subnets": kept})


@routes.add("POST", "/{id}/actions/add_route")
def add_route(call: Call) -> Reply:
    """Record a route."""
    body, network = call.body(RouteBody), call.doc("network")
    if any(route["destination"] == body.destination for route in network["routes"]):
        raise errors.invalid("destination", f"there is a route to {body.destination} already")
    return _record(call, "add_route", network | {"routes": [*network["routes"], body.model_dump()]})


@routes.add("POST", "/{id}/actions/delete_route")
def delete_route(call: Call) -> Reply:
    """Remove a route."""
    body, network = call.body(RouteBody), call.doc("network")
    kept = [route for route in network["routes"] if route != body.model_dump()]
    if len(kept) == len(network["routes"]):
        raise errors.invalid("destination", f"there is no route to {body.destination}")
    return _record(call, "delete_route", network | {"routes": kept})


@routes.add("POST", "/{id}/actions/change_ip_range")
def change_ip_range(call: Call) -> Reply:
    """Widen the range; here only while nothing is attached."""
    body, network = call.body(RangeBody), call.doc("network")
    new, old = ipaddress.IPv4Network(body.ip_range), ipaddress.IPv4Network(network["ip_range"])
    if not old.subnet_of(new):
        raise errors.invalid("ip_range", f"{new} must contain the present range {old}")
    if _members(call.cloud, "server", network["id"]):
        msg = "the stand-in changes the range only of networks without servers"
        raise ApiError("unsupported_error", msg)
    args = {"id": network["id"], "ip_range": body.ip_range}
    resources = [("network", network["id"])]
    return started(call, call.cloud.actions.start("change_ip_range", resources, args))


@routes.add("POST", "/{id}/actions/change_protection")
def change_protection(call: Call) -> Reply:
    """Protect against deletion, or no longer."""
    fields = {"protection": {"delete": call.body(Protection).delete}}
    network = call.doc("network")
    return started(
        call, call.cloud.actions.set_fields("change_protection", "network", network, fields)
    )
