"""What an upgrade is told: the versions on the way, how the app answers, where its objects are."""

import dataclasses
import re
from collections.abc import Mapping

from . import job, release

_VARIABLE = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One version on the way."""

    version: str
    """What the app answers when it runs."""
    image: str
    """A tag other than latest, or a digest."""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Variables that change from this version on; an empty one goes. No secrets."""
    counts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Queries of `StagedUpgradeArgs.counts` that read differently from this version on."""
    timeout_seconds: int = 600
    """How long its migrations may take, until it is well."""

    def __post_init__(self) -> None:
        """Refuse what names no version.

        Raises:
            ValueError: naming the stage, the field, the rule and the value.
        """
        where = f"stage {self.version}"
        if not _VERSION.fullmatch(self.version):
            msg = f"stage: version: must be a word such as 2.11.0 (got {self.version!r})"
            raise ValueError(msg)
        release.check_image(self.image)
        job.check_environment(f"{where}: environment", self.environment)
        if not 1 <= self.timeout_seconds <= 86_400:
            msg = f"{where}: timeout_seconds must be from 1 to 86400 (got {self.timeout_seconds})"
            raise ValueError(msg)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """How one sees which version runs, and that it is well."""

    port: int
    """Where the app listens in its container."""
    path: str
    """Answers 200 with a JSON object when it is well."""
    version_key: str = "version"
    """The object's key that holds the version."""
    api_path: str | None = None
    """Another path that has to answer 200, such as one of its API."""
    api_headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Headers for that; `{NAME}` is the container's own variable: `Bearer {API_KEY}`."""

    def __post_init__(self) -> None:
        """Refuse what cannot be asked.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        if not 1 <= self.port <= 65_535:
            msg = f"answers: port must be from 1 to 65535 (got {self.port})"
            raise ValueError(msg)
        for field, path in (("path", self.path), ("api_path", self.api_path or "/")):
            if not path.startswith("/"):
                msg = f"answers: {field} must begin with a slash (got {path!r})"
                raise ValueError(msg)
        for header, text in self.api_headers.items():
            _check_braces(f"answers: api_headers: {header}", text)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """A bucket in which the app keeps objects; in each field `{NAME}` is the app's own variable."""

    endpoint: str
    """The store's address: `https://…`, or `{S3_ENDPOINT}`."""
    name: str
    """The bucket's name."""
    access_key: str
    """The key's id."""
    secret_key: str = dataclasses.field(repr=False)
    """The variable of the app that holds the key, such as `{S3_SECRET_KEY}`: never a key itself."""
    region: str = "us-east-1"
    """What the store calls its region."""

    def __post_init__(self) -> None:
        """Refuse a secret in the open, and what is no address.

        Raises:
            ValueError: naming the field, the rule and, unless it may be a key, the value.
        """
        for field in ("endpoint", "name", "access_key", "region"):
            _check_braces(f"bucket: {field}", getattr(self, field))
        if not re.match(r"https?://|\{", self.endpoint):
            msg = f"bucket: endpoint must begin with https:// or http:// (got {self.endpoint!r})"
            raise ValueError(msg)
        if not _VARIABLE.fullmatch(self.secret_key):
            msg = "bucket: secret_key must be a variable of the app, such as {S3_SECRET_KEY}"
            raise ValueError(msg)


def _check_braces(where: str, text: str) -> None:
    if re.search(r"[{}]", _VARIABLE.sub("", text)):
        msg = f"{where}: braces are for variables: {{API_KEY}}"
        raise ValueError(msg)
