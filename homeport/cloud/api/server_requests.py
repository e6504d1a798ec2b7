"""What an order of a server may say, and what the vendor refuses about it."""

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

import pydantic

from homeport.cloud.api import catalogue, errors, places, volumes
from homeport.cloud.api.catalogue import ServerType
from homeport.cloud.api.cloud import Cloud
from homeport.cloud.api.errors import ApiError
from homeport.cloud.api.labels import Labels
from homeport.cloud.api.routing import Body
from homeport.cloud.api.store import Doc

_HOSTNAME = re.compile(
    r"(?=.{1,253}$)(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.I
)
K = TypeVar("K", int, str | int)
USER_DATA_LIMIT = 32 * 1024


def _check_hostname(text: str) -> str:
    if not _HOSTNAME.fullmatch(text):
        msg = f"'{text}' is not a valid hostname (RFC 1123)"
        raise ValueError(msg)
    return text


def _check_user_data(text: str) -> str:
    if len(text.encode()) > USER_DATA_LIMIT:
        msg = "must be no longer than 32 KiB"
        raise ValueError(msg)
    return text


Hostname = Annotated[str, pydantic.AfterValidator(_check_hostname)]
UserData = Annotated[str, pydantic.AfterValidator(_check_user_data)]


class PublicNet(Body):
    """Public addresses of a new server."""

    enable_ipv4: bool = True
    enable_ipv6: bool = True
    ipv4: int | None = None
    ipv6: int | None = None


class FirewallReference(Body):
    """A firewall to apply from the first moment."""

    firewall: int


class Create(Body):
    """Body of `POST /servers`."""

    name: Hostname
    server_type: str | int
    image: str | int
    location: str | None = None
    datacenter: str | None = None
    ssh_keys: list[str | int] = []
    firewalls: list[FirewallReference] = []
    networks: list[int] = []
    volumes: list[int] = []
    automount: bool | None = None
    public_net: PublicNet = PublicNet()
    placement_group: int | None = None
    user_data: UserData | None = None
    labels: Labels = {}
    start_after_create: bool = True


class Update(Body):
    """Body of `PUT /servers/{id}`."""

    name: Hostname | None = None
    labels: Labels | None = None


@dataclasses.dataclass(frozen=True)
class Wanted:
    """An order whose references have all been found and fit together."""

    body: Create
    server_type: ServerType
    image: Doc
    location: Doc
    ssh_keys: list[Doc]
    firewalls: list[Doc]
    networks: list[Doc]
    volumes: list[Doc]
    ipv4: Doc | None
    ipv6: Doc | None


def resolve(cloud: Cloud, body: Create) -> Wanted:
    """Find everything that an order names.

    Raises:
        ApiError: What the vendor refuses, with the vendor's code.
    """
    cloud.check_limit("server")
    server_type = require_server_type(body.server_type)
    image = require_image(body.image, server_type.architecture)
    named_volumes = _all(body.volumes, "volumes", lambda number: cloud.store.get("volume", number))
    location = _location(cloud, body, named_volumes)
    check_sold(server_type, location["name"])
    for volume in named_volumes:
        volumes.check_attachable(cloud, volume, location["name"])
    networks = _all(body.networks, "networks", lambda number: cloud.store.get("network", number))
    _check_connected(body, networks)
    if body.placement_group and cloud.store.get("placement_group", body.placement_group) is None:
        raise errors.invalid("placement_group", f"{body.placement_group} not found")
    public = body.public_net
    return Wanted(
        body=body,
        server_type=server_type,
        image=image,
        location=location,
        ssh_keys=_all(body.ssh_keys, "ssh_keys", lambda key: _ssh_key(cloud, key)),
        firewalls=_all(
            [item.firewall for item in body.firewalls],
            "firewalls",
            lambda number: cloud.store.get("firewall", number),
        ),
        networks=networks,
        volumes=named_volumes,
        ipv4=_primary_ip(cloud, public.ipv4, "ipv4", location["name"]),
        ipv6=_primary_ip(cloud, public.ipv6, "ipv6", location["name"]),
    )


def require_server_type(id_or_name: str | int) -> ServerType:
    """Return a server type.

    Raises:
        ApiError: `invalid_input`.
    """
    found = catalogue.server_type(id_or_name)
    if found is None:
        raise errors.invalid("server_type", f"server type '{id_or_name}' not found")
    return found


def require_image(id_or_name: str | int, architecture: str) -> Doc:
    """Return an image for a processor.

    Raises:
        ApiError: `invalid_input` when there is none, or only for other processors.
    """
    found = catalogue.lookup(catalogue.IMAGES, id_or_name)
    if found is None:
        names = ", ".join(image["name"] for image in catalogue.IMAGES)
        raise errors.invalid("image", f"image '{id_or_name}' not found; here are {names}")
    if found["architecture"] != architecture:
        other = found["architecture"]
        msg = f"image '{id_or_name}' is for {other}, the server type is {architecture}"
        raise errors.invalid("image", msg)
    return found


def check_sold(server_type: ServerType, location: str) -> None:
    """Refuse a server type where it is not sold.

    Raises:
        ApiError: `invalid_input`, or `resource_unavailable` where it was sold once.
    """
    if location in server_type.withdrawn:
        msg = f"server type {server_type.name} is not available in {location} any more"
        raise ApiError("resource_unavailable", msg)
    if location not in server_type.locations:
        raise errors.invalid("location", "unsupported location for server type")


def _location(cloud: Cloud, body: Create, named_volumes: list[Doc]) -> Doc:
    numbers = (body.public_net.ipv4, body.public_net.ipv6)
    ips = [cloud.store.get("primary_ip", number) for number in numbers if number]
    given = [doc["location"] for doc in (*named_volumes, *ips) if doc]
    return places.choose_location(body.location, body.datacenter, (given or ["fsn1"])[0])


def _check_connected(body: Create, networks: list[Doc]) -> None:
    public = body.public_net.enable_ipv4 or body.public_net.enable_ipv6
    if not public and not networks and body.start_after_create:
        raise errors.invalid("public_net", "a server needs a public address or a network to start")
    if not public and body.firewalls:
        raise ApiError("private_net_only_server", "a firewall needs a server with a public address")


def _ssh_key(cloud: Cloud, id_or_name: str | int) -> Doc | None:
    text = str(id_or_name)
    by_name = cloud.store.find("ssh_key", text)
    return by_name or (cloud.store.get("ssh_key", int(text)) if text.isdecimal() else None)


def _primary_ip(cloud: Cloud, number: int | None, version: str, location: str) -> Doc | None:
    if number is None:
        return None
    ip = cloud.store.get("primary_ip", number)
    if ip is None:
        field = f"public_net.{version}"
        raise errors.invalid(field, f"primary IP {number} not found")
    if ip["type"] != version:
        raise ApiError("primary_ip_version_mismatch", f"primary IP {number} is not {version}")
    if ip["location"] != location:
        msg = f"primary IP {number} is in {ip['location']}, the server in {location}"
        raise ApiError("primary_ip_datacenter_mismatch", msg)
    if ip["assignee_id"] is not None:
        raise ApiError("primary_ip_assigned", f"primary IP {number} is assigned already")
    return ip


def _all(keys: Sequence[K], field: str, get: Callable[[K], Doc | None]) -> list[Doc]:
    found: list[Doc] = []
    for key in keys:
        doc = get(key)
        if doc is None:
            raise errors.invalid(field, f"'{key}' not found")
        if doc not in found:
            found.append(doc)
    return found
