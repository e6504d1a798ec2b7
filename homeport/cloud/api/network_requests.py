"""Bodies of requests about private networks."""

import ipaddress
from typing import Annotated, Literal

import pydantic

from homeport.cloud.api.labels import Labels
from homeport.cloud.api.routing import Body

_PRIVATE = tuple(
    ipaddress.IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
)
_ZONES = Literal["eu-central", "us-east", "us-west", "ap-southeast"]


def _check_private(text: str) -> str:
    network = ipaddress.IPv4Network(text)
    if not any(network.subnet_of(private) for private in _PRIVATE) or network.prefixlen > 29:
        msg = f"'{text}' is not a private IPv4 range (RFC 1918) of at least 8 addresses"
        raise ValueError(msg)
    return str(network)


Range = Annotated[str, pydantic.AfterValidator(_check_private)]


class Subnet(Body):
    """A subnet as requests bring it; without a range the next free /24 is taken."""

    type: Literal["cloud", "server"] = "cloud"
    ip_range: Range | None = None
    network_zone: _ZONES


class RouteBody(Body):
    """A route of the private network."""

    destination: str
    gateway: str

    @pydantic.model_validator(mode="after")
    def _check(self) -> "RouteBody":
        ipaddress.IPv4Network(self.destination)
        ipaddress.IPv4Address(self.gateway)
        return self


class Create(Body):
    """Body of `POST /networks`."""

    name: str
    ip_range: Range
    subnets: list[Subnet] = []
    routes: list[RouteBody] = []
    labels: Labels = {}
    expose_routes_to_vswitch: bool = False


class Update(Body):
    """Body of `PUT /networks/{id}`."""

    name: str | None = None
    labels: Labels | None = None
    expose_routes_to_vswitch: bool | None = None


class RangeBody(Body):
    """Body of the actions `delete_subnet` and `change_ip_range`."""

    ip_range: Range


class Protection(Body):
    """Body of the action `change_protection`."""

    delete: bool
