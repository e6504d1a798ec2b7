"""Bodies of requests about firewalls, and what a rule may say."""

import ipaddress
import re
from typing import Annotated, Literal

import pydantic

from homeport.cloud.api.labels import Labels
from homeport.cloud.api.routing import Body

_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


def _check_network(text: str) -> str:
    return str(ipaddress.ip_network(text))


Networks = Annotated[
    list[Annotated[str, pydantic.AfterValidator(_check_network)]], pydantic.Field(max_length=100)
]


class Rule(Body):
    """One rule of a firewall."""

    direction: Literal["in", "out"]
    protocol: Literal["tcp", "udp", "icmp", "esp", "gre"]
    port: str | None = None
    source_ips: Networks = []
    destination_ips: Networks = []
    description: Annotated[str, pydantic.Field(max_length=255)] | None = None

    @pydantic.model_validator(mode="after")
    def _check(self) -> "Rule":
        if self.direction == "in" and not self.source_ips:
            msg = "source_ips are required for rules of direction in"
            raise ValueError(msg)
        if self.direction == "out" and not self.destination_ips:
            msg = "destination_ips are required for rules of direction out"
            raise ValueError(msg)
        if (self.port is not None) != (self.protocol in ("tcp", "udp")):
            msg = "a port is required for tcp and udp, and not allowed for other protocols"
            raise ValueError(msg)
        if self.port is not None:
            _check_ports(self.port)
        return self


def _check_ports(text: str) -> None:
    match = _PORTS.fullmatch(text)
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= low <= high <= 65535:
        msg = f"port '{text}' is not a port or a range like 8000-8100"
        raise ValueError(msg)


Rules = Annotated[list[Rule], pydantic.Field(max_length=50)]


class Reference(Body):
    """A server by id."""

    id: int


class SelectorReference(Body):
    """Servers by label."""

    selector: str


class Resource(Body):
    """What a firewall is applied to or removed from."""

    type: Literal["server", "label_selector"]
    server: Reference | None = None
    label_selector: SelectorReference | None = None

    @pydantic.model_validator(mode="after")
    def _check(self) -> "Resource":
        if getattr(self, self.type) is None:
            msg = f"{self.type} is required for this type"
            raise ValueError(msg)
        return self


class Create(Body):
    """Body of `POST /firewalls`."""

    name: str
    labels: Labels = {}
    rules: Rules = []
    apply_to: list[Resource] = []


class Update(Body):
    """Body of `PUT /firewalls/{id}`."""

    name: str | None = None
    labels: Labels | None = None


class SetRules(Body):
    """Body of the action `set_rules`."""

    rules: Rules


class Apply(Body):
    """Body of the action `apply_to_resources`."""

    apply_to: list[Resource]


class Remove(Body):
    """Body of the action `remove_from_resources`."""

    remove_from: list[Resource]
