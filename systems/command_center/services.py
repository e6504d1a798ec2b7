"""The five services that the site leads to, each on the networks that it needs."""

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pulumi

from components.app import App, AppArgs
from components.host import Host
from components.network import PrivateNetwork
from components.volume import Volume, VolumeArgs

from . import names
from .contract import Contract, Name
from .networks import Networks


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """The services."""

    auth: App
    """Accounts and tokens."""
    rest: App
    """The tables over HTTP."""
    realtime: App
    """Changed rows over a websocket."""
    mail: App
    """Mail."""
    objects: App
    """Objects."""


def declare(
    host: Host, agreed: Contract, networks: Networks, checked: Sequence[pulumi.Resource]
) -> Services:
    """Return the services; what serves rows comes after the checks of the database."""
    users = agreed.users

    def service(
        name: Name,
        joins: Sequence[PrivateNetwork] = (),
        after: Sequence[pulumi.Resource] = (),
        volumes: Mapping[str, Volume] = MappingProxyType({}),
    ) -> App:
        about = getattr(agreed.config, name)
        return App(
            name,
            AppArgs(
                host=host,
                image=about.image,
                port=names.PORTS[name],
                health=agreed.health(name),
                memory_mib=about.memory_mib,
                environment=agreed.variables(name),
                secrets=agreed.secrets(name),
                contract=agreed.environment(name),
                networks=[*joins, networks.metrics],
                volumes=volumes,
                jobs=agreed.jobs(name),
                drain_seconds=about.drain_seconds,
                revision=about.revision,
                after=after,
            ),
        )

    data, post = networks.data, networks.post
    mail = service("mail", [post])
    held = Volume("objects-data", VolumeArgs(host=host, protect=agreed.config.postgres.protect))
    return Services(
        mail=mail,
        auth=service("auth", [data, post], [mail, agreed.migrator, users["auth"]]),
        rest=service("rest", [data], [*checked, users["rest"]]),
        realtime=service("realtime", [data], [*checked, users["realtime"]]),
        objects=service("objects", volumes={"/data": held}),
    )
