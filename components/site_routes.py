"""What a site serves below each of its paths."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from .proxies import caddy, checks
from .proxies.static import StaticText


class Listens(Protocol):
    """What serves on a stable loopback port: an app of any runtime."""

    port: int
    """The stable port."""


class Static(Protocol):
    """What the proxy itself serves: a static app."""

    folder: str
    """Where its releases lie."""
    live: str
    """What leads to the release that is served."""
    single_page: bool
    """Whether paths without a file get /index.html."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PathRoute:
    """What serves one path and all below it; name exactly one of its targets."""

    path: str = "/"
    """`/`, or whole path segments such as `/api`; the longest that matches is taken."""
    app: Listens | None = None
    """An app of this host."""
    static: Static | None = None
    """A static app of this host; its own paths begin below this one."""
    folder: str | None = None
    """A folder of files on the host."""
    upstream: str | None = None
    """The URL of another server, without a path."""
    strip_prefix: bool = False
    """Whether the target sees paths without the prefix."""
    single_page: bool = False
    """Of a folder: whether paths without a file get /index.html."""
    stream: bool = False
    """Whether every byte is passed on at once; event streams always are."""
    timeout_seconds: int = 60
    """Limit until the target begins its answer."""
    allow_from: Sequence[str] = ()
    """Networks that may ask, others get 403; empty is everybody."""
    public: bool = False
    """Whether it needs no password although the site asks for one."""

    def __post_init__(self) -> None:
        """Refuse what could not be served.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        checks.path("route: path", self.path)
        where = f"route {self.path}"
        targets = (self.app, self.static, self.folder, self.upstream)
        if sum(target is not None for target in targets) != 1:
            msg = f"{where}: name exactly one of app, static, folder and upstream"
            raise ValueError(msg)
        if self.static is not None and self.path != "/" and not self.strip_prefix:
            msg = f"{where}: a static app's paths begin at its own root; set strip_prefix"
            raise ValueError(msg)
        if self.folder is not None:
            checks.folder(f"{where}: folder", self.folder)
        elif self.single_page:
            msg = f"{where}: single_page is for a folder; a static app has its own"
            raise ValueError(msg)
        if self.upstream is not None:
            checks.upstream(f"{where}: upstream", self.upstream)
        if self.strip_prefix and self.path == "/":
            msg = f"{where}: there is no prefix to strip"
            raise ValueError(msg)
        if not 1 <= self.timeout_seconds <= 3600:
            msg = f"{where}: timeout_seconds must be from 1 to 3600 (got {self.timeout_seconds})"
            raise ValueError(msg)
        for network in self.allow_from:
            checks.network(f"{where}: allow_from", network)

    def text(self) -> caddy.RouteText:
        """Return it as plain data."""
        return caddy.RouteText(
            path=self.path,
            port=self.app.port if self.app else None,
            static=_static(self.static) if self.static else None,
            folder=self.folder,
            upstream=self.upstream,
            strip_prefix=self.strip_prefix,
            single_page=self.single_page,
            stream=self.stream,
            timeout_seconds=self.timeout_seconds,
            allow_from=[checks.network("allow_from", network) for network in self.allow_from],
            public=self.public,
        )

    def covers(self, path: str) -> bool:
        """Return whether a path is this route's own or below it."""
        return self.path in ("/", path) or path.startswith(f"{self.path}/")


def _static(app: Static) -> StaticText:
    live = checks.folder("static app: live", app.live)
    return StaticText(live=live, single_page=app.single_page)
