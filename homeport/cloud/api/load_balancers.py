"""Load balancers: how they are shown, created and deleted, and how they get to the machinery."""

import ipaddress

from homeport.cloud.api import addresses, catalogue, errors, places, primary_ips, subnets
from homeport.cloud.api.actions import Progress, job
from homeport.cloud.api.clock import now
from homeport.cloud.api.cloud import Cloud
from homeport.cloud.api.labels import parse_selector
from homeport.cloud.api.load_balancer_requests import (
    Create,
    Update,
    add_service,
    add_target,
    require_type,
)
from homeport.cloud.api.routing import (
    Call,
    Kind,
    Reply,
    Routes,
    action_routes,
    get_routes,
    patched,
    shown,
)
from homeport.cloud.api.store import Doc
from homeport.cloud.contract import LoadBalancerService


def render(cloud: Cloud, balancer: Doc) -> Doc:
    """Return a load balancer as the API shows it; health is not known from here."""
    plain = (
        "id", "name", "private_net", "labels", "protection", "created", "services", "algorithm",
    )  # fmt: skip
    ipv4, ipv6 = balancer["ipv4"], balancer["ipv6"]
    status = [
        {"listen_port": service["listen_port"], "status": "unknown"}
        for service in balancer["services"]
    ]
    return {
        **{field: balancer[field] for field in plain},
        "public_net": {
            "enabled": balancer["public"],
            "ipv4": {"ip": ipv4, "dns_ptr": addresses.reverse_name(balancer, ipv4)},
            "ipv6": {"ip": ipv6, "dns_ptr": addresses.reverse_name(balancer, ipv6)},
        },
        "location": places.location(balancer["location"]),
        "load_balancer_type": catalogue.lookup(catalogue.LOAD_BALANCER_TYPES, balancer["type"]),
        "targets": [_render_target(cloud, target, status) for target in balancer["targets"]],
        "included_traffic": 20 * 1024**4,
        "outgoing_traffic": 0,
        "ingoing_traffic": 0,
    }


def _render_target(cloud: Cloud, target: Doc, status: list[Doc]) -> Doc:
    if target["type"] != "label_selector":
        return {**target, "health_status": status}
    found = [
        {
            "type": "server",
            "server": {"id": server["id"]},
            "health_status": status,
            "use_private_ip": target["use_private_ip"],
        }
        for server in _selected(cloud, target)
    ]
    return {**target, "targets": found}


def _selected(cloud: Cloud, target: Doc) -> list[Doc]:
    matches = parse_selector(target["label_selector"]["selector"])
    return [server for server in cloud.store.all("server") if matches(server["labels"])]


def _target_addresses(cloud: Cloud, balancer: Doc) -> list[ipaddress.IPv4Address]:
    found: list[str] = []
    for target in balancer["targets"]:
        if target["type"] == "ip":
            found.append(target["ip"]["ip"])
            continue
        servers = (
            _selected(cloud, target)
            if target["type"] == "label_selector"
            else [cloud.store.get("server", target["server"]["id"])]
        )
        found += [_address(cloud, balancer, target, server) for server in servers if server]
    return [ipaddress.IPv4Address(text) for text in dict.fromkeys(found) if text]


def _address(cloud: Cloud, balancer: Doc, target: Doc, server: Doc) -> str:
    if target["use_private_ip"]:
        own = {item["network"] for item in balancer["private_net"]}
        private = [item["ip"] for item in server["private_net"] if item["network"] in own]
        return str(private[0]) if private else ""
    ip = primary_ips.of_server(cloud, server["id"], "ipv4")
    return str(ip["ip"]) if ip else ""


