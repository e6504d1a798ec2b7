"""An app: releases, one of which gets the traffic of a stable loopback port."""

import dataclasses
import re
from collections.abc import Mapping

import pulumi

from . import names
from .health import HealthCheck
from .release import release_id
from .route import Route, RouteArgs, SidePort
from .runtimes.choice import chosen
from .runtimes.runtime import Port, Release, Runtime, side_variable
from .workload import WorkloadArgs, configuration

_SIDE = re.compile(r"[a-z][a-z0-9]{0,19}")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class AppArgs(WorkloadArgs):
    """What an app is."""

    health: HealthCheck
    """When a release may get traffic."""
    container_port: int = 8000
    """Where the image listens; it is told in PORT. A unit has no port but its release's own."""
    port: int | None = None
    """The stable loopback port, such as one that others know; None derives it from the app's
    name. A release is refused where something listens there."""
    side_ports: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """Further ports where the image listens, by what they are for; each is told in NAME_PORT, to a
    unit its release's own. They get and lose their traffic together with the main port, whose
    health speaks for all of them."""
    drain_seconds: int = 30
    """How long connections of the old release may go on after a switch."""
    graceful_stop: bool = False
    """Whether SIGTERM lets it finish its requests and end its websockets and event streams itself;
    then it is told at the start of the drain, otherwise only once the drain is over."""

    def _check(self) -> None:
        WorkloadArgs._check(self)
        if not 1 <= self.container_port <= 65_535:
            msg = f"container_port: must be from 1 to 65535 (got {self.container_port})"
            raise ValueError(msg)
        ports = names.GIVEN_PORTS
        if self.port is not None and self.port not in ports:
            msg = f"port: must be from {ports[0]} to {ports[-1]} (got {self.port})"
            raise ValueError(msg)
        self._check_side_ports()
        if not 0 <= self.drain_seconds <= 3600:
            msg = f"drain_seconds: must be from 0 to 3600 (got {self.drain_seconds})"
            raise ValueError(msg)

    def _check_side_ports(self) -> None:
        if self.side_ports and not self.host.nftables:
            msg = (
                "side_ports: need nftables on the host, which switches all ports at once; "
                "links switch one after the other"
            )
            raise ValueError(msg)
        taken = {self.container_port: "container_port"}
        for name, port in self.side_ports.items():
            where = f"side_ports: {name}"
            if not _SIDE.fullmatch(name):
                msg = f"side_ports: {name!r} must be up to 20 lower-case letters and digits"
                raise ValueError(msg)
            if not 1 <= port <= 65_535:
                msg = f"{where}: must be from 1 to 65535 (got {port})"
                raise ValueError(msg)
            if port in taken:
                msg = f"{where}: {port} is {taken[port]} too; each needs a port of its own"
                raise ValueError(msg)
            taken[port] = name
            variable = side_variable(name)
            if variable in self.environment or variable in self.secrets:
                msg = (
                    f"environment: {variable} is set by the component for side_ports; leave it out"
                )
                raise ValueError(msg)


class App(pulumi.ComponentResource):
    """Whatever changes it makes a new release beside the old one; no request is lost on the way.

    A release that does not get healthy, or a job that fails, ends the deploy with the old release
    serving, and the next `pulumi up` goes on from there.
    """

    release: str
    """The release's id, known at plan time."""
    port: int
    """The stable loopback port, for a Site to send its traffic to."""
    side_ports: Mapping[str, int]
    """The stable loopback ports that lead to its side ports, by their names."""
    instance_name: str
    """What runs this release on the host: a container, or a unit."""

    def __init__(
        self, name: str, args: AppArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:app:App", name, {}, opts)
        full_name = f"{args.host.remote.system}-{names.check_label('app', name)}"
        runtime = chosen(args)
        self.release = app_release(name, args, runtime)
        self.port = args.port or names.stable_port(full_name)
        self.side_ports = names.stable_side_ports(full_name, self.port, args.side_ports)
        ports = names.release_side_ports(full_name, self.release, args.side_ports)
        port = Port(
            inside=args.container_port,
            release=names.release_port(full_name, self.release),
            sides={
                side: Port(inside=inside, release=ports[side])
                for side, inside in args.side_ports.items()
            },
        )
        self._claim(name, args, port)
        instance = runtime.start(
            Release(
                app=name,
                id=self.release,
                args=args,
                port=port,
                health_command=args.health.command,
                parent=self,
            )
        )
        self.instance_name = instance.name
        Route(
            f"{name}-route-{self.release}",
            RouteArgs(
                host=args.host,
                app=name,
                release=self.release,
                instance=instance,
                stable_port=self.port,
                release_port=port.release,
                side_ports=[
                    SidePort(
                        name=side,
                        stable_port=self.side_ports[side],
                        release_port=own.release,
                    )
                    for side, own in sorted(port.sides.items())
                ],
                health=args.health,
                drain_seconds=args.drain_seconds,
                graceful_stop=args.graceful_stop,
                contract=args.contract,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs(
            {
                "release": self.release,
                "port": self.port,
                "side_ports": self.side_ports,
                "instance_name": self.instance_name,
            }
        )

    def _claim(self, name: str, args: AppArgs, port: Port) -> None:
        claims, owner = args.host.remote.claims, f"app {name}"
        claims.take("app name", name, owner, cure="rename one of them")
        claims.take("stable port", self.port, owner, cure=f"give {owner} another one with port=")
        cure = f"raise revision of {owner} by one"
        claims.take("release port", port.release, owner, cure=cure)
        for side, own in port.sides.items():
            part = f"{owner}, side port {side}"
            another = f"give {part} another name"
            claims.take("stable port", self.side_ports[side], part, cure=another)
            claims.take("release port", own.release, part, cure=cure)
        claims.memory(owner, args.memory_mib, args.host.facts.memory_mib)


def app_release(name: str, args: AppArgs, runtime: Runtime) -> str:
    """Return the id of the release that these settings make."""
    draft = Release(
        app=name,
        id="",
        args=args,
        port=Port(
            inside=args.container_port,
            release=0,
            sides={side: Port(inside=port, release=0) for side, port in args.side_ports.items()},
        ),
        health_command=args.health.command,
    )
    made_of = configuration(args, runtime.rendered(draft))
    return release_id({**made_of, "health": args.health.spec()})
