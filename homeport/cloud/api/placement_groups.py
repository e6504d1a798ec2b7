"""Placement groups: recorded; one machine has nothing to spread over."""

from typing import Literal

from homeport.cloud.api.clock import now
from homeport.cloud.api.cloud import Cloud
from homeport.cloud.api.errors import ApiError
from homeport.cloud.api.labels import Labels
from homeport.cloud.api.routing import Body, Call, Kind, Reply, Routes, get_routes, patched
from homeport.cloud.api.store import Doc


class Create(Body):
    """Body of `POST /placement_groups`."""

    name: str
    type: Literal["spread"]
    labels: Labels = {}


class Update(Body):
    """Body of `PUT /placement_groups/{id}`."""

    name: str | None = None
    labels: Labels | None = None


def render(cloud: Cloud, group: Doc) -> Doc:
    """Return a placement group as the API shows it."""
    servers = cloud.store.all("server")
    members = [doc["id"] for doc in servers if doc["placement_group"] == group["id"]]
    return {**group, "servers": members}


routes = Routes("/placement_groups")
_FILTERS = {"type": lambda group: group["type"]}
get_routes(routes, Kind("placement_group", "placement_groups", render, filters=_FILTERS))


@routes.add("POST", "")
def create(call: Call) -> Reply:
    """Make a group."""
    body = call.body(Create)
    call.cloud.check_limit("placement_group")
    group = call.cloud.store.insert("placement_group", {**body.model_dump(), "created": now()})
    return Reply({"placement_group": render(call.cloud, group), "action": None}, 201)


@routes.add("PUT", "/{id}")
def update(call: Call) -> Reply:
    """Change name and labels."""
    group = patched(call.doc("placement_group"), call.body(Update), "name", "labels")
    call.cloud.store.save("placement_group", group)
    return Reply({"placement_group": render(call.cloud, group)})


@routes.add("DELETE", "/{id}")
def delete(call: Call) -> Reply:
    """Remove a group without servers."""
    group = call.doc("placement_group")
    if render(call.cloud, group)["servers"]:
        raise ApiError("resource_in_use", f"placement group {group['id']} still has servers")
    call.cloud.store.delete("placement_group", group["id"])
    return Reply(status=204)
