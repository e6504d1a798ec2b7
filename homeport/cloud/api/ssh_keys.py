"""SSH keys."""

import base64
import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from homeport.cloud.api import errors
from homeport.cloud.api.clock import now
from homeport.cloud.api.cloud import Cloud
from homeport.cloud.api.labels import Labels
from homeport.cloud.api.routing import Body, Call, Kind, Reply, Routes, get_routes, patched
from homeport.cloud.api.store import Doc

_FIELDS = ("id", "name", "fingerprint", "public_key", "labels", "created")


class Create(Body):
    """Body of `POST /ssh_keys`."""

    name: str
    public_key: str
    labels: Labels = {}


class Update(Body):
    """Body of `PUT /ssh_keys/{id}`."""

    name: str | None = None
    labels: Labels | None = None


def fingerprint(public_key: str) -> str:
    """Return the MD5 fingerprint in colon form, as the vendor shows it.

    Raises:
        ApiError: `invalid_input` when the text is no public key in OpenSSH form.
    """
    try:
        load_ssh_public_key(public_key.strip().encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise errors.invalid("public_key", "SSH key is not valid: not an OpenSSH key") from error
    blob = base64.b64decode(public_key.split()[1])
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def render(_cloud: Cloud, key: Doc) -> Doc:
    """Return a key as the API shows it."""
    return {field: key[field] for field in _FIELDS}


KIND = Kind("ssh_key", "ssh_keys", render, filters={"fingerprint": lambda key: key["fingerprint"]})
routes = Routes("/ssh_keys")
get_routes(routes, KIND)


@routes.add("POST", "")
def create(call: Call) -> Reply:
    """Add a key; neither its name nor the key itself may be there already."""
    body = call.body(Create)
    if not body.name.strip():
        raise errors.invalid("name", "must not be empty")
    call.cloud.check_limit("ssh_key")
    mark = fingerprint(body.public_key)
    key = call.cloud.store.insert(
        "ssh_key",
        {**body.model_dump(), "fingerprint": mark, "created": now()},
        key=mark,
        key_field="fingerprint",
    )
    return Reply({"ssh_key": render(call.cloud, key)}, 201)


@routes.add("PUT", "/{id}")
def update(call: Call) -> Reply:
    """Change name and labels."""
    key = patched(call.doc("ssh_key"), call.body(Update), "name", "labels")
    call.cloud.store.save("ssh_key", key)
    return Reply({"ssh_key": render(call.cloud, key)})


@routes.add("DELETE", "/{id}")
def delete(call: Call) -> Reply:
    """Remove a key; servers that have it keep it."""
    call.cloud.store.delete("ssh_key", call.doc("ssh_key")["id"])
    return Reply(status=204)
