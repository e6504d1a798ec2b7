"""When a release counts as healthy, as plain data."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class HealthCheck:
    """An app's own answer to the question whether it can serve; asked on its loopback port."""

    path: str
    """Is asked by GET; answers only when the release can serve, its database included."""
    status: int = 200
    """The status that counts as healthy."""
    contains: str = ""
    """What the first MiB of a healthy answer's body has to hold; empty is anything."""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Sent with every try, such as a Host that the app insists on."""
    successes: int = 3
    """So many healthy answers in a row open the gate."""
    try_seconds: float = 2.0
    """Limit of one try."""
    start_seconds: int = 60
    """Limit from the start of the container to the open gate."""
    command: Sequence[str] = ()
    """Checks health inside the container, for `docker ps`; empty leaves it to the image."""

    def __post_init__(self) -> None:
        """Refuse what can never become healthy.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        if not self.path.startswith("/") or any(c.isspace() for c in self.path):
            msg = f"health.path: must start with / and hold no blanks (got {self.path!r})"
            raise ValueError(msg)
        if not 200 <= self.status <= 499:
            msg = f"health.status: must be a status from 200 to 499 (got {self.status})"
            raise ValueError(msg)
        for name, value in self.headers.items():
            if not _HEADER.fullmatch(name) or not (value.isascii() and value.isprintable()):
                msg = (
                    "health.headers: must be a header's name and printable ASCII "
                    f"(got {name!r}: {value!r})"
                )
                raise ValueError(msg)
        if not 1 <= self.successes <= 100:
            msg = f"health.successes: must be from 1 to 100 (got {self.successes})"
            raise ValueError(msg)
        if not 0.1 <= self.try_seconds <= 60:
            msg = f"health.try_seconds: must be from 0.1 to 60 (got {self.try_seconds})"
            raise ValueError(msg)
        if not self.try_seconds <= self.start_seconds <= 3600:
            msg = (
                "health.start_seconds: must be from try_seconds to 3600, an app that needs longer "
                f"to start should answer earlier (got {self.start_seconds})"
            )
            raise ValueError(msg)

    def spec(self) -> dict[str, Any]:
        """Return the gate as the host's tools take it; what is not set is left out."""
        gate = {
            "path": self.path,
            "status": self.status,
            "successes": self.successes,
            "try_seconds": self.try_seconds,
            "start_seconds": self.start_seconds,
        }
        optional = {"contains": self.contains, "headers": dict(self.headers)}
        return {**gate, **{key: value for key, value in optional.items() if value}}
