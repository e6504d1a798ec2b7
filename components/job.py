"""Work that runs once per release before it starts: migrations, seeds, checks."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from . import names
from .dump import Dump
from .secrets import Secret

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"[A-Z][A-Z0-9_]*")
_PASSWORD_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)
RESERVED_VARIABLES = frozenset({"RELEASE", "PORT"})
"""Set by the component itself."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One run of the release's own image or artefact; it has to end with 0 before that starts.

    It runs on the networks of its app, as its user, with its limits and hardening. It has its own
    environment and secrets, so that the app need not know, say, the password that may migrate.
    """

    name: str
    """A noun or verb that names it in logs: `migrate`."""
    command: Sequence[str]
    """What runs in the image or artefact."""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Plain values; RELEASE is set besides."""
    secrets: Mapping[str, Secret] = dataclasses.field(default_factory=dict)
    """Each is a file that its account alone reads; the variable NAME_FILE says where."""
    timeout_seconds: int = 600
    """It is stopped, and the deploy ends with the old release serving, when it takes longer."""
    dump: Dump | None = None
    """What is dumped just before it runs; a dump that fails ends the deploy before the job."""

    def __post_init__(self) -> None:
        """Refuse what cannot run.

        Raises:
            ValueError: naming the job, the field, the rule and the value.
        """
        names.check_label("job", self.name)
        where = f"job {self.name}"
        if not self.command:
            msg = f"{where}: command must not be empty"
            raise ValueError(msg)
        if not 1 <= self.timeout_seconds <= 86_400:
            msg = f"{where}: timeout_seconds must be from 1 to 86400 (got {self.timeout_seconds})"
            raise ValueError(msg)
        check_environment(f"{where}: environment", self.environment)
        check_secrets(f"{where}: secrets", self.secrets, self.environment)

    def configuration(self) -> dict[str, Any]:
        """Return what a release's id has to know of it: no secret, only the version of each."""
        return {
            "name": self.name,
            "command": list(self.command),
            "environment": dict(self.environment),
            "secrets": {name: secret.version for name, secret in self.secrets.items()},
        }


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SchemaCheck(Job):
    """A job that tells whether this release can work with the schema that is there.

    It comes after the migration and prints a line `schema: <revision>`, which is written down with
    the release. When it ends with another code than 0, the release is refused before it starts:
    above all an older one, after a newer one has removed what it needs.
    """

    def configuration(self) -> dict[str, Any]:
        """Return what a release's id has to know of it."""
        return {**Job.configuration(self), "schema": True}


def check_environment(where: str, environment: Mapping[str, str]) -> None:
    """Refuse names no shell could set, values that are no plain text, and passwords in URLs.

    Raises:
        ValueError: naming the variable, the rule and, unless it may be a password, the value.
    """
    for name, value in environment.items():
        if not _VARIABLE.fullmatch(name):
            msg = f"{where}: {name!r} is no variable name; use letters, digits and underscores"
            raise ValueError(msg)
        if name in RESERVED_VARIABLES:
            msg = f"{where}: {name} is set by the component; leave it out"
            raise ValueError(msg)
        if not isinstance(value, str):
            msg = f"{where}: {name} must be text known at plan time (got {type(value).__name__})"
            raise ValueError(msg)  # noqa: TRY004 - one kind of error for all of a stack's mistakes
        if value != value.strip() or "\0" in value:
            msg = f"{where}: {name} begins or ends with blanks, or holds NUL (got {value!r})"
            raise ValueError(msg)
        if _PASSWORD_IN_URL.search(value):
            msg = f"{where}: {name} holds a URL with a password; pass it in `secrets` instead"
            raise ValueError(msg)


def check_secrets(
    where: str, secrets: Mapping[str, Secret], environment: Mapping[str, str]
) -> None:
    """Refuse names that cannot be a file and a variable, and variables that are set twice.

    Raises:
        ValueError: naming the secret and the rule.
    """
    for name, secret in secrets.items():
        if not _SECRET.fullmatch(name) or name.endswith("_FILE"):
            msg = (
                f"{where}: {name!r} must be upper-case letters, digits and underscores, and not "
                "end with _FILE, which is added"
            )
            raise ValueError(msg)
        if not isinstance(secret, Secret):
            msg = f"{where}: {name} must be a Secret (got {type(secret).__name__})"
            raise ValueError(msg)  # noqa: TRY004 - one kind of error for all of a stack's mistakes
        for variable in (name, f"{name}_FILE"):
            if variable in environment:
                msg = f"{where}: {variable} is set in environment too; keep the secret alone"
                raise ValueError(msg)
