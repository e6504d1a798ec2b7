"""Volumes: block devices that outlive servers."""

from typing import Annotated, Literal

import pydantic

from homeport.cloud.api import errors, places
from homeport.cloud.api.actions import Progress, job
from homeport.cloud.api.clock import now
from homeport.cloud.api.cloud import Cloud
from homeport.cloud.api.errors import ApiError
from homeport.cloud.api.labels import Labels
from homeport.cloud.api.routing import (
    Body,
    Call,
    Kind,
    Reply,
    Routes,
    action_routes,
    get_routes,
    patched,
    shown,
    started,
)
from homeport.cloud.api.store import Doc

Size = Annotated[int, pydantic.Field(ge=10, le=10240)]
_FIELDS = (
    "id", "name", "size", "format", "labels", "protection", "created", "status", "server",
    "linux_device",
)  # fmt: skip


class Create(Body):
    """Body of `POST /volumes`."""

    name: str
    size: Size
    server: int | None = None
    location: str | int | None = None
    automount: bool | None = None
    format: Literal["ext4", "xfs"] | None = None
    labels: Labels = {}


class Update(Body):
    """Body of `PUT /volumes/{id}`."""

    name: str | None = None
    labels: Labels | None = None


class Attach(Body):
    """Body of the action `attach`."""

    server: int
    automount: bool = False


class Resize(Body):
    """Body of the action `resize`."""

    size: Size


class Protection(Body):
    """Body of the action `change_protection`."""

    delete: bool


def render(_cloud: Cloud, volume: Doc) -> Doc:
    """Return a volume as the API shows it."""
    shown_fields = {field: volume[field] for field in _FIELDS}
    return {**shown_fields, "location": places.location(volume["location"])}


def _patch(cloud: Cloud, volume_id: int, **fields: object) -> None:
    with cloud.store.transaction():
        volume = cloud.store.get("volume", volume_id)
        if volume:
            cloud.store.save("volume", volume | fields)


def _destroy(cloud: Cloud, args: Doc) -> None:
    """Leave nothing of a volume, be it unwanted or not to be made."""
    cloud.machinery.delete_volume(args["id"])
    cloud.store.delete("volume", args["id"])


