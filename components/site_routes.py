"""What a site serves below each of its paths."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from .proxies import checks


class Listens(Protocol):
    """What serves on a stable loopback port: an app of any runtime."""

    port: int
    """The stable port."""

    @property
    def side_ports(self) -> Mapping[str, int]:
        """Further stable ports, by name."""


class Static(Protocol):
    """What the proxy itself serves: a static app."""

    folder: str
    """Where its releases lie."""
    live: str
    """What leads to the release that is served; followed at each request, so that it may change."""
    single_page: bool
    """Whether paths without a file get /index.html."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RateLimit:
    """How often one client address may ask; more is answered with 429."""

    requests: int
    """In a second or minute, evenly spread."""
    per: Literal["second", "minute"] = "second"
    """What `requests` counts in."""
    burst: int = 20
    """How many more may come at once before any is refused."""

    def __post_init__(self) -> None:
        """Refuse what no proxy could count.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        checks.number("rate_limit: requests", self.requests, 1, 100_000)
        checks.number("rate_limit: burst", self.burst, 0, 100_000)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PathRoute:
    """What serves one path and all below it; name exactly one of its targets."""

    path: str = "/"
    """`/`, or whole segments such as `/api`, in upper or lower case; the longest match is taken."""
    app: Listens | None = None
    """An app of this host."""
    side_port: str | None = None
    """Which of the app's side ports; None is its main one."""
    static: Static | None = None
    """A static app of this host; its own paths begin below this one."""
    folder: str | None = None
    """A folder of files on the host."""
    upstream: str | None = None
    """The URL of another server, without a path; its certificate is checked."""
    strip_prefix: bool = False
    """Whether the target sees paths without the prefix, of which X-Forwarded-Prefix tells it."""
    single_page: bool = False
    """Of a folder: whether paths without a file get /index.html."""
    stream: bool = False
    """Whether every byte is passed on at once, as event streams need; otherwise a proxy may take an
    answer from the app as fast as it comes, and keep it for a slow client."""
    connect_seconds: int = 3
    """Limit until the target takes a connection."""
    timeout_seconds: int = 60
    """Limit of the target's silence: before its answer begins, and between two parts of it, of
    event streams and websockets too."""
    allow_from: Sequence[str] = ()
    """Networks that may ask, others get 403; empty is everybody."""
    public: bool = False
    """Whether it needs no password although the site asks for one."""
    rate_limit: RateLimit | None = None
    """How often one client may ask; None is as often as it likes."""

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
        self._check_side_port(where)
        if self.static is not None:
            checks.folder("static app: live", self.static.live)
            if self.path != "/" and not self.strip_prefix:
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
        checks.number(f"{where}: connect_seconds", self.connect_seconds, 1, 60)
        checks.number(f"{where}: timeout_seconds", self.timeout_seconds, 1, 3600)
        for network in self.allow_from:
            checks.network(f"{where}: allow_from", network)

    def _check_side_port(self, where: str) -> None:
        if self.side_port is None:
            return
        known = sorted(self.app.side_ports) if self.app else []
        if self.side_port not in known:
            have = f"has {', '.join(known)}" if known else "has none"
            msg = f"{where}: side_port: {self.side_port!r} is none of its app, which {have}"
            raise ValueError(msg)

    @property
    def port(self) -> int:
        """The stable port that it leads to; 0 where it leads to no app."""
        if self.app is None:
            return 0
        return self.app.side_ports[self.side_port] if self.side_port else self.app.port

    @property
    def networks(self) -> list[str]:
        """The networks of `allow_from` in their usual form."""
        return [checks.network("allow_from", network) for network in self.allow_from]

    def covers(self, path: str) -> bool:
        """Return whether a path is this route's own or below it."""
        return self.path in ("/", path) or path.startswith(f"{self.path}/")
