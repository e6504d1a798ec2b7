"""What a person sets for a stack beside its file, and what a local cloud sets in their place."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from homeport.cloud import shared_server, website_server
from homeport.cloud.contract import MachineryError
from homeport.cloud.instance import Cloud
from homeport.cloud.names import (
    GOOGLE_STANDIN,
    MANAGED_POSTGRES,
    OBJECTS,
    PRIVATE_REGISTRY,
    SHARED_SERVER,
    WEBSITE_SERVER,
)
from homeport.cloud.shared_server import SharedServer

SECRETS: Mapping[str, str] = {
    "registry": "registry_password",
    "database": "database_password",
    "existing_server": "existing_server_password",
    "storage": "storage_secret_key",
    "signing": "signing_api_key",
    "smtp": "smtp_password",
    "imap": "imap_password",
    "website": "intake_secret",
    "wildcard": "dns_token",
    "media": "media_secret_access_key",
    "google": "google_client_secret",
}
"""Secrets that a person sets, by the part of the configuration that they belong to."""

_SERVICES = {
    "registry": ("server", PRIVATE_REGISTRY),
    "database": ("host", MANAGED_POSTGRES),
    "existing_server": ("address", SHARED_SERVER),
    "media": ("endpoint", f"https://{OBJECTS}"),
    "google": ("endpoint", f"https://{GOOGLE_STANDIN}"),
}
"""Parts that a local cloud has something for, and the field and value that name it."""
_MADE = {"database": "database_server"}
"""Parts that a stack makes itself, with the part that says so: what opens them is any password."""

_ASKED_BY_APPS = ("media", "google")
"""Parts whose service an app asks itself, and so has to trust what the servers trust anyway."""


def keys(project: str, config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the full keys of the secrets that a stack file leaves to a person."""
    for part, key in SECRETS.items():
        if f"{project}:{part}" in config:
            yield f"{project}:{key}"


def fit(cloud: Cloud, project: str, config: dict[str, Any]) -> dict[str, str]:
    """Make a stack's configuration one for a local cloud; return the secrets that belong to it.

    Services of others, such as mail, are not there: what opens them is invented.

    Raises:
        MachineryError: it names a server of the cloud that is not there.
    """
    found: dict[str, str] = {}
    for part, key in SECRETS.items():
        about = config.get(f"{project}:{part}")
        field, service = _SERVICES.get(part, (None, None))
        made = config.get(f"{project}:{_MADE.get(part)}")
        ours = about and (field is None or about.get(field) == service or made)
        if ours and f"{project}:{key}" not in config:
            found[f"{project}:{key}"] = _secret(cloud, part)
            if part in _ASKED_BY_APPS:
                config[f"{project}:{part}"]["ca_certificate"] = (
                    cloud.infrastructure_ca_file.read_text()
                )
    if f"{project}:existing_server_password" in found:
        found |= _use(_shared_server(cloud), project, config)
    website = config.get(f"{project}:website_server")
    if website and website.get("address") == WEBSITE_SERVER:
        server = website_server.read(cloud) or _missing(cloud, WEBSITE_SERVER)
        website |= {"address": server.address, "host_key": server.host_key}
        found[f"{project}:website_server_private_key"] = server.private_key
    return found


def _secret(cloud: Cloud, part: str) -> str:
    if part == "registry":
        return cloud.registry_password
    if part == "database":
        return cloud.database_password
    if part == "wildcard":
        return cloud.token
    if part == "media":
        return cloud.objects_secret
    if part == "google":
        return cloud.google_secret
    return hashlib.sha256(f"{part}\0{cloud.token}".encode()).hexdigest()[:32]


def _shared_server(cloud: Cloud) -> SharedServer:
    return shared_server.read(cloud) or _missing(cloud, SHARED_SERVER)


def _missing(cloud: Cloud, server: str) -> NoReturn:
    msg = (
        f"the cloud {cloud.name} has no {server} yet: make it by "
        f"`homeport cloud {server.partition('.')[0]} --name {cloud.name} HOSTNAME…`"
    )
    raise MachineryError(msg)


def _use(server: SharedServer, project: str, config: dict[str, Any]) -> dict[str, str]:
    """Name a shared server and who approves plans for it; return what logs in to it."""
    about = config[f"{project}:existing_server"]
    about |= {"address": server.address, "host_key": server.host_key}
    guard = config.get(f"{project}:guard")
    if guard:
        guard["approvers"] = {"operator": server.approver}
    return {
        f"{project}:existing_server_password": server.password(about["user"]),
        f"{project}:existing_server_private_key": server.private_key,
    }
