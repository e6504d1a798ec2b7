"""Bodies of requests about load balancers, and the rules of services and targets."""

import ipaddress
from typing import Annotated, Literal

import pydantic

from homeport.cloud.api import catalogue, errors
from homeport.cloud.api.cloud import Cloud
from homeport.cloud.api.errors import ApiError
from homeport.cloud.api.labels import Labels, parse_selector
from homeport.cloud.api.routing import Body
from homeport.cloud.api.store import Doc

Port = Annotated[int, pydantic.Field(ge=1, le=65535)]
Protocol = Literal["tcp", "http", "https"]


class HealthHttp(Body):
    """How a health check over HTTP asks."""

    domain: str | None = None
    path: str | None = None
    response: str | None = None
    status_codes: list[str] | None = None
    tls: bool | None = None


class HealthCheck(Body):
    """How a target's health is checked; recorded, not carried out."""

    protocol: Literal["tcp", "http"] | None = None
    port: Port | None = None
    interval: Annotated[int, pydantic.Field(ge=3, le=60)] | None = None
    timeout: Annotated[int, pydantic.Field(ge=1, le=60)] | None = None
    retries: Annotated[int, pydantic.Field(ge=1, le=5)] | None = None
    http: HealthHttp | None = None


class Http(Body):
    """What an HTTP service adds."""

    cookie_name: str | None = None
    cookie_lifetime: int | None = None
    certificates: list[int] | None = None
    redirect_http: bool | None = None
    sticky_sessions: bool | None = None
    timeout_idle: Annotated[int, pydantic.Field(ge=30, le=300)] | None = None


class Service(Body):
    """A service as requests bring it; what is missing keeps its value or gets the default."""

    protocol: Protocol | None = None
    listen_port: Port | None = None
    destination_port: Port | None = None
    proxyprotocol: bool | None = None
    http: Http | None = None
    health_check: HealthCheck | None = None


class ServerReference(Body):
    """A server by id."""

    id: int


class SelectorReference(Body):
    """Servers by label."""

    selector: str


class IpReference(Body):
    """A machine outside the cloud."""

    ip: str


class Target(Body):
    """A target as requests bring it."""

    type: Literal["server", "label_selector", "ip"]
    server: ServerReference | None = None
    label_selector: SelectorReference | None = None
    ip: IpReference | None = None
    use_private_ip: bool = False

    @pydantic.model_validator(mode="after")
    def _check(self) -> "Target":
        if getattr(self, self.type) is None:
            msg = f"{self.type} is required for this type"
            raise ValueError(msg)
        return self


class Algorithm(Body):
    """How targets are chosen."""

    type: Literal["round_robin", "least_connections"] = "round_robin"


class Create(Body):
    """Body of `POST /load_balancers`."""

    name: str
    load_balancer_type: str | int
    algorithm: Algorithm = Algorithm()
    location: str | None = None
    network_zone: Literal["eu-central", "us-east", "us-west", "ap-southeast"] | None = None
    labels: Labels = {}
    targets: list[Target] = []
    services: list[Service] = []
    public_interface: bool = True
    network: int | None = None


class Update(Body):
    """Body of `PUT /load_balancers/{id}`."""

    name: str | None = None
    labels: Labels | None = None


_HTTP_PORTS = {"http": 80, "https": 443}
_HEALTH = {"interval": 15, "timeout": 10, "retries": 3, "http": None}
_HEALTH_HTTP = {
    "domain": "", "path": "/", "response": "", "status_codes": ["2??", "3??"], "tls": False,
}  # fmt: skip
_HTTP = {
    "cookie_name": "HCLBSTICKY", "cookie_lifetime": 300, "certificates": [],
    "redirect_http": False, "sticky_sessions": False, "timeout_idle": 60,
}  # fmt: skip


def require_type(id_or_name: str | int) -> Doc:
    """Return a load balancer type.

    Raises:
        ApiError: `invalid_input`.
    """
    found = catalogue.lookup(catalogue.LOAD_BALANCER_TYPES, id_or_name)
    if found is None:
        raise errors.invalid("load_balancer_type", f"'{id_or_name}' not found")
    return found


def _service(body: Service, old: Doc) -> Doc:
    """Return a service with a request's values over the old ones, over the defaults."""
    protocol = body.protocol or old.get("protocol")
    if protocol == "https":
        msg = "https services are not available in this stand-in: it has no TLS termination"
        raise ApiError("unsupported_error", msg)
    if protocol is None:
        raise errors.invalid("protocol", "is required")
    default = _HTTP_PORTS.get(protocol)
    listen = body.listen_port or old.get("listen_port") or default
    destination = body.destination_port or old.get("destination_port") or default
    if listen is None or destination is None:
        raise errors.invalid("listen_port", "tcp services need listen_port and destination_port")
    proxy = old.get("proxyprotocol", False) if body.proxyprotocol is None else body.proxyprotocol
    return {
        "protocol": protocol,
        "listen_port": listen,
        "destination_port": destination,
        "proxyprotocol": proxy,
        "http": _over(_HTTP, old.get("http"), body.http) if protocol == "http" else None,
        "health_check": _health(body.health_check, old.get("health_check"), protocol, destination),
    }


