"""Rules over all stacks of a project: what two of them must not share.

The other stacks' files lie beside this one's. Their plain values can be read, their secrets cannot:
two secrets are known to be equal when their ciphertext is (a copied line), or when one of them was
typed in plain text. Two secrets that were set one by one to the same value cannot be seen.
"""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from .loading import Context
from .problems import Problem

if TYPE_CHECKING:
    from .parts import Dns, Site
    from .starter import ExistingServer, Postgres


def stack_files_are_readable(context: Context) -> Iterator[Problem]:
    """The other stacks' files can be compared with."""
    for path in _files(context):
        if _document(path) is None:
            wrong = "cannot be compared with, because it is no YAML file"
            yield Problem(f"({path.name})", wrong, "put it right, or remove it")


def domains_differ(
    domain: str, site: "Site", context: Context, dns: "Dns | None" = None
) -> Iterator[Problem]:
    """A host name is served by one stack, and a zone made by one."""
    for stack, other in others(context):
        taken = domains(other)
        if domain in taken:
            cure = "give each stack a domain of its own"
            yield Problem("domain", f"is a domain of stack {stack} too", cure, domain)
        for index, host in enumerate(site.redirects_from):
            if host in taken:
                path, cure = f"site.redirects_from[{index}]", "keep it in one of the two"
                yield Problem(path, f"is a domain of stack {stack} too", cure, host)
        same_zone = dns and _at(other, "dns", "zone") == dns.zone
        if dns and dns.create_zone and same_zone and _at(other, "dns", "create_zone") is True:
            cure = "set it to false in one of the two"
            yield Problem("dns.create_zone", f"is true in stack {stack} for the same zone", cure)


def servers_differ(existing_server: "ExistingServer | None", context: Context) -> Iterator[Problem]:
    """A server is shared only on purpose."""
    for stack, other in others(context):
        if existing_server and _same_server(existing_server, other):
            both = existing_server.shared and _at(other, "existing_server", "shared") is True
            if not both:
                cure = "use another server, or set existing_server.shared to true in both"
                wrong, got = f"is the server of stack {stack} too", existing_server.address
                yield Problem("existing_server.address", wrong, cure, got)


def data_differs(
    existing_server: "ExistingServer | None", postgres: "Postgres", context: Context
) -> Iterator[Problem]:
    """Two database servers never write to the same files."""
    for stack, other in others(context):
        same = existing_server and _same_server(existing_server, other)
        if (
            same
            and postgres.data_folder
            and _at(other, "postgres", "data_folder") == postgres.data_folder
        ):
            cure = "give each stack a folder of its own"
            wrong = f"is the database of stack {stack} too"
            yield Problem("postgres.data_folder", wrong, cure, postgres.data_folder)


def secrets_differ(context: Context) -> Iterator[Problem]:
    """A secret that leaks in one stack opens nothing in another."""
    mine = _values(context, context.folder / f"Pulumi.{context.stack}.yaml")
    for stack, other in others(context):
        for key in sorted(context.secret_keys):
            theirs = other.get(key)
            copied = isinstance(theirs, dict) and theirs and theirs == mine.get(key)
            if copied or (isinstance(theirs, str) and theirs == context.raw[key]):
                cure = "make a new one for this stack, and change it where it is used"
                yield Problem(key, f"is the secret of stack {stack} too", cure)


def domains(other: Mapping[str, Any]) -> set[object]:
    """Return the host names that another stack's site has, as its file has them: unchecked."""
    redirects = _at(other, "site", "redirects_from")
    return {_at(other, "domain"), *(redirects if isinstance(redirects, list) else [])}


def _same_server(server: "ExistingServer", other: Mapping[str, Any]) -> bool:
    port = _at(other, "existing_server", "port") or 22
    return (_at(other, "existing_server", "address"), port) == (server.address, server.port)


def others(context: Context) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return the other stacks of the project, with their keys."""
    for path in _files(context):
        yield path.name.removeprefix("Pulumi.").removesuffix(".yaml"), _values(context, path)


def _files(context: Context) -> list[Path]:
    own = f"Pulumi.{context.stack}.yaml"
    return sorted(path for path in context.folder.glob("Pulumi.*.yaml") if path.name != own)


def _values(context: Context, path: Path) -> Mapping[str, Any]:
    """Return a stack file's keys of this project, without their namespace."""
    document = _document(path)
    config = document.get("config") if isinstance(document, dict) else None
    keys = config if isinstance(config, dict) else {}
    prefix = f"{context.project}:"
    return {str(k).removeprefix(prefix): v for k, v in keys.items()}


def _document(path: Path) -> object:
    """Return what a YAML file holds, None when it cannot be read."""
    try:
        return _parsed(path.read_text())
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return None


@functools.lru_cache(maxsize=32)
def _parsed(text: str) -> object:
    # Several rules ask for the same few files.
    return yaml.safe_load(text)


def _at(values: Mapping[str, Any], *path: str) -> object:
    here: object = values
    for part in path:
        here = here.get(part) if isinstance(here, dict) else None
    return here
