"""Firewalls: rules, and the servers that they hold for by id or by label."""

import ipaddress

from homeport.cloud.api import errors
from homeport.cloud.api.actions import Progress, job
from homeport.cloud.api.clock import now
from homeport.cloud.api.cloud import Cloud
from homeport.cloud.api.errors import ApiError
from homeport.cloud.api.firewall_requests import (
    Apply,
    Create,
    Remove,
    Resource,
    SetRules,
    Update,
)
from homeport.cloud.api.labels import parse_selector
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
from homeport.cloud.contract import FirewallRule


def covers(firewall: Doc, server: Doc) -> bool:
    """Say whether a firewall holds for a server, by id or by label."""
    return server["id"] in firewall["servers"] or any(
        parse_selector(text)(server["labels"]) for text in firewall["selectors"]
    )


def of_server(cloud: Cloud, server: Doc) -> list[Doc]:
    """Return the firewalls that hold for a server."""
    return [firewall for firewall in cloud.store.all("firewall") if covers(firewall, server)]


def enforce(cloud: Cloud, server_id: int) -> None:
    """Have the machinery enforce the merged rules of a server's firewalls, as they are now."""
    with cloud.store.transaction():
        server = cloud.store.get("server", server_id)
        if server is None:
            return
        firewalls = of_server(cloud, server)
    rules = tuple(_to_machinery(rule) for firewall in firewalls for rule in firewall["rules"])
    cloud.machinery.set_firewall(server_id, rules if firewalls else None)


def _to_machinery(rule: Doc) -> FirewallRule:
    ends = rule["source_ips"] if rule["direction"] == "in" else rule["destination_ips"]
    return FirewallRule(
        direction=rule["direction"],
        protocol=rule["protocol"],
        port=rule["port"],
        networks=tuple(ipaddress.ip_network(text) for text in ends),
    )


