"""A static app: releases of files that the proxy serves itself, one of them at a time.

Guaranteed: a visitor gets one release or the next, never a mixture; a page that was loaded before a
deploy still gets the files that it names; a release that cannot be served leaves the old one live;
an unchanged artefact with unchanged settings opens no connection.
"""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pulumi

from . import names
from .artefact import Artefact
from .job import check_environment, check_secrets
from .proxies import checks
from .release import release_id
from .reverse_proxy import ReverseProxy
from .secrets import Secret

_FOLDER = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/(?!\.)[A-Za-z0-9._-]+)*)?")
_VARIABLE = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_FREE_DISK_MIB = 512


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class StaticAppArgs:
    """What a static app is."""

    proxy: ReverseProxy
    """What serves it; its account may read the files, and nobody may change them."""
    artefact: Artefact
    """The files, on the proxy's host."""
    folder: str = ""
    """The folder of the artefact that is served, such as `dist`; empty is all of it. Names that
    begin with a dot are left out, but for .well-known."""
    single_page: bool = False
    """Whether a path without a file gets /index.html, unless it ends like a file: .js, .css, ..."""
    hashed_folders: Sequence[str] = ()
    """Folders, such as /assets, all of whose files have a hash of their content in the name.
    Elsewhere a file counts as such when eight or more hexadecimal digits show."""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Settings for the page, which everybody can read; RELEASE is set besides."""
    published: Mapping[str, Secret] = dataclasses.field(default_factory=dict)
    """More settings, which the program makes and everybody can read too, such as a key that says
    no more than that the page asks."""
    environment_path: str = "/env.js"
    """The file that holds them, in place of the artefact's own: a script, or JSON by its ending."""
    environment_variable: str = "environment"
    """The property of `window` that the script sets."""
    check_paths: Sequence[str] = ()
    """Pages and files that a release must have, beside /index.html."""
    keep_releases: int = 3
    """For how many releases hashed files are kept for pages that were loaded before."""
    revision: int = 1
    """Raise it to deploy again what is otherwise unchanged."""

    def __post_init__(self) -> None:
        """Refuse what could not be served, or must not be.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        try:
            self._check()
        except ValueError as error:
            msg = f"StaticApp: {error}"
            raise ValueError(msg) from None

    def _check(self) -> None:
        if not _FOLDER.fullmatch(self.folder):
            msg = f"folder: must be a path inside the artefact, such as dist (got {self.folder!r})"
            raise ValueError(msg)
        for field in ("hashed_folders", "check_paths"):
            for path in getattr(self, field):
                checks.path(field, path)
        if "/" in self.hashed_folders:
            msg = "hashed_folders: not all files can have a hash in the name; name their folders"
            raise ValueError(msg)
        self._check_environment()
        limits = {"keep_releases": (self.keep_releases, 100), "revision": (self.revision, 2**31)}
        for field, (number, most) in limits.items():
            if not 1 <= number <= most:
                msg = f"{field}: must be from 1 to {most} (got {number})"
                raise ValueError(msg)
        for path in ["/", *self.check_paths]:
            self._check_artefact(path)

    def _check_environment(self) -> None:
        for name, value in self.environment.items():
            # What a secret is meant for goes through an app; here it would be published.
            if isinstance(value, Secret | pulumi.Output):
                msg = f"environment: {name} must be plain text: everybody who visits can read it"
                raise ValueError(msg)  # noqa: TRY004 - one kind of error for all mistakes
        check_environment("environment", self.environment)
        check_secrets("published", self.published, self.environment)
        checks.path("environment_path", self.environment_path)
        if not self.environment_path.endswith((".js", ".json")):
            msg = f"environment_path: must end with .js or .json (got {self.environment_path!r})"
            raise ValueError(msg)
        if any(self.environment_path.startswith(f"{path}/") for path in self.hashed_folders):
            msg = "environment_path: must not lie in hashed_folders, whose files browsers keep"
            raise ValueError(msg)
        if not _VARIABLE.fullmatch(self.environment_variable):
            msg = (
                "environment_variable: must be a name that JavaScript takes "
                f"(got {self.environment_variable!r})"
            )
            raise ValueError(msg)

    def _check_artefact(self, path: str) -> None:
        """Refuse in a preview what the gate on the host would refuse, where that is known."""
        if (self.environment or self.published) and path == self.environment_path:
            return
        inside = "/".join(part for part in (self.folder, path.strip("/")) if part)
        index = f"{inside}/index.html".lstrip("/")
        wanted = [index] if path == "/" else [inside, index]
        if all(self.artefact.contains(name) is False for name in wanted):
            msg = f"artefact: it has no {wanted[0]}; build it, or correct folder"
            raise ValueError(msg)


class StaticApp(pulumi.ComponentResource):
    """Whatever changes it makes a new release beside the old one, and one rename switches.

    Give it to a site as `PathRoute(static=...)`. The proxy is not touched by a deploy, and a
    release that a site still needs is not removed.
    """

    release: str
    """The release's id, known at plan time."""
    folder: str
    """Where its releases lie on the host."""
    live: str
    """The link to the release that is served."""
    single_page: bool
    """Whether a path without a file gets /index.html."""

    def __init__(
        self, name: str, args: StaticAppArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:static_app:StaticApp", name, {}, opts)
        remote = args.proxy.host.remote
        names.check_label("static app", name)
        remote.claims.take("app name", name, f"static app {name}", cure="rename one of them")
        self.release = static_release(args)
        self.folder = f"{remote.folder}/static/{name}"
        self.live = f"{self.folder}/live"
        self.single_page = args.single_page
        own = {
            "app": name,
            "release": self.release,
            "account": args.proxy.account,
            "keep_releases": args.keep_releases,
        }
        # Whatever a secret's mark says of it: everybody can read it.
        known = {k: pulumi.Output.unsecret(each.value) for k, each in args.published.items()}
        files: pulumi.Input[dict[str, str]] = settings_file(args, self.release)
        if known:
            files = pulumi.Output.all(**known).apply(
                lambda values: settings_file(args, self.release, values)
            )
        # Two steps, because a step that dies after it switched is not in the engine's state: what
        # was there before the switch is what takes the release away again.
        laid = remote.step(
            f"{name}-files-{self.release}",
            "staticfiles",
            {**own, **contents(args, files), "disk_mib": _FREE_DISK_MIB},
            down=True,
            timeout_seconds=1800,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[args.artefact.step, args.proxy.ready]
            ),
        )
        remote.step(
            f"{name}-switch-{self.release}",
            "staticswitch",
            own,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[laid]),
        )
        self.register_outputs(
            {
                "release": self.release,
                "folder": self.folder,
                "live": self.live,
                "single_page": self.single_page,
            }
        )


def static_release(args: StaticAppArgs) -> str:
    """Return the id of the release that these settings make."""
    versions = {name: secret.version for name, secret in args.published.items()}
    made_of = contents(args, settings_file(args, "", versions))
    return release_id({**made_of, "revision": args.revision})


def contents(args: StaticAppArgs, files: pulumi.Input[dict[str, str]]) -> dict[str, Any]:
    """Return what a release is made of, with the file of its settings."""
    return {
        "artefact": args.artefact.path,
        "folder": args.folder,
        "files": files,
        "hashed_folders": list(args.hashed_folders),
        "check_paths": list(args.check_paths),
    }


def settings_file(
    args: StaticAppArgs, release: str, published: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """Return the file with the settings for the page by its path; nothing without settings."""
    if not args.environment and not args.published:
        return {}
    settings = {**args.environment, **published, "RELEASE": release}
    text = json.dumps(settings, sort_keys=True, ensure_ascii=True)
    # Wherever the text ends up, also within a page, nothing in it ends a script or begins a tag.
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    if args.environment_path.endswith(".js"):
        text = f"window.{args.environment_variable} = {text};"
    return {args.environment_path.lstrip("/"): f"{text}\n"}
