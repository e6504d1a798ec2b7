"""Servers: how they are shown, created, changed and deleted."""

from homeport.cloud.api import (
    catalogue,
    errors,
    firewalls,
    load_balancers,
    placement_groups,
    places,
    primary_ips,
    volumes,
)
from homeport.cloud.api.addresses import reverse_name
from homeport.cloud.api.clock import now
from homeport.cloud.api.cloud import Cloud
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
from homeport.cloud.api.server_requests import Create, Update, Wanted, resolve
from homeport.cloud.api.store import Doc


def _public_net(cloud: Cloud, server: Doc) -> Doc:
    ipv4 = primary_ips.of_server(cloud, server["id"], "ipv4")
    ipv6 = primary_ips.of_server(cloud, server["id"], "ipv6")
    pending = cloud.actions.waiting("apply_firewall", "server", server["id"])
    status = "pending" if pending or server["status"] == "initializing" else "applied"
    return {
        "ipv4": ipv4
        and {
            "id": ipv4["id"],
            "ip": ipv4["ip"],
            "blocked": False,
            "dns_ptr": reverse_name(ipv4, ipv4["ip"]),
        },
        "ipv6": ipv6
        and {"id": ipv6["id"], "ip": ipv6["ip"], "blocked": False, "dns_ptr": ipv6["dns_ptr"]},
        "floating_ips": [],
        "firewalls": [
            {"id": firewall["id"], "status": status}
            for firewall in firewalls.of_server(cloud, server)
        ],
    }


def render(cloud: Cloud, server: Doc) -> Doc:
    """Return a server as the API shows it."""
    group = server["placement_group"] and cloud.store.get(
        "placement_group", server["placement_group"]
    )
    plain = (
        "id", "name", "status", "created", "private_net", "backup_window", "protection", "labels",
        "primary_disk_size",
    )  # fmt: skip
    return {
        **{field: server[field] for field in plain},
        "public_net": _public_net(cloud, server),
        "server_type": catalogue.lookup(catalogue.SERVER_TYPE_DOCUMENTS, server["server_type"]),
        "image": catalogue.lookup(catalogue.IMAGES, server["image"]),
        "location": places.location(server["location"]),
        "included_traffic": 20 * 1024**4,
        "outgoing_traffic": 0,
        "ingoing_traffic": 0,
        "rescue_enabled": False,
        "iso": None,
        "locked": cloud.actions.busy("server", server["id"]),
        "volumes": [volume["id"] for volume in volumes.of_server(cloud, server["id"])],
        "load_balancers": _load_balancers(cloud, server["id"]),
        "placement_group": group and placement_groups.render(cloud, group),
    }


def _load_balancers(cloud: Cloud, server_id: int) -> list[int]:
    return [
        balancer["id"]
        for balancer in cloud.store.all("load_balancer")
        if any(
            (target.get("server") or {}).get("id") == server_id for target in balancer["targets"]
        )
    ]


KIND = Kind("server", "servers", render, filters={"status": lambda server: server["status"]})
routes = Routes("/servers")
action_routes(routes, "server")
get_routes(routes, KIND)


@routes.add("POST", "")
def create(call: Call) -> Reply:
    """Order a server; the machine boots behind the action."""
    cloud, wanted = call.cloud, resolve(call.cloud, call.body(Create))
    server = cloud.store.insert("server", _document(wanted))
    _take_addresses(cloud, server, wanted)
    for firewall in wanted.firewalls:
        members = [*firewall["servers"], server["id"]]
        cloud.store.save("firewall", firewall | {"servers": members})
    number = server["id"]
    also = [("volume", volume["id"]) for volume in wanted.volumes]
    args = {"id": number, "networks": [network["id"] for network in wanted.networks]}
    action = cloud.actions.start("create_server", [("server", number)], args, also=also)
    following = []
    if wanted.body.start_after_create:
        following.append(
            cloud.actions.start(
                "start_server",
                [("server", number)],
                {"id": number},
                job_name="poweron",
                requires=action["id"],
            )
        )
    mount = bool(wanted.body.automount)
    following += [
        volumes.start_attaching(cloud, volume["id"], number, automount=mount, requires=action["id"])
        for volume in wanted.volumes
    ]
    return Reply(
        {
            "server": render(cloud, server),
            "action": shown(call, action),
            "next_actions": [shown(call, item) for item in following],
            "root_password": None,
        },
        201,
    )


def _document(wanted: Wanted) -> Doc:
    body = wanted.body
    return {
        "name": body.name,
        "status": "initializing",
        "created": now(),
        "server_type": wanted.server_type.name,
        "image": wanted.image["name"],
        "location": wanted.location["name"],
        "labels": body.labels,
        "protection": {"delete": False, "rebuild": False},
        "primary_disk_size": wanted.server_type.disk,
        "placement_group": body.placement_group,
        "private_net": [],
        "backup_window": None,
        "user_data": body.user_data or "",
        "authorized_keys": [key["public_key"] for key in wanted.ssh_keys],
        "start": body.start_after_create,
    }


def _take_addresses(cloud: Cloud, server: Doc, wanted: Wanted) -> None:
    """Assign the named primary IPs, and make those that are wanted but not named."""
    for version, enabled, ip in (
        ("ipv4", wanted.body.public_net.enable_ipv4, wanted.ipv4),
        ("ipv6", wanted.body.public_net.enable_ipv6, wanted.ipv6),
    ):
        if ip:
            cloud.store.save("primary_ip", ip | {"assignee_id": server["id"]})
        elif enabled:
            name = f"primary_ip-{version}-{server['id']}"
            place = wanted.location["name"]
            primary_ips.add(cloud, name, version, place, assignee_id=server["id"], auto_delete=True)


@routes.add("PUT", "/{id}")
def update(call: Call) -> Reply:
    """Change name and labels; firewalls by label follow."""
    before = call.doc("server")
    server = patched(before, call.body(Update), "name", "labels")
    call.cloud.store.save("server", server)
    firewalls.relabelled(call.cloud, before, server)
    if before["labels"] != server["labels"]:
        load_balancers.relabelled(call.cloud)
    return Reply({"server": render(call.cloud, server)})


@routes.add("DELETE", "/{id}")
def delete(call: Call) -> Reply:
    """Destroy the machine; volumes and primary IPs without auto_delete stay."""
    cloud, server = call.cloud, call.doc("server")
    if server["protection"]["delete"]:
        raise errors.protected("server")
    number = server["id"]
    cloud.store.save("server", server | {"status": "deleting"})
    also = [("volume", volume["id"]) for volume in volumes.of_server(cloud, number)]
    action = cloud.actions.start("delete_server", [("server", number)], {"id": number}, also=also)
    return Reply({"action": shown(call, action)})
