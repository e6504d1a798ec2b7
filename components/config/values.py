"""Single values as people write them: each type refuses what cannot work, and says what would."""

import datetime
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from ..postgres_tuning import major_version
from ..sql import check_name
from .problems import refuse

_IMAGE = re.compile(r"[a-z0-9]+([._:/-]+[a-z0-9]+)*")
_LONGEST_HASHED = 72
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


def check_one_line(value: str) -> str:
    """Return the value when it is one line without blanks around it."""
    if not value.strip():
        refuse("is empty", "give a value, or remove the key")
    if value != value.strip():
        refuse("starts or ends with a blank", "remove the blanks")
    if not value.isprintable():
        refuse("holds a line break or a control character", "write it on one line")
    return value


def check_hashable(value: str) -> str:
    """Return a password of which every byte counts in its hash."""
    if len(value.encode()) > _LONGEST_HASHED:
        refuse(f"is longer than {_LONGEST_HASHED} bytes", "use a shorter one: bcrypt sees no more")
    return check_one_line(value)


Text = Annotated[str, Field(strict=True), AfterValidator(check_one_line)]
"""One line without blanks around it."""


def _image(value: str) -> str:
    if "://" in value:
        refuse("is a URL", "give a reference such as ghcr.io/you/app:1.2.3")
    name, _, digest = value.partition("@")
    if "@" in value and not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        refuse("has a bad digest", "it must be sha256: and 64 digits or letters a to f")
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        refuse("has no tag", "name the version, such as postgres:17")
    if not _TAG.fullmatch(tag):
        refuse("has a bad tag", "use up to 128 letters, digits, dots, hyphens, underscores")
    if tag == "latest":
        refuse("says `latest`", "name a version, so that two runs deploy the same thing")
    if not _IMAGE.fullmatch(repository):
        refuse("has a bad name", "use lower-case letters, digits and . _ - / only")
    return value


Image = Annotated[Text, AfterValidator(_image)]
"""A container image with its tag, and possibly its digest: `name:tag@sha256:…`."""


def _postgres_image(value: str) -> str:
    try:
        major_version(value)
    except ValueError:
        cure = "use the official image or one like it: postgres:17, postgres:17.6-bookworm, …"
        refuse("has a tag that does not begin with a major version from 14 on", cure)
    return value


PostgresImage = Annotated[Image, AfterValidator(_postgres_image)]
"""An image of PostgreSQL."""


def _http_path(value: str) -> str:
    if not value.startswith("/"):
        refuse("does not start with /", "give a path such as /healthz")
    if any(character in value for character in " ?#"):
        refuse("is more than a path", "leave out blanks, query and fragment")
    return value


HttpPath = Annotated[Text, AfterValidator(_http_path)]
"""The path of a URL."""


def _folder(value: str) -> str:
    if not value.startswith("/") or value.endswith("/") or "//" in value or ".." in value:
        refuse("is no absolute path", "give one such as /srv/postgres, without / at its end")
    return value


Folder = Annotated[Text, AfterValidator(_folder)]
"""An absolute path on a host."""


def _account(value: str) -> str:
    if not _ACCOUNT.fullmatch(value):
        refuse("is no account name", "use lower-case letters, digits, _ and -, up to 32")
    return value


Account = Annotated[Text, AfterValidator(_account)]
"""The name of a Linux account."""


def _login(value: str) -> str:
    if ":" in value or " " in value:
        refuse("holds a colon or a blank", "give the user name alone")
    return value


Login = Annotated[Text, AfterValidator(_login)]
"""A user name for HTTP authentication or a registry."""


def _bucket_name(value: str) -> str:
    if not _BUCKET.fullmatch(value) or ".." in value:
        refuse("is no name of a bucket", "use 3 to 63 lower-case letters, digits, dots and hyphens")
    return value


BucketName = Annotated[Text, AfterValidator(_bucket_name)]
"""The name of an S3 bucket."""


def _hexadecimal(value: str, digits: int, what: str, cure: str) -> str:
    if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", value):
        refuse(f"is no {what}", cure)
    return value


def _sha256(value: str) -> str:
    return _hexadecimal(value, 64, "SHA-256", "give the 64 digits that `sha256sum FILE` prints")


Sha256 = Annotated[Text, AfterValidator(_sha256)]
"""The SHA-256 of a file."""


def _commit(value: str) -> str:
    cure = "give all 40 digits, as `git rev-parse HEAD` prints them; branches and tags move"
    return _hexadecimal(value, 40, "whole name of a commit", cure)


Commit = Annotated[Text, AfterValidator(_commit)]
"""The whole name of a commit."""


def _sql_name(value: str) -> str:
    try:
        return check_name("name", value, longest=40)
    except ValueError:
        cure = "use up to 40 lower-case letters, digits and underscores, not a reserved name"
        refuse("is no name in a database", cure)


SqlName = Annotated[Text, AfterValidator(_sql_name)]
"""The name of a database or a role, which nobody ever has to quote."""


def _certificate(value: str) -> str:
    if not value.strip().startswith("-----BEGIN CERTIFICATE-----"):
        cure = "paste the file that the service offers, from -----BEGIN CERTIFICATE----- on"
        refuse("is no certificate", cure, show=False)
    return value.strip() + "\n"


Certificate = Annotated[str, Field(strict=True), AfterValidator(_certificate)]
"""A certificate as PEM, of several lines."""


def distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values when none of them occurs twice."""
    for value in values:
        if values.count(value) > 1:
            refuse(f"has {value[:80]} twice", "remove one of the two", show=False)
    return values


def _day(value: str) -> str:
    try:
        datetime.date.fromisoformat(value)
    except ValueError:
        refuse("is no day", "write it as year, month and day: 2036-01-31")
    return value


Day = Annotated[Text, AfterValidator(_day)]
"""A day of the calendar, such as 2036-01-31."""
Flag = Annotated[bool, Field(strict=True)]
"""true or false."""
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
"""A TCP port."""
Mib = Annotated[int, Field(strict=True, ge=64, le=1_048_576)]
"""An amount of memory in MiB."""
Seconds = Annotated[int, Field(strict=True, ge=1, le=3600)]
"""A time limit in seconds."""
Revision = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
"""Raising it makes a new release."""
Rotation = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
"""Raising it makes a new secret."""
