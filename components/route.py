"""The switch: an app's stable loopback port leads to one release, changed at once."""

import dataclasses
from collections.abc import Sequence

import pulumi

from . import environment_contract
from .environment_contract import Contract
from .health import HealthCheck
from .host import Host
from .runtimes.runtime import Instance


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SidePort:
    """A further port of an app."""

    name: str
    """What it is for."""
    stable_port: int
    """What the proxy connects to; the same for all releases."""
    release_port: int
    """Where this release listens."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RouteArgs:
    """From where to where, and what has to be true before."""

    host: Host
    """The machine on which both ports lie."""
    app: str
    """The app's name."""
    release: str
    """The release's id."""
    instance: Instance
    """What listens."""
    stable_port: int
    """What the proxy connects to; the same for all releases."""
    release_port: int
    """Where this release listens."""
    health: HealthCheck
    """The gate."""
    side_ports: Sequence[SidePort] = ()
    """Further ports, switched in the same transaction."""
    drain_seconds: int
    """How long connections that are open at its end may go on."""
    graceful_stop: bool = False
    """Whether the instance is told to go at the start of that time."""
    contract: Contract = dataclasses.field(default_factory=dict)
    """What the instance's environment has to hold before it gets traffic."""


class Route(pulumi.ComponentResource):
    """Traffic goes to a release once it is healthy, and leaves it before it is removed.

    Making it waits for the release's health, redirects the stable port, and tries the result; when
    anything fails, what served before still serves. Removing it makes sure that the release no
    longer gets traffic (another healthy release of the app takes over, or the step refuses as long
    as a site uses the port), and waits until its connections have ended.
    """

    def __init__(
        self, name: str, args: RouteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:route:Route", name, {}, opts)
        spec = {
            "app": args.app,
            "release": args.release,
            "instance": args.instance.spec(),
            "stable_port": args.stable_port,
            "release_port": args.release_port,
            "health": args.health.spec(),
            "drain_seconds": args.drain_seconds,
            **({"graceful_stop": True} if args.graceful_stop else {}),
            **(
                {"side_ports": [dataclasses.asdict(side) for side in args.side_ports]}
                if args.side_ports
                else {}
            ),
            # Here alone it is decided what switches: the kernel's map, or a link.
            **({} if args.host.nftables else {"switched_by": "links"}),
        }
        # Two steps, because a step that dies after it switched is not in the engine's state: only
        # what was there before the switch can guard its end. Making the first opens no connection.
        leave = args.host.remote.step(
            f"{args.app}-drain-{args.release}",
            "route",
            spec,
            up=False,
            down=True,
            timeout_seconds=args.drain_seconds + 120,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.instance.resource]),
        )
        contract = environment_contract.document(args.contract)
        args.host.remote.step(
            f"{args.app}-switch-{args.release}",
            "route",
            {**spec, **({"contract": contract} if contract else {})},
            timeout_seconds=args.health.start_seconds + 120,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[leave]),
        )
        self.register_outputs({})
