"""Networks on which containers of one host meet; containers on different networks never do."""

import dataclasses

import pulumi
import pulumi_docker as docker

from . import names
from .host import Host


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PrivateNetworkArgs:
    """What a network is."""

    host: Host
    """The machine that it lies on."""
    internal: bool = False
    """Whether it has no way out: right for databases, whose clients join it."""


class PrivateNetwork(pulumi.ComponentResource):
    """A bridge network of one host, reachable only by the containers that join it."""

    docker_name: str
    """The network's name in Docker; plain, so that jobs and containers can name it at plan time."""
    internal: bool
    """Whether it has no way out."""
    network: docker.Network
    """The network itself, for others to depend on."""

    def __init__(
        self, name: str, args: PrivateNetworkArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:network:PrivateNetwork", name, {}, opts)
        self.docker_name = f"{args.host.remote.system}-{names.check_label('network', name)}"
        self.internal = args.internal
        self.network = docker.Network(
            f"{name}-network",
            name=self.docker_name,
            driver="bridge",
            internal=args.internal,
            labels=[
                docker.NetworkLabelArgs(label="homeport.system", value=args.host.remote.system)
            ],
            opts=pulumi.ResourceOptions.merge(
                args.host.remote.bound(),
                pulumi.ResourceOptions(parent=self, provider=args.host.docker),
            ),
        )
        self.register_outputs({"docker_name": self.docker_name, "internal": self.internal})
