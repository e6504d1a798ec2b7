"""Storage boxes: accounts for files over SFTP."""

from typing import Annotated, Any

import pydantic

from homeport.cloud.api import catalogue, errors, places
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
    refuse,
    shown,
    started,
)
from homeport.cloud.api.ssh_keys import fingerprint
from homeport.cloud.api.store import Doc


def _check_password(text: str) -> str:
    kinds = (str.islower, str.isupper, str.isdigit)
    if len(text) < 12 or not all(any(map(kind, text)) for kind in kinds):
        msg = "needs at least 12 characters with lower case, upper case and digits"
        raise ValueError(msg)
    return text


Password = Annotated[str, pydantic.AfterValidator(_check_password)]


class Access(Body):
    """How a box may be reached; here it is SSH or nothing."""

    reachable_externally: bool | None = None
    samba_enabled: bool | None = None
    ssh_enabled: bool | None = None
    webdav_enabled: bool | None = None
    zfs_enabled: bool | None = None


class Create(Body):
    """Body of `POST /storage_boxes`."""

    name: str
    storage_box_type: str | int
    location: str | int
    password: Password
    ssh_keys: list[str] = []
    access_settings: Access = Access()
    labels: Labels = {}


class Update(Body):
    """Body of `PUT /storage_boxes/{id}`."""

    name: str | None = None
    labels: Labels | None = None


class NewPassword(Body):
    """Body of the action `reset_password`."""

    password: Password


class ChangeType(Body):
    """Body of the action `change_type`."""

    storage_box_type: str | int


class Protection(Body):
    """Body of the action `change_protection`."""

    delete: bool


_NO_ACCESS = {
    "reachable_externally": False, "samba_enabled": False, "ssh_enabled": False,
    "webdav_enabled": False, "zfs_enabled": False,
}  # fmt: skip


def render(_cloud: Cloud, box: Doc) -> Doc:
    """Return a storage box as the API shows it."""
    plain = (
        "id", "name", "username", "status", "server", "access_settings", "labels", "protection",
        "created",
    )  # fmt: skip
    return {
        **{field: box[field] for field in plain},
        "storage_box_type": catalogue.lookup(catalogue.STORAGE_BOX_TYPES, box["type"]),
        "location": places.location(box["location"]),
        "system": "local",
        "stats": {"size": 0, "size_data": 0, "size_snapshots": 0},
        "snapshot_plan": None,
    }


def require_type(id_or_name: str | int) -> Doc:
    """Return a storage box type.

    Raises:
        ApiError: `invalid_input`.
    """
    found = catalogue.lookup(catalogue.STORAGE_BOX_TYPES, id_or_name)
    if found is None:
        raise errors.invalid("storage_box_type", f"'{id_or_name}' not found")
    return found


def _destroy(cloud: Cloud, args: Doc) -> None:
    """Leave nothing of a box, be it unwanted or not to be made."""
    cloud.machinery.delete_storage_box(args["id"])
    cloud.store.delete("storage_box", args["id"])


@job("set_storage_box_password")
@job("create_storage_box", _destroy)
def _apply(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    box = cloud.store.require("storage_box", args["id"])
    keys = tuple(box["authorized_keys"])
    host = cloud.machinery.create_storage_box(box["id"], box["username"], args["password"], keys)
    with cloud.store.transaction():
        box = cloud.store.require("storage_box", args["id"])
        cloud.store.save("storage_box", box | {"server": host, "status": "active"})


@job("delete_storage_box")
def _delete(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    _destroy(cloud, args)


routes = Routes("/storage_boxes")
action_routes(routes, "storage_box")
get_routes(routes, Kind("storage_box", "storage_boxes", render))
refuse(routes, "rollback_snapshot", "enable_snapshot_plan", "disable_snapshot_plan")


@routes.add("POST", "")
def create(call: Call) -> Reply:
    """Make an account; the password is handed to the machinery and not kept."""
    body, cloud = call.body(Create), call.cloud
    cloud.check_limit("storage_box")
    for key in body.ssh_keys:
        fingerprint(key)
    box = cloud.store.insert(
        "storage_box",
        {
            "name": body.name,
            "type": require_type(body.storage_box_type)["name"],
            "location": places.require_location(body.location)["name"],
            "labels": body.labels,
            "access_settings": _NO_ACCESS | body.access_settings.model_dump(exclude_none=True),
            "authorized_keys": body.ssh_keys,
            "username": f"u{cloud.store.count_up('storage_box', 100_000)}",
            "server": None,
            "status": "initializing",
            "protection": {"delete": False},
            "created": now(),
        },
    )
    args = {"id": box["id"], "password": body.password}
    action = _start(call, "create", box, args, "create_storage_box")
    return Reply({"storage_box": render(cloud, box), "action": shown(call, action)}, 201)


def _start(call: Call, command: str, box: Doc, args: Doc, job_name: str) -> Doc:
    resources = [("storage_box", box["id"])]
    return call.cloud.actions.start(command, resources, args, job_name=job_name)


@routes.add("PUT", "/{id}")
def update(call: Call) -> Reply:
    """Change name and labels."""
    box = patched(call.doc("storage_box"), call.body(Update), "name", "labels")
    call.cloud.store.save("storage_box", box)
    return Reply({"storage_box": render(call.cloud, box)})


@routes.add("DELETE", "/{id}")
def delete(call: Call) -> Reply:
    """Remove the account and its files."""
    box = call.doc("storage_box")
    if box["protection"]["delete"]:
        raise errors.protected("storage_box")
    action = _start(call, "delete", box, {"id": box["id"]}, "delete_storage_box")
    return Reply({"action": shown(call, action)}, 201)


def _empty_list(path: str, field: str) -> None:
    @routes.add("GET", f"/{{id}}/{path}")
    def listed(call: Call) -> Reply:
        call.doc("storage_box")
        nothing: dict[str, Any] = {field: []}
        return Reply(nothing)

    @routes.add("POST", f"/{{id}}/{path}")
    def refused(_call: Call) -> Reply:
        raise ApiError("unsupported_error", f"{path} are not available in this stand-in")


_empty_list("snapshots", "snapshots")
_empty_list("subaccounts", "subaccounts")


@routes.add("POST", "/{id}/actions/reset_password")
def reset_password(call: Call) -> Reply:
    """Set another password."""
    box, password = call.doc("storage_box"), call.body(NewPassword).password
    args = {"id": box["id"], "password": password}
    return started(call, _start(call, "reset_password", box, args, "set_storage_box_password"))


@routes.add("POST", "/{id}/actions/change_type")
def change_type(call: Call) -> Reply:
    """Record another size."""
    box, kind = call.doc("storage_box"), require_type(call.body(ChangeType).storage_box_type)
    fields = {"type": kind["name"]}
    return started(call, call.cloud.actions.set_fields("change_type", "storage_box", box, fields))


@routes.add("POST", "/{id}/actions/update_access_settings")
def update_access_settings(call: Call) -> Reply:
    """Record how the box may be reached."""
    box, wanted = call.doc("storage_box"), call.body(Access).model_dump(exclude_none=True)
    fields = {"access_settings": box["access_settings"] | wanted}
    command = "update_access_settings"
    return started(call, call.cloud.actions.set_fields(command, "storage_box", box, fields))


@routes.add("POST", "/{id}/actions/change_protection")
def change_protection(call: Call) -> Reply:
    """Protect against deletion, or no longer."""
    fields = {"protection": {"delete": call.body(Protection).delete}}
    box = call.doc("storage_box")
    return started(
        call, call.cloud.actions.set_fields("change_protection", "storage_box", box, fields)
    )
