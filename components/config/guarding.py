"""What is vital on a server, and who may approve that a plan touches it."""

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from .loading import Part
from .network_values import Hostname
from .problems import refuse
from .ssh_keys import PublicKey
from .values import Flag, Text, distinct

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_APPROVER = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        refuse("is no name", "give it as the server lists it: letters, digits and . _ -")
    return value


def _file(value: str) -> str:
    plain = value.startswith("/") and not value.endswith("/") and "//" not in value
    if not plain or ".." in value.split("/"):
        refuse("is no absolute path", "give a file or folder such as /etc/nginx/sites-enabled/shop")
    return value


def _approver(value: str) -> str:
    if not _APPROVER.fullmatch(value):
        refuse("is no name of a person", "use lower-case letters, digits and . _ @ -, up to 64")
    return value


def _somebody(value: dict[str, str]) -> dict[str, str]:
    if not value:
        refuse("names nobody", "give at least one name with its public SSH key")
    blobs = [" ".join(key.split()[:2]) for key in value.values()]
    for name, blob in zip(value, blobs, strict=True):
        if blobs.count(blob) > 1:
            refuse(
                f"gives {name}'s key to somebody else too", "give each person a key of their own"
            )
    return value


Name = Annotated[Text, AfterValidator(_name)]
"""A name as Docker, PostgreSQL or certbot lists it."""
Path = Annotated[Text, AfterValidator(_file)]
"""A file of a host, or a folder with everything in it."""
Approvers = Annotated[
    dict[Annotated[Text, AfterValidator(_approver)], PublicKey], AfterValidator(_somebody)
]
"""Public SSH keys by the names of their owners."""


class Vital(Part):
    """What no plan may touch on the server without being told to by name."""

    containers: Annotated[tuple[Name, ...], AfterValidator(distinct)] = Field(
        (), examples=[["signing-app", "signing-db"]]
    )
    """Names of containers."""
    volumes: Annotated[tuple[Name, ...], AfterValidator(distinct)] = Field(
        (), examples=[["signing-data"]]
    )
    """Names of volumes of the container engine."""
    databases: Annotated[tuple[Name, ...], AfterValidator(distinct)] = Field(
        (), examples=[["signing"]]
    )
    """Names of databases, in whatever server."""
    certificates: Annotated[tuple[Name, ...], AfterValidator(distinct)] = Field(
        (), examples=[["sign.example.com"]]
    )
    """Names of certificates, as certbot lists them."""
    vhosts: Annotated[tuple[Hostname, ...], AfterValidator(distinct)] = Field(
        (), examples=[["sign.example.com"]]
    )
    """Host names that the proxy serves for others."""
    files: Annotated[tuple[Path, ...], AfterValidator(distinct)] = Field(
        (), examples=[["/srv/signing", "/etc/nginx/sites-enabled/sign"]]
    )
    """Files, or folders with everything in them."""

    def labels(self) -> Iterator[str]:
        """Yield every vital thing as approvals name it, such as `container:signing-app`."""
        for field in type(self).model_fields:
            yield from (f"{field.removesuffix('s')}:{name}" for name in getattr(self, field))


class Guard(Part):
    """Nothing is changed without an approval of exactly that plan, by `homeport approve`."""

    approvers: Approvers = Field(examples=[{"anna": "ssh-ed25519 AAAA…"}])
    """Who may approve, each with a public SSH key."""
    valid_minutes: Annotated[int, Field(strict=True, ge=1, le=1440)] = 30
    """How long an approval can be used."""
    backup_hours: Annotated[int, Field(strict=True, ge=1, le=720)] = 24
    """How old the backup of a vital thing may be when a plan that touches it is approved."""
    vital: Vital = Vital()
    """What no plan may touch without being told to by name, and without a backup."""
    enforced: Flag = True
    """Whether it holds. Give a guard up in two steps: set this to false, have that approved and run
    it, then remove the key."""
