"""A host for component tests: nothing is reached, everything that runs on it is recorded."""

import pulumi
import pulumi_command as command
import pulumi_docker as docker

from components.host import Host, HostFacts
from components.remote import Remote


class FakeHost(pulumi.ComponentResource):
    """Stands for `HetznerServer` or `ExistingServer`."""

    host: Host

    def __init__(
        self,
        *,
        memory_mib: int | None = 4096,
        cores: int | None = 2,
        image: str | None = None,
        nftables: bool = True,
    ) -> None:
        super().__init__("homeport:test:FakeHost", "host", {})
        provider = docker.Provider(
            "host-docker",
            host="ssh://root@203.0.113.7:22",
            opts=pulumi.ResourceOptions(parent=self),
        )
        address = pulumi.Output.from_input("203.0.113.7")
        self.host = Host(
            name="host",
            address=address,
            facts=HostFacts(cores=cores, memory_mib=memory_mib, image=image),
            remote=Remote(
                system=f"{pulumi.get_project()}-{pulumi.get_stack()}",
                connection=command.remote.ConnectionArgs(host=address, user="root"),
                sudo=False,
                machine=None,
                ready=[],
                login=["ssh", "host"],
            ),
            docker=provider,
            ssh_command=address,
            nftables=nftables,
        )
        self.register_outputs({})


def fake_host(
    *,
    memory_mib: int | None = 4096,
    cores: int | None = 2,
    image: str | None = None,
    nftables: bool = True,
) -> Host:
    """Return a host with these facts."""
    return FakeHost(memory_mib=memory_mib, cores=cores, image=image, nftables=nftables).host
