"""Actions on load balancers."""

from homeport.cloud.api import addresses, errors
from homeport.cloud.api.errors import ApiError
from homeport.cloud.api.load_balancer_requests import (
    Algorithm,
    Port,
    Service,
    Target,
    add_service,
    add_target,
    delete_service,
    require_type,
    same_target,
    update_service,
)
from homeport.cloud.api.load_balancers import attachment, start_applying
from homeport.cloud.api.primary_ips import Reverse
from homeport.cloud.api.routing import Body, Call, Reply, Routes, started
from homeport.cloud.api.store import Doc

routes = Routes("/load_balancers")


class PortBody(Body):
    """Body of the action `delete_service`."""

    listen_port: Port


class Protection(Body):
    """Body of the action `change_protection`."""

    delete: bool


class ChangeType(Body):
    """Body of the action `change_type`."""

    load_balancer_type: str | int


class NetworkBody(Body):
    """Body of the actions on networks."""

    network: int
    ip: str | None = None
    ip_range: str | None = None


def _apply(call: Call, command: str, balancer: Doc) -> Reply:
    """Save a load balancer and answer with the action that makes it so."""
    call.cloud.store.save("load_balancer", balancer)
    return started(call, start_applying(call.cloud, command, balancer))


@routes.add("GET", "/{id}/metrics")
def metrics(call: Call) -> Reply:
    """Refuse: nothing is measured."""
    call.doc("load_balancer")
    raise ApiError("unsupported_error", "metrics are not available: this is a local stand-in")


@routes.add("POST", "/{id}/actions/add_service")
def add_service_action(call: Call) -> Reply:
    """Serve one more port."""
    balancer = add_service(call.doc("load_balancer"), call.body(Service))
    return _apply(call, "add_service", balancer)


@routes.add("POST", "/{id}/actions/update_service")
def update_service_action(call: Call) -> Reply:
    """Change the service on a port."""
    balancer = update_service(call.doc("load_balancer"), call.body(Service))
    return _apply(call, "update_service", balancer)


@routes.add("POST", "/{id}/actions/delete_service")
def delete_service_action(call: Call) -> Reply:
    """Serve a port no longer."""
    balancer = delete_service(call.doc("load_balancer"), call.body(PortBody).listen_port)
    return _apply(call, "delete_service", balancer)


@routes.add("POST", "/{id}/actions/add_target")
def add_target_action(call: Call) -> Reply:
    """Send requests to one more target."""
    balancer = add_target(call.cloud, call.doc("load_balancer"), call.body(Target))
    return _apply(call, "add_target", balancer)


@routes.add("POST", "/{id}/actions/remove_target")
def remove_target(call: Call) -> Reply:
    """Send no more requests to a target."""
    balancer, body = call.doc("load_balancer"), call.body(Target)
    kept = [target for target in balancer["targets"] if not same_target(target, body)]
    if len(kept) == len(balancer["targets"]):
        raise errors.invalid("target", "the load balancer has no such target")
    return _apply(call, "remove_target", balancer | {"targets": kept})


@routes.add("POST", "/{id}/actions/change_algorithm")
def change_algorithm(call: Call) -> Reply:
    """Record another way of choosing targets."""
    balancer = call.doc("load_balancer") | {"algorithm": call.body(Algorithm).model_dump()}
    return _apply(call, "change_algorithm", balancer)


@routes.add("POST", "/{id}/actions/change_type")
def change_type(call: Call) -> Reply:
    """Change the size; it must hold what is there."""
    balancer = call.doc("load_balancer")
    kind = require_type(call.body(ChangeType).load_balancer_type)
    many = len(balancer["services"]) > kind["max_services"]
    if many or len(balancer["targets"]) > kind["max_targets"]:
        msg = f"the load balancer has more services or targets than a {kind['name']} may have"
        raise ApiError("invalid_load_balancer_type", msg)
    return _apply(call, "change_load_balancer_type", balancer | {"type": kind["name"]})


@routes.add("POST", "/{id}/actions/change_protection")
def change_protection(call: Call) -> Reply:
    """Protect against deletion, or no longer."""
    fields = {"protection": {"delete": call.body(Protection).delete}}
    balancer = call.doc("load_balancer")
    action = call.cloud.actions.set_fields("change_protection", "load_balancer", balancer, fields)
    return started(call, action)


@routes.add("POST", "/{id}/actions/change_dns_ptr")
def change_dns_ptr(call: Call) -> Reply:
    """Set or reset a reverse name."""
    body, doc = call.body(Reverse), call.doc("load_balancer")
    shown_as = ("load_balancer", doc["id"])
    return started(call, addresses.start_reverse(call.cloud, shown_as, doc, body.ip, body.dns_ptr))


@routes.add("POST", "/{id}/actions/attach_to_network")
def attach_to_network(call: Call) -> Reply:
    """Give the load balancer an address in a network."""
    balancer, body = call.doc("load_balancer"), call.body(NetworkBody)
    if balancer["private_net"]:
        msg = "the load balancer is attached to a network already"
        raise ApiError("load_balancer_already_attached", msg)
    place = attachment(call.cloud, balancer, body.network, body.ip, body.ip_range)
    return _apply(call, "attach_to_network", balancer | {"private_net": [place]})


@routes.add("POST", "/{id}/actions/detach_from_network")
def detach_from_network(call: Call) -> Reply:
    """Take the load balancer out of a network."""
    balancer, body = call.doc("load_balancer"), call.body(NetworkBody)
    if any(target["use_private_ip"] for target in balancer["targets"]):
        raise ApiError(
            "resource_in_use", "the load balancer has targets that use private addresses"
        )
    kept = [item for item in balancer["private_net"] if item["network"] != body.network]
    if len(kept) == len(balancer["private_net"]):
        msg = f"the load balancer is not attached to network {body.network}"
        raise ApiError("load_balancer_not_attached_to_network", msg)
    return _apply(call, "detach_from_network", balancer | {"private_net": kept})


@routes.add("POST", "/{id}/actions/enable_public_interface")
def enable_public_interface(call: Call) -> Reply:
    """Serve on the public address."""
    return _apply(call, "enable_public_interface", call.doc("load_balancer") | {"public": True})


@routes.add("POST", "/{id}/actions/disable_public_interface")
def disable_public_interface(call: Call) -> Reply:
    """Serve on the public address no longer."""
    return _apply(call, "disable_public_interface", call.doc("load_balancer") | {"public": False})
