"""The work behind servers' actions."""

import ipaddress

from homeport.cloud.api import catalogue, firewalls, places, primary_ips, subnets, volumes
from homeport.cloud.api.actions import Progress, job
from homeport.cloud.api.cloud import Cloud
from homeport.cloud.api.load_balancers import forget_server
from homeport.cloud.api.store import Doc
from homeport.cloud.contract import ServerSpec


def spec(cloud: Cloud, server: Doc) -> ServerSpec:
    """Return a server as the machinery needs to know it."""
    kind = catalogue.server_type(server["server_type"])
    if kind is None:  # the catalogue changed under a state that is older
        msg = f"server type {server['server_type']} is not in the catalogue"
        raise LookupError(msg)
    ip = primary_ips.of_server(cloud, server["id"], "ipv4")
    return ServerSpec(
        id=server["id"],
        name=server["name"],
        image=server["image"],
        cores=kind.cores,
        memory_mib=kind.memory * 1024,
        disk_gib=server["primary_disk_size"],
        ipv4=ipaddress.IPv4Address(ip["ip"]) if ip else None,
        user_data=server["user_data"],
        ssh_keys=tuple(server["authorized_keys"]),
    )


def _patch(cloud: Cloud, server_id: int, **fields: object) -> None:
    with cloud.store.transaction():
        server = cloud.store.get("server", server_id)
        if server and server["status"] != "deleting":
            cloud.store.save("server", server | fields)


def power_changed(cloud: Cloud, server_id: int, *, running: bool) -> None:
    """Record that a machine was switched on or off from within.

    While an action is under way on the server, its outcome counts and this changes nothing.
    """
    if not cloud.actions.busy("server", server_id):
        _patch(cloud, server_id, status="running" if running else "off")


def _cancel(cloud: Cloud, args: Doc) -> None:
    """Leave nothing of an order that failed."""
    server = cloud.store.get("server", args["id"])
    if server:
        _remove(cloud, server)


@job("create_server", _cancel)
def _create(cloud: Cloud, args: Doc, progress: Progress) -> None:
    server = cloud.store.require("server", args["id"])
    number = server["id"]
    firewalls.enforce(cloud, number)  # before the first boot, so that no gap is left
    progress(10)
    cloud.machinery.create_server(spec(cloud, server))
    progress(90)
    for network_id in args["networks"]:
        reserve(cloud, number, network_id)
        _attach_to_network(cloud, {"server": number, "network": network_id}, progress)
    if not server["start"]:
        cloud.machinery.power_off(number)
    _patch(cloud, number, status="starting" if server["start"] else "off")


def reserve(
    cloud: Cloud,
    server_id: int,
    network_id: int,
    *,
    ip: str | None = None,
    ip_range: str | None = None,
    alias_ips: list[str] | None = None,
) -> None:
    """Record a server's address in a network, unless it has one there.

    Raises:
        ApiError: When there is no such address or network.
    """
    with cloud.store.transaction():
        server = cloud.store.require("server", server_id)
        if any(item["network"] == network_id for item in server["private_net"]):
            return
        network = cloud.store.require("network", network_id)
        zone = places.location(server["location"])["network_zone"]
        number = server["id"] * 31 + network_id
        digits = number.to_bytes(8, "big")[-3:]
        item = {
            "network": network_id,
            "ip": subnets.pick_address(cloud, network, zone, ip, ip_range),
            "alias_ips": alias_ips or [],
            "mac_address": "86:00:00:" + ":".join(f"{byte:02x}" for byte in digits),
        }
        attached = [*server["private_net"], item]
        cloud.store.save("server", server | {"private_net": attached})


def release(cloud: Cloud, server_id: int, network_id: int) -> None:
    """Forget a server's address in a network."""
    with cloud.store.transaction():
        server = cloud.store.get("server", server_id)
        if server:
            kept = [item for item in server["private_net"] if item["network"] != network_id]
            cloud.store.save("server", server | {"private_net": kept})


