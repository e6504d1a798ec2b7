"""Public addresses: which ones are free, their reverse names, and who has them."""

import ipaddress

from homeport.cloud.api.actions import Progress, job
from homeport.cloud.api.cloud import Cloud
from homeport.cloud.api.errors import ApiError, invalid
from homeport.cloud.api.store import Doc

_OWN = 16
"""The first addresses of the public network are the cloud's own."""

_IPV6 = ipaddress.IPv6Network("2001:db8::/32")
"""For documentation: addresses from here are shown and recorded, and reach nothing."""


def free_ipv4(cloud: Cloud) -> str:
    """Return an address of the public network that nothing has, not one just given back.

    Raises:
        ApiError: `resource_unavailable` when there is none.
    """
    network = cloud.machinery.public_network
    size = network.num_addresses - _OWN - 1  # the last one is the broadcast address
    taken = {doc["ip"] for doc in cloud.store.all("primary_ip")}
    taken |= {doc["ipv4"] for doc in cloud.store.all("load_balancer")}
    for _ in range(size):
        candidate = str(network[_OWN + (cloud.store.count_up("ipv4", -1) % size)])
        if candidate not in taken:
            return candidate
    raise ApiError("resource_unavailable", f"no free address is left in {network}")


def free_ipv6(cloud: Cloud) -> str:
    """Return a /64 that nothing has had before."""
    number = cloud.store.count_up("ipv6")
    return str(ipaddress.IPv6Network((int(_IPV6.network_address) + (number << 64), 64)))


def default_name(ip: str) -> str:
    """Return the reverse name that an IPv4 address has until somebody sets another."""
    return f"static.{ip.replace('.', '-')}.clients.your-server.de"


def start_reverse(
    cloud: Cloud, shown_as: tuple[str, int], doc: Doc, ip: str, name: str | None
) -> Doc:
    """Start the action that sets or resets a reverse name of a primary IP or a load balancer.

    Raises:
        ApiError: `invalid_input` when the address does not belong to the resource.
    """
    kind = "load_balancer" if "ipv4" in doc else "primary_ip"
    if not _belongs(ip, doc):
        raise invalid("ip", f"'{ip}' does not belong to this resource")
    args = {"kind": kind, "id": doc["id"], "ip": ip, "dns_ptr": name}
    also = [(kind, doc["id"])]
    return cloud.actions.start("change_dns_ptr", [shown_as], args, locks=False, also=also)


def _belongs(ip: str, doc: Doc) -> bool:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    own = (doc["ip"],) if "ip" in doc else (doc["ipv4"], doc["ipv6"])
    return any(address in ipaddress.ip_network(text) for text in own)


@job("change_dns_ptr")
def _change_dns_ptr(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    address = ipaddress.ip_address(args["ip"])
    if isinstance(address, ipaddress.IPv4Address):
        cloud.machinery.set_reverse(address, args["dns_ptr"])
    with cloud.store.transaction():
        doc = cloud.store.get(args["kind"], args["id"])
        if doc is None:
            return
        others = [item for item in doc["dns_ptr"] if item["ip"] != str(address)]
        name = args["dns_ptr"] or (default_name(str(address)) if address.version == 4 else None)
        added = [{"ip": str(address), "dns_ptr": name}] if name else []
        cloud.store.save(args["kind"], doc | {"dns_ptr": others + added})


def reverse_name(doc: Doc, ip: str) -> str:
    """Return the reverse name that a document records for an address; empty when none."""
    return next((str(item["dns_ptr"]) for item in doc["dns_ptr"] if item["ip"] == ip), "")