@job("create_volume", _destroy)
def _create(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    volume = cloud.store.require("volume", args["id"])
    cloud.machinery.create_volume(volume["id"], volume["size"], volume["format"])
    _patch(cloud, volume["id"], status="available")


@job("attach_volume")
def _attach(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    cloud.store.require("volume", args["id"])
    cloud.store.require("server", args["server"])
    device = cloud.machinery.attach_volume(args["id"], args["server"], automount=args["automount"])
    _patch(cloud, args["id"], server=args["server"], linux_device=device)


@job("detach_volume")
def _detach(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    detach(cloud, args["id"])


@job("resize_volume")
def _resize(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    cloud.machinery.resize_volume(args["id"], args["size"])
    _patch(cloud, args["id"], size=args["size"])


@job("delete_volume")
def _delete(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    _destroy(cloud, args)


def detach(cloud: Cloud, volume_id: int) -> None:
    """Take a volume from its server, in truth and in the record."""
    cloud.machinery.detach_volume(volume_id)
    _patch(cloud, volume_id, server=None)


def of_server(cloud: Cloud, server_id: int) -> list[Doc]:
    """Return the volumes that a server has."""
    return [volume for volume in cloud.store.all("volume") if volume["server"] == server_id]


def check_attachable(cloud: Cloud, volume: Doc, location: str) -> None:
    """Refuse a volume that another server has, or that is elsewhere.

    Raises:
        ApiError: `volume_already_attached`, `locked` or `invalid_input`.
    """
    if volume["server"] is not None:
        msg = f"volume {volume['id']} is attached to server {volume['server']}"
        raise ApiError("volume_already_attached", msg)
    cloud.actions.require_unlocked("volume", volume["id"])
    if volume["location"] != location:
        msg = f"volume {volume['id']} is in {volume['location']}, the server in {location}"
        raise errors.invalid("volume", msg)


def start_attaching(
    cloud: Cloud, volume_id: int, server_id: int, *, automount: bool, requires: int | None = None
) -> Doc:
    """Start the action that shows a volume to a server."""
    resources = [("server", server_id), ("volume", volume_id)]
    args = {"id": volume_id, "server": server_id, "automount": automount}
    return cloud.actions.start("attach_volume", resources, args, requires=requires)


routes = Routes("/volumes")
action_routes(routes, "volume")
get_routes(routes, Kind("volume", "volumes", render, filters={"status": lambda doc: doc["status"]}))


@routes.add("POST", "")
def create(call: Call) -> Reply:
    """Make a volume, and attach it when a server is named."""
    body, cloud = call.body(Create), call.cloud
    cloud.check_limit("volume")
    if (body.server is None) == (body.location is None):
        raise errors.invalid("location", "either location or server is required, and not both")
    if body.automount and body.server is None:
        raise errors.invalid("automount", "needs a server")
    place = _place(cloud, body)
    volume = cloud.store.insert(
        "volume",
        {
            **body.model_dump(include={"name", "size", "format", "labels"}),
            "location": place,
            "server": None,
            "status": "creating",
            "linux_device": "",
            "protection": {"delete": False},
            "created": now(),
        },
    )
    volume["linux_device"] = f"/dev/disk/by-id/scsi-0HC_Volume_{volume['id']}"
    cloud.store.save("volume", volume)
    resources = [("volume", volume["id"])]
    action = cloud.actions.start("create_volume", resources, {"id": volume["id"]})
    following = []
    if body.server is not None:
        mount = bool(body.automount)
        following.append(
            start_attaching(
                cloud, volume["id"], body.server, automount=mount, requires=action["id"]
            )
        )
    return Reply(
        {
            "volume": render(cloud, volume),
            "action": shown(call, action),
            "next_actions": [shown(call, item) for item in following],
        },
        201,
    )


def _place(cloud: Cloud, body: Create) -> str:
    if body.server is None:
        return str(places.require_location(body.location or "")["name"])
    server = cloud.store.get("server", body.server)
    if server is None:
        raise errors.invalid("server", f"server {body.server} not found")
    return str(server["location"])


@routes.add("PUT", "/{id}")
def update(call: Call) -> Reply:
    """Change name and labels."""
    volume = patched(call.doc("volume"), call.body(Update), "name", "labels")
    call.cloud.store.save("volume", volume)
    return Reply({"volume": render(call.cloud, volume)})


@routes.add("DELETE", "/{id}")
def delete(call: Call) -> Reply:
    """Destroy a volume that no server has."""
    volume = call.doc("volume")
    if volume["protection"]["delete"]:
        raise errors.protected("volume")
    if volume["server"] is not None:
        raise ApiError("resource_in_use", f"volume {volume['id']} is still attached to a server")
    call.cloud.actions.require_unlocked("volume", volume["id"])
    resources = [("volume", volume["id"])]
    action = call.cloud.actions.start("delete_volume", resources, {"id": volume["id"]})
    return Reply(status=204, after=action["id"])


@routes.add("POST", "/{id}/actions/attach")
def attach(call: Call) -> Reply:
    """Show the volume to a server in the same location."""
    body, volume = call.body(Attach), call.doc("volume")
    server = call.cloud.store.get("server", body.server)
    if server is None:
        raise errors.invalid("server", f"server {body.server} not found")
    check_attachable(call.cloud, volume, server["location"])
    call.cloud.actions.require_unlocked("server", body.server)
    action = start_attaching(call.cloud, volume["id"], body.server, automount=body.automount)
    return started(call, action)


@routes.add("POST", "/{id}/actions/detach")
def detach_volume(call: Call) -> Reply:
    """Take the volume from its server."""
    volume = call.doc("volume")
    if volume["server"] is None:
        raise ApiError("volume_not_attached", f"volume {volume['id']} is not attached to a server")
    call.cloud.actions.require_unlocked("volume", volume["id"])
    resources = [("volume", volume["id"]), ("server", volume["server"])]
    action = call.cloud.actions.start("detach_volume", resources, {"id": volume["id"]})
    return started(call, action)


@routes.add("POST", "/{id}/actions/resize")
def resize(call: Call) -> Reply:
    """Grow the volume; it never shrinks."""
    body, volume = call.body(Resize), call.doc("volume")
    if body.size <= volume["size"]:
        raise errors.invalid("size", f"must be greater than the present {volume['size']} GB")
    call.cloud.actions.require_unlocked("volume", volume["id"])
    args = {"id": volume["id"], "size": body.size}
    return started(
        call, call.cloud.actions.start("resize_volume", [("volume", volume["id"])], args)
    )


@routes.add("POST", "/{id}/actions/change_protection")
def change_protection(call: Call) -> Reply:
    """Protect against deletion, or no longer."""
    fields = {"protection": {"delete": call.body(Protection).delete}}
    volume = call.doc("volume")
    return started(
        call, call.cloud.actions.set_fields("change_protection", "volume", volume, fields)
    )
