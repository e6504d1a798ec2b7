"""Networks on which containers of one host meet; containers on different networks never do."""

import dataclasses

import pulumi
import pulumi_docker as docker

from . import names
from .host import Host
from .quadlet_unit import unit, word
from .rootless import RootlessAccount


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PrivateNetworkArgs:
    """What a network is."""

    host: Host
    """The machine that it lies on."""
    account: RootlessAccount | None = None
    """Whose Podman has it; None is Docker."""
    internal: bool = False
    """Whether it has no way out: right for databases, whose clients join it."""


class PrivateNetwork(pulumi.ComponentResource):
    """A bridge network of one host, reachable only by the containers that join it."""

    full_name: str
    """The network's name on the host; plain, so that it can be named at plan time."""
    internal: bool
    """Whether it has no way out."""
    account: str
    """The account whose Podman has it; empty for Docker."""
    network: pulumi.CustomResource
    """The network itself, for others to depend on."""

    def __init__(
        self, name: str, args: PrivateNetworkArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:network:PrivateNetwork", name, {}, opts)
        self.full_name = f"{args.host.remote.system}-{names.check_label('network', name)}"
        self.internal = args.internal
        self.account = args.account.account if args.account else ""
        if args.account:
            self.network = self._of_podman(name, args, args.account)
        else:
            self.network = self._of_docker(name, args)
        self.register_outputs(
            {"full_name": self.full_name, "internal": self.internal, "account": self.account}
        )

    def _of_docker(self, name: str, args: PrivateNetworkArgs) -> pulumi.CustomResource:
        return docker.Network(
            f"{name}-network",
            name=self.full_name,
            driver="bridge",
            internal=args.internal,
            labels=[
                docker.NetworkLabelArgs(label="homeport.system", value=args.host.remote.system)
            ],
            opts=pulumi.ResourceOptions.merge(
                args.host.remote.bound(),
                pulumi.ResourceOptions(
                    parent=self, provider=args.host.docker, hooks=args.host.remote.leftovers
                ),
            ),
        )

    def _of_podman(
        self, name: str, args: PrivateNetworkArgs, account: RootlessAccount
    ) -> pulumi.CustomResource:
        return args.host.remote.step(
            f"{name}-network",
            "quadlet",
            {
                "account": account.account,
                "name": self.full_name,
                "kind": "network",
                "content": network_unit(
                    self.full_name, system=args.host.remote.system, internal=args.internal
                ),
            },
            down=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[account.step]),
        )


def network_unit(full_name: str, *, system: str, internal: bool) -> str:
    """Return the Quadlet unit of a network."""
    return unit(
        {
            "Network": [
                ("NetworkName", full_name),
                *([("Internal", "true")] if internal else []),
                ("Label", word(f"homeport.system={system}")),
            ]
        }
    )