def _over(defaults: Doc, old: Doc | None, body: Body | None) -> Doc:
    return {**defaults, **(old or {}), **(body.model_dump(exclude_none=True) if body else {})}


def _health(body: HealthCheck | None, old: Doc | None, protocol: str, port: int) -> Doc:
    check = _over({**_HEALTH, "protocol": protocol, "port": port}, old, body)
    if check["protocol"] == "http":
        http = body.http if body else None
        check["http"] = _over(_HEALTH_HTTP, (old or {}).get("http"), http)
    else:
        check["http"] = None
    return check


def add_service(balancer: Doc, body: Service) -> Doc:
    """Return a load balancer with one more service.

    Raises:
        ApiError: `source_port_already_used`, `resource_limit_exceeded`, `invalid_input`.
    """
    service = _service(body, {})
    if any(item["listen_port"] == service["listen_port"] for item in balancer["services"]):
        msg = f"port {service['listen_port']} is in use by another service"
        raise ApiError("source_port_already_used", msg)
    limit = require_type(balancer["type"])["max_services"]
    if len(balancer["services"]) >= limit:
        msg = f"a {balancer['type']} has at most {limit} services"
        raise ApiError("resource_limit_exceeded", msg)
    return balancer | {"services": [*balancer["services"], service]}


def update_service(balancer: Doc, body: Service) -> Doc:
    """Return a load balancer with one service changed, named by its listen_port.

    Raises:
        ApiError: `not_found`, `invalid_input`.
    """
    at = _service_at(balancer, body.listen_port)
    services = list(balancer["services"])
    services[at] = _service(body, services[at])
    return balancer | {"services": services}


def delete_service(balancer: Doc, listen_port: int) -> Doc:
    """Return a load balancer without the service on a port.

    Raises:
        ApiError: `not_found`.
    """
    at = _service_at(balancer, listen_port)
    return balancer | {"services": balancer["services"][:at] + balancer["services"][at + 1 :]}


def _service_at(balancer: Doc, listen_port: int | None) -> int:
    ports = [service["listen_port"] for service in balancer["services"]]
    if listen_port not in ports:
        raise ApiError("not_found", f"the load balancer has no service on port {listen_port}")
    return ports.index(listen_port)


def same_target(target: Doc, body: Target) -> bool:
    """Say whether a request names this target."""
    wanted = body.model_dump()
    return bool(target["type"] == body.type and target[body.type] == wanted[body.type])


def add_target(cloud: Cloud, balancer: Doc, body: Target) -> Doc:
    """Return a load balancer with one more target.

    Raises:
        ApiError: What the vendor refuses, with the vendor's code.
    """
    if any(same_target(target, body) for target in balancer["targets"]):
        raise ApiError("target_already_defined", "the target is defined already")
    if body.use_private_ip and not balancer["private_net"]:
        msg = "use_private_ip needs a load balancer that is attached to a network"
        raise ApiError("load_balancer_not_attached_to_network", msg)
    _check_target(cloud, balancer, body)
    limit = require_type(balancer["type"])["max_targets"]
    if len(balancer["targets"]) >= limit:
        msg = f"a {balancer['type']} has at most {limit} targets"
        raise ApiError("resource_limit_exceeded", msg)
    fields = {"type", body.type, "use_private_ip"}
    return balancer | {"targets": [*balancer["targets"], body.model_dump(include=fields)]}


def _check_target(cloud: Cloud, balancer: Doc, body: Target) -> None:
    if body.label_selector:
        parse_selector(body.label_selector.selector)
    if body.ip:
        try:
            ipaddress.IPv4Address(body.ip.ip)
        except ValueError as error:
            raise errors.invalid("ip", f"'{body.ip.ip}' is not an IPv4 address") from error
    if body.server:
        server = cloud.store.get("server", body.server.id)
        if server is None:
            raise errors.invalid("server", f"server {body.server.id} not found")
        own = {item["network"] for item in balancer["private_net"]}
        if body.use_private_ip and not own & {item["network"] for item in server["private_net"]}:
            msg = f"server {server['id']} is not attached to the load balancer's network"
            raise ApiError("server_not_attached_to_network", msg)