@job("attach_to_network", lambda cloud, args: release(cloud, args["server"], args["network"]))
def _attach_to_network(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    server = cloud.store.require("server", args["server"])
    item = next(item for item in server["private_net"] if item["network"] == args["network"])
    address = ipaddress.IPv4Address(item["ip"])
    cloud.machinery.attach_network(server["id"], args["network"], address)


@job("detach_from_network")
def _detach_from_network(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    cloud.machinery.detach_network(args["server"], args["network"])
    release(cloud, args["server"], args["network"])


@job("poweron", lambda cloud, args: _patch(cloud, args["id"], status="off"))
def _power_on(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    cloud.machinery.power_on(args["id"])
    _patch(cloud, args["id"], status="running")


@job("poweroff")
def _power_off(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    cloud.machinery.power_off(args["id"])
    _patch(cloud, args["id"], status="off")


@job("shutdown")
def _shutdown(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    cloud.machinery.shutdown(args["id"])
    _patch(cloud, args["id"], status="off")


@job("reboot")
def _reboot(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    cloud.machinery.reboot(args["id"])
    _patch(cloud, args["id"], status="running")


@job("reset")
def _reset(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    cloud.machinery.reset(args["id"])
    _patch(cloud, args["id"], status="running")


@job("rebuild_server", lambda cloud, args: _patch(cloud, args["id"], status="unknown"))
def _rebuild(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    server = cloud.store.require("server", args["id"])
    changed = {"image": args["image"]}
    if args["user_data"] is not None:
        changed["user_data"] = args["user_data"]
    _patch(cloud, args["id"], status="rebuilding")
    cloud.machinery.rebuild(args["id"], spec(cloud, server | changed))
    firewalls.enforce(cloud, args["id"])
    _patch(cloud, args["id"], status="running", **changed)


@job("change_server_type", lambda cloud, args: _patch(cloud, args["id"], status="off"))
def _change_type(cloud: Cloud, args: Doc, progress: Progress) -> None:
    kind = catalogue.server_type(args["server_type"])
    if kind is None:
        msg = f"server type {args['server_type']} is not in the catalogue"
        raise LookupError(msg)
    changed: Doc = {"server_type": kind.name}
    if args["upgrade_disk"]:
        changed["primary_disk_size"] = kind.disk
    _patch(cloud, args["id"], status="migrating")
    cloud.machinery.resize(args["id"], kind.cores, kind.memory * 1024)
    _patch(cloud, args["id"], status="off", **changed)
    progress(70)
    cloud.machinery.power_on(args["id"])
    _patch(cloud, args["id"], status="running")


@job("delete_server")
def _delete(cloud: Cloud, args: Doc, progress: Progress) -> None:
    server = cloud.store.get("server", args["id"])
    if server is None:
        return
    for volume in volumes.of_server(cloud, server["id"]):
        volumes.detach(cloud, volume["id"])
    for item in server["private_net"]:
        cloud.machinery.detach_network(server["id"], item["network"])
    progress(20)
    _remove(cloud, server)


def _remove(cloud: Cloud, server: Doc) -> None:
    """Destroy a machine, and forget it everywhere."""
    number = server["id"]
    cloud.machinery.delete_server(number)
    for version in ("ipv4", "ipv6"):
        ip = primary_ips.of_server(cloud, number, version)
        if ip and ip["auto_delete"] and not ip["protection"]["delete"]:
            primary_ips.release(cloud, ip)
        elif ip:
            primary_ips.record_assignee(cloud, ip["id"], None)
    with cloud.store.transaction():
        for firewall in cloud.store.all("firewall"):
            if number in firewall["servers"]:
                firewall["servers"].remove(number)
                cloud.store.save("firewall", firewall)
        cloud.store.delete("server", number)
    forget_server(cloud, number)
