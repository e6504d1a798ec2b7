"""What every runtime does: turn a release of an app or worker into an instance on the host."""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import pulumi

from ..schedule import Schedule

if TYPE_CHECKING:
    from ..workload import WorkloadArgs

Kind = Literal["docker", "podman", "systemd"]
"""What the host's tools ask about an instance."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Port:
    """Where a release listens."""

    inside: int
    """Where the process listens, where it has a network of its own."""
    release: int
    """On the host's loopback."""
    sides: "Mapping[str, Port]" = dataclasses.field(default_factory=dict)
    """Further ports of the same release, by name."""

    @property
    def all(self) -> "list[Port]":
        """Every port of the release, the main one first."""
        return [self, *(port for _, port in sorted(self.sides.items()))]

    def variables(self, *, inside: bool) -> dict[str, str]:
        """Return what tells the process where to listen, where it is or on the host's loopback."""
        ports = {"PORT": self} | {side_variable(name): side for name, side in self.sides.items()}
        return {name: str(port.inside if inside else port.release) for name, port in ports.items()}


def side_variable(name: str) -> str:
    """Return the variable that tells a side port."""
    return f"{name.upper().replace('-', '_')}_PORT"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """One release of one app or worker, as a runtime takes it."""

    app: str
    """The name of the app or worker."""
    id: str
    """The release's id; empty as long as it is being computed."""
    args: "WorkloadArgs"
    """What the workload is."""
    port: Port | None
    """Where it listens; a worker does not. Its `release` is 0 while the id is being computed."""
    health_command: Sequence[str]
    """Checks health from inside; may be empty."""
    parent: pulumi.Resource | None = None
    """The component that the instance's resources belong to."""

    @property
    def own(self) -> str:
        """The workload's full name on the host: `<system>-<app>`."""
        return f"{self.args.host.remote.system}-{self.app}"

    @property
    def name(self) -> str:
        """The instance's name on the host: `<system>-<app>-<release>`."""
        return f"{self.own}-{self.id}"

    @property
    def folder(self) -> str:
        """The folder on the host that belongs to this release alone."""
        return f"{self.args.host.remote.folder}/apps/{self.app}/{self.id}"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """A release that runs."""

    kind: Kind
    """What runs it."""
    name: str
    """Its name there: of a container, or of a unit."""
    resource: pulumi.Resource
    """What has started it, for whatever follows to depend on."""
    account: str = ""
    """The account that it belongs to, where that is not root."""

    def spec(self) -> dict[str, str]:
        """Return the instance as the host's tools take it."""
        spec = {"kind": self.kind, "name": self.name}
        return {**spec, "account": self.account} if self.account else spec


class Runtime(abc.ABC):
    """Turns releases into instances: prepared, their jobs done, started beside the old one.

    The same arguments mean the same on every runtime; what one cannot do, it refuses.
    """

    @abc.abstractmethod
    def check(self, args: "WorkloadArgs") -> None:
        """Refuse what this runtime cannot do, before anything is made.

        Raises:
            ValueError: naming the field, the rule and the cure.
        """

    @abc.abstractmethod
    def rendered(self, release: Release) -> Mapping[str, Any]:
        """Return what the instance would be given, as plain data.

        A release's id is made of this, with an empty id and a port that is not known yet, so that
        whatever would change an instance makes a new one instead of replacing one that serves.
        """

    @abc.abstractmethod
    def start(self, release: Release) -> Instance:
        """Make the resources of one release, each after what it needs, as children of its parent.

        What is prepared (image, artefact, secrets) does not wait for `args.after`; jobs and the
        instance do.
        """

    @abc.abstractmethod
    def schedule(self, release: Release, when: Schedule, timeout_seconds: int) -> Instance:
        """Make the resources of one release that runs to its end, again and again.

        Returns:
            The timer.
        """
