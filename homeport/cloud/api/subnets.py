"""Subnets and addresses of private networks: what fits, and what is free."""

import ipaddress
from collections.abc import Iterator

from homeport.cloud.api import errors
from homeport.cloud.api.cloud import Cloud
from homeport.cloud.api.errors import ApiError
from homeport.cloud.api.network_requests import Subnet
from homeport.cloud.api.store import Doc


def add_subnet(network: Doc, body: Subnet) -> Doc:
    """Return a network with one more subnet.

    Raises:
        ApiError: `invalid_input` when it lies outside or overlaps.
    """
    whole = ipaddress.IPv4Network(network["ip_range"])
    others = [ipaddress.IPv4Network(subnet["ip_range"]) for subnet in network["subnets"]]
    if body.ip_range is None:
        sizes = whole.subnets(new_prefix=max(24, whole.prefixlen))
        free = (part for part in sizes if not any(part.overlaps(other) for other in others))
        chosen = next(free, None)
        if chosen is None:
            raise ApiError("no_subnet_available", f"no free /24 is left in {whole}")
    else:
        chosen = ipaddress.IPv4Network(body.ip_range)
    if not chosen.subnet_of(whole):
        raise errors.invalid("ip_range", f"{chosen} is not part of the network {whole}")
    if any(chosen.overlaps(other) for other in others):
        raise errors.invalid("ip_range", f"{chosen} overlaps with another subnet")
    subnet = {
        "type": body.type,
        "ip_range": str(chosen),
        "network_zone": body.network_zone,
        "gateway": str(whole[1]),
        "vswitch_id": None,
    }
    return network | {"subnets": [*network["subnets"], subnet]}


def pick_address(
    cloud: Cloud, network: Doc, zone: str, ip: str | None, ip_range: str | None = None
) -> str:
    """Return a free address for something in a network zone, the wished one when it is given.

    Raises:
        ApiError: `no_subnet_available`, `ip_not_available`.
    """
    subnets = [
        ipaddress.IPv4Network(subnet["ip_range"])
        for subnet in network["subnets"]
        if subnet["network_zone"] == zone and ip_range in (None, subnet["ip_range"])
    ]
    if not subnets:
        msg = f"network {network['id']} has no matching subnet in zone {zone}"
        raise ApiError("no_subnet_available", msg)
    used = taken(cloud, network)
    free = (str(host) for subnet in subnets for host in _usable(subnet) if str(host) not in used)
    if ip is None:
        chosen = next(free, None)
        if chosen is None:
            raise ApiError("no_subnet_available", f"network {network['id']} has no free address")
        return chosen
    if not any(_within(ip, subnet) for subnet in subnets) or ip in used:
        raise ApiError("ip_not_available", f"{ip} is not available in network {network['id']}")
    return ip


def _usable(subnet: ipaddress.IPv4Network) -> Iterator[ipaddress.IPv4Address]:
    # The first host address stays free: it is the gateway of the network or of a subnet.
    return (subnet[at] for at in range(2, subnet.num_addresses - 1))


def _within(ip: str, subnet: ipaddress.IPv4Network) -> bool:
    try:
        address = ipaddress.IPv4Address(ip)
    except ValueError:
        return False
    return address in subnet and address not in (subnet[0], subnet[1], subnet[-1])


def taken(cloud: Cloud, network: Doc) -> set[str]:
    """Return the addresses of a network that something has, and its gateway's."""
    found = {str(ipaddress.IPv4Network(network["ip_range"])[1])}
    for doc in (*cloud.store.all("server"), *cloud.store.all("load_balancer")):
        for item in doc["private_net"]:
            if item["network"] == network["id"]:
                found |= {item["ip"], *item.get("alias_ips", ())}
    return found
