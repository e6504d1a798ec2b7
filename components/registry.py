"""A login to a private registry, kept on a host in a folder of its own."""

import base64
import dataclasses
import re

import pulumi
import pulumi_command as command

from .host import Host
from .rootless import RootlessAccount
from .secrets import Secret

_REGISTRY = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")
FILE = "config.json"
"""The file in a login's folder; both engines read it."""
_DOCKER_HUB = "https://index.docker.io/v1/"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RegistryLoginArgs:
    """Who pulls from where."""

    host: Host
    """The machine that pulls."""
    registry: str
    """The registry's host name, with its port when it has one; `docker.io` for Docker Hub."""
    username: str
    """The account; one that can only read is enough."""
    password: Secret
    """Its password or token."""
    account: RootlessAccount | None = None
    """Whose Podman pulls; None is Docker."""

    def __post_init__(self) -> None:
        """Refuse what is no registry.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        if not _REGISTRY.fullmatch(self.registry):
            msg = (
                "registry login: registry must be a host name with an optional port, without "
                f"https:// and path (got {self.registry!r})"
            )
            raise ValueError(msg)
        if not self.username or ":" in self.username:
            msg = f"registry login: username must be set and hold no colon (got {self.username!r})"
            raise ValueError(msg)


class RegistryLogin(pulumi.ComponentResource):
    """Credentials in a file that only who pulls can read; used by pulls of given apps alone."""

    registry: str
    """The registry that it opens."""
    folder: str
    """Where the host keeps it, as DOCKER_CONFIG; of a rootless account, from its home on."""
    account: str
    """The account whose Podman it is for; empty for Docker."""
    step: command.remote.Command
    """What writes it, for pulls to depend on."""

    def __init__(
        self, name: str, args: RegistryLoginArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:registry:RegistryLogin", name, {}, opts)
        self.registry = args.registry
        self.account = args.account.account if args.account else ""
        below = f"registry/{args.registry.replace(':', '_')}"
        remote = args.host.remote
        self.folder = f"{remote.folder}/{below}"
        if args.account:
            self.folder = f".config/homeport/{remote.system}/{below}"
        remote.claims.take(
            f"registry login of {self.account or 'Docker'}",
            args.registry,
            name,
            cure="share one RegistryLogin between the apps",
        )
        content = args.password.value.apply(
            lambda password: docker_config(args.registry, args.username, password)
        )
        if args.account:
            self.step = remote.step(
                f"{name}-login",
                "podmanlogin",
                {"account": self.account, "file": f"{self.folder}/{FILE}", "content": content},
                down=True,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[args.account.step]),
            )
        else:
            folder = {"path": self.folder, "uid": 0, "gid": 0, "files": {FILE: content}}
            self.step = remote.step(
                f"{name}-login",
                "secretfiles",
                {"folders": [folder]},
                down=True,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs(
            {"registry": self.registry, "folder": self.folder, "account": self.account}
        )


def docker_config(registry: str, username: str, password: str) -> str:
    """Return the content of Docker's config.json for one registry."""
    server = _DOCKER_HUB if registry == "docker.io" else registry
    token = base64.b64encode(f"{username}:{password}".encode()).decode()
    return f'{{"auths": {{"{server}": {{"auth": "{token}"}}}}}}\n'


def serves(registry: str, reference: str) -> bool:
    """Return whether an image reference is pulled from this registry."""
    return qualified(reference).partition("/")[0] == registry


def qualified(reference: str) -> str:
    """Return an image reference with its registry, which Docker adds by itself and Podman does not.

    `postgres:17` is `docker.io/library/postgres:17`.
    """
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return reference
    return f"docker.io/{reference}" if slash else f"docker.io/library/{reference}"