@job("enforce_firewall")
def _enforce(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    enforce(cloud, args["server"])


def start_enforcing(cloud: Cloud, command: str, server_id: int, firewall: Doc | None = None) -> Doc:
    """Start the action that brings a server's rules up to date."""
    resources = [("server", server_id)]
    if firewall:
        resources.insert(0, ("firewall", firewall["id"]))
    args = {"server": server_id}
    return cloud.actions.start(command, resources, args, job_name="enforce_firewall", locks=False)


def relabelled(cloud: Cloud, before: Doc, after: Doc) -> None:
    """Enforce anew when a change of labels moved a server into or out of a firewall."""
    if any(covers(doc, before) != covers(doc, after) for doc in cloud.store.all("firewall")):
        start_enforcing(cloud, "apply_firewall", after["id"])


def render(cloud: Cloud, firewall: Doc) -> Doc:
    """Return a firewall as the API shows it."""
    servers = cloud.store.all("server")
    applied: list[Doc] = [{"type": "server", "server": {"id": n}} for n in firewall["servers"]]
    for text in firewall["selectors"]:
        matching = [doc["id"] for doc in servers if parse_selector(text)(doc["labels"])]
        found = [{"type": "server", "server": {"id": number}} for number in matching]
        selector = {"selector": text}
        applied.append(
            {"type": "label_selector", "label_selector": selector, "applied_to_resources": found}
        )
    fields = {name: firewall[name] for name in ("id", "name", "labels", "created", "rules")}
    return {**fields, "applied_to": applied}


def _changed_servers(cloud: Cloud, before: Doc, after: Doc) -> list[int]:
    return [
        server["id"]
        for server in cloud.store.all("server")
        if covers(before, server) != covers(after, server)
    ]


def _add(cloud: Cloud, firewall: Doc, resources: list[Resource]) -> Doc:
    servers, selectors = list(firewall["servers"]), list(firewall["selectors"])
    for resource in resources:
        if resource.server:
            number = resource.server.id
            if cloud.store.get("server", number) is None:
                raise ApiError("firewall_resource_not_found", f"server {number} not found")
            if number in servers:
                known = number in firewall["servers"]
                code = "firewall_already_applied" if known else "server_already_added"
                raise ApiError(code, f"firewall is already applied to server {number}")
            servers.append(number)
        elif resource.label_selector:
            text = resource.label_selector.selector
            parse_selector(text)
            if text in selectors:
                raise ApiError(
                    "firewall_already_applied", f"firewall is already applied to '{text}'"
                )
            selectors.append(text)
    return firewall | {"servers": servers, "selectors": selectors}


def _store(call: Call, command: str, before: Doc, after: Doc) -> list[Doc]:
    """Save a firewall and start an action for every server that it now covers or no longer does."""
    call.cloud.store.save("firewall", after)
    servers = _changed_servers(call.cloud, before, after)
    begun = [start_enforcing(call.cloud, command, number, after) for number in servers]
    if not begun:
        begun = [call.cloud.actions.set_fields(command, "firewall", after, {})]
    return [shown(call, action) for action in begun]


routes = Routes("/firewalls")
action_routes(routes, "firewall")
get_routes(routes, Kind("firewall", "firewalls", render))


@routes.add("POST", "")
def create(call: Call) -> Reply:
    """Make a firewall and apply it."""
    body = call.body(Create)
    call.cloud.check_limit("firewall")
    empty = {
        "name": body.name,
        "labels": body.labels,
        "rules": [rule.model_dump() for rule in body.rules],
        "created": now(),
        "servers": [],
        "selectors": [],
    }
    before = call.cloud.store.insert("firewall", empty)
    after = _add(call.cloud, before, body.apply_to)
    begun = _store(call, "apply_firewall", before, after) if body.apply_to else []
    return Reply({"firewall": render(call.cloud, after), "actions": begun}, 201)


@routes.add("PUT", "/{id}")
def update(call: Call) -> Reply:
    """Change name and labels."""
    firewall = patched(call.doc("firewall"), call.body(Update), "name", "labels")
    call.cloud.store.save("firewall", firewall)
    return Reply({"firewall": render(call.cloud, firewall)})


@routes.add("DELETE", "/{id}")
def delete(call: Call) -> Reply:
    """Remove a firewall that holds for nothing."""
    firewall = call.doc("firewall")
    if firewall["servers"] or firewall["selectors"]:
        raise ApiError(
            "resource_in_use", f"firewall {firewall['id']} is still applied to resources"
        )
    call.cloud.store.delete("firewall", firewall["id"])
    return Reply(status=204)


@routes.add("POST", "/{id}/actions/set_rules")
def set_rules(call: Call) -> Reply:
    """Replace all rules, on all servers."""
    cloud, firewall = call.cloud, call.doc("firewall")
    rules = [rule.model_dump() for rule in call.body(SetRules).rules]
    firewall["rules"] = rules
    cloud.store.save("firewall", firewall)
    begun = [cloud.actions.set_fields("set_firewall_rules", "firewall", firewall, {"rules": rules})]
    for server in cloud.store.all("server"):
        if covers(firewall, server):
            begun.append(start_enforcing(cloud, "apply_firewall", server["id"], firewall))
    return Reply({"actions": [shown(call, action) for action in begun]}, 201)


@routes.add("POST", "/{id}/actions/apply_to_resources")
def apply_to_resources(call: Call) -> Reply:
    """Apply to more servers or labels."""
    body, firewall = call.body(Apply), call.doc("firewall")
    if not body.apply_to:
        raise errors.invalid("apply_to", "must not be empty")
    after = _add(call.cloud, firewall, body.apply_to)
    return Reply({"actions": _store(call, "apply_firewall", firewall, after)}, 201)


@routes.add("POST", "/{id}/actions/remove_from_resources")
def remove_from_resources(call: Call) -> Reply:
    """Remove from servers or labels; what it is not applied to is no error."""
    body, firewall = call.body(Remove), call.doc("firewall")
    if not body.remove_from:
        raise errors.invalid("remove_from", "must not be empty")
    servers = {item.server.id for item in body.remove_from if item.server}
    selectors = {item.label_selector.selector for item in body.remove_from if item.label_selector}
    by_label = firewall | {"servers": []}
    for number in servers - set(firewall["servers"]):
        server = call.cloud.store.get("server", number)
        if server and covers(by_label, server):
            msg = f"server {number} has the firewall by a label selector"
            raise ApiError("firewall_managed_by_label_selector", msg)
    after = firewall | {
        "servers": [number for number in firewall["servers"] if number not in servers],
        "selectors": [text for text in firewall["selectors"] if text not in selectors],
    }
    return Reply({"actions": _store(call, "remove_firewall", firewall, after)}, 201)