@job("apply_load_balancer")
def _apply(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    with cloud.store.transaction():
        balancer = cloud.store.get("load_balancer", args["id"])
        targets = _target_addresses(cloud, balancer) if balancer else []
    if balancer is None:
        return
    services = tuple(
        LoadBalancerService(
            listen_port=service["listen_port"],
            destination_port=service["destination_port"],
            proxyprotocol=service["proxyprotocol"],
        )
        for service in balancer["services"]
        if balancer["public"]
    )
    address = ipaddress.IPv4Address(balancer["ipv4"])
    cloud.machinery.apply_load_balancer(args["id"], address, services, tuple(targets))


@job("delete_load_balancer")
def _delete(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    balancer = cloud.store.get("load_balancer", args["id"])
    if balancer:
        cloud.machinery.remove_load_balancer(args["id"])
        cloud.machinery.set_reverse(ipaddress.IPv4Address(balancer["ipv4"]), None)
        cloud.store.delete("load_balancer", args["id"])


def start_applying(cloud: Cloud, command: str, balancer: Doc) -> Doc:
    """Start the action that runs a load balancer as it is recorded by then."""
    resources = [("load_balancer", balancer["id"])]
    args = {"id": balancer["id"]}
    return cloud.actions.start(
        command, resources, args, job_name="apply_load_balancer", locks=False
    )


def forget_server(cloud: Cloud, server_id: int) -> None:
    """Remove a server that is gone from all load balancers."""
    with cloud.store.transaction():
        for balancer in cloud.store.all("load_balancer"):
            kept = [
                target
                for target in balancer["targets"]
                if target["type"] != "server" or target["server"]["id"] != server_id
            ]
            if kept != balancer["targets"] or any(t["type"] == "label_selector" for t in kept):
                cloud.store.save("load_balancer", balancer | {"targets": kept})
                start_applying(cloud, "remove_target", balancer)


def relabelled(cloud: Cloud) -> None:
    """Run those load balancers anew that choose their targets by label."""
    for balancer in cloud.store.all("load_balancer"):
        if any(target["type"] == "label_selector" for target in balancer["targets"]):
            start_applying(cloud, "add_target", balancer)


routes = Routes("/load_balancers")
action_routes(routes, "load_balancer")
get_routes(routes, Kind("load_balancer", "load_balancers", render))


@routes.add("POST", "")
def create(call: Call) -> Reply:
    """Make a load balancer with its services and targets."""
    body, cloud = call.body(Create), call.cloud
    cloud.check_limit("load_balancer")
    kind = require_type(body.load_balancer_type)
    if (body.location is None) == (body.network_zone is None):
        raise errors.invalid("location", "either location or network_zone is required")
    place = body.location or next(
        item["name"] for item in catalogue.LOCATIONS if item["network_zone"] == body.network_zone
    )
    ipv4 = addresses.free_ipv4(cloud)
    ipv6 = ipaddress.IPv6Network(addresses.free_ipv6(cloud))[1]
    balancer: Doc = {
        "name": body.name,
        "type": kind["name"],
        "location": places.require_location(place)["name"],
        "labels": body.labels,
        "algorithm": body.algorithm.model_dump(),
        "protection": {"delete": False},
        "public": body.public_interface,
        "ipv4": ipv4,
        "ipv6": str(ipv6),
        "dns_ptr": [{"ip": ipv4, "dns_ptr": addresses.default_name(ipv4)}],
        "private_net": [],
        "services": [],
        "targets": [],
        "created": now(),
    }
    if body.network is not None:
        balancer["private_net"] = [attachment(cloud, balancer, body.network, None)]
    for service in body.services:
        balancer = add_service(balancer, service)
    for target in body.targets:
        balancer = add_target(cloud, balancer, target)
    balancer = cloud.store.insert("load_balancer", balancer)
    action = start_applying(cloud, "create_load_balancer", balancer)
    return Reply({"load_balancer": render(cloud, balancer), "action": shown(call, action)}, 201)


def attachment(
    cloud: Cloud, balancer: Doc, network_id: int, ip: str | None, ip_range: str | None = None
) -> Doc:
    """Return a load balancer's place in a network.

    Raises:
        ApiError: When there is no such network or address.
    """
    network = cloud.store.get("network", network_id)
    if network is None:
        raise errors.invalid("network", f"network {network_id} not found")
    zone = places.location(balancer["location"])["network_zone"]
    address = subnets.pick_address(cloud, network, zone, ip, ip_range)
    return {"network": network_id, "ip": address}


@routes.add("PUT", "/{id}")
def update(call: Call) -> Reply:
    """Change name and labels."""
    balancer = patched(call.doc("load_balancer"), call.body(Update), "name", "labels")
    call.cloud.store.save("load_balancer", balancer)
    return Reply({"load_balancer": render(call.cloud, balancer)})


@routes.add("DELETE", "/{id}")
def delete(call: Call) -> Reply:
    """Stop the load balancer and give its address back."""
    balancer = call.doc("load_balancer")
    if balancer["protection"]["delete"]:
        raise errors.protected("load_balancer")
    resources = [("load_balancer", balancer["id"])]
    args = {"id": balancer["id"]}
    action = call.cloud.actions.start("delete_load_balancer", resources, args)
    return Reply({"action": shown(call, action)}, after=action["id"])
