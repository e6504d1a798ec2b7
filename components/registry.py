"""A login to a private registry, kept on a host in a folder of its own."""

import base64
import dataclasses
import re

import pulumi
import pulumi_command as command

from .host import Host
from .secrets import Secret

_REGISTRY = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")
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
    """Credentials in a file that only root can read; used by nothing but pulls of given apps."""

    registry: str
    """The registry that it opens."""
    folder: str
    """Where the host keeps it, as DOCKER_CONFIG."""
    step: command.remote.Command
    """What writes it, for pulls to depend on."""

    def __init__(
        self, name: str, args: RegistryLoginArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:registry:RegistryLogin", name, {}, opts)
        self.registry = args.registry
        self.folder = f"{args.host.remote.folder}/registry/{args.registry.replace(':', '_')}"
        args.host.remote.claims.take(
            "registry login", args.registry, name, cure="share one RegistryLogin between the apps"
        )
        content = args.password.value.apply(
            lambda password: docker_config(args.registry, args.username, password)
        )
        self.step = args.host.remote.step(
            f"{name}-login",
            "secretfiles",
            {
                "folders": [
                    {"path": self.folder, "uid": 0, "gid": 0, "files": {"config.json": content}}
                ]
            },
            down=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"registry": self.registry, "folder": self.folder})


def docker_config(registry: str, username: str, password: str) -> str:
    """Return the content of Docker's config.json for one registry."""
    server = _DOCKER_HUB if registry == "docker.io" else registry
    token = base64.b64encode(f"{username}:{password}".encode()).decode()
    return f'{{"auths": {{"{server}": {{"auth": "{token}"}}}}}}\n'


def serves(registry: str, reference: str) -> bool:
    """Return whether an image reference is pulled from this registry."""
    first, slash, _ = reference.partition("/")
    named = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return (first if named else "docker.io") == registry
