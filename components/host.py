"""What every other component knows of a machine: how to reach it and how big it is."""

import dataclasses

import pulumi
import pulumi_docker as docker

from .remote import Remote


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class HostFacts:
    """What is known of a machine at plan time, so that a preview can refuse what will not fit."""

    cores: int | None = None
    """Processors; None when only the machine itself knows."""
    memory_mib: int | None = None
    """Memory in MiB; None when only the machine itself knows."""
    image: str | None = None
    """System of the first boot, such as `debian-13`; None when only the machine itself knows."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """A machine that we can reach, whoever made it; taken by everything that runs on one."""

    name: str
    """The logical name of the component that made it."""
    address: pulumi.Output[str]
    """The public IPv4 address."""
    facts: HostFacts
    """What a preview may rely on."""
    remote: Remote
    """Runs steps on the machine."""
    docker: docker.Provider
    """The machine's Docker engine, over SSH; connects only when something there changes."""
    ssh_command: pulumi.Output[str]
    """What a person types to log in; holds no secret."""
    nftables: bool = True
    """Whether its owner lets us write rules of nftables."""
    journal: bool = False
    """Whether Docker's containers write to the machine's journal, in place of files of their own;
    `docker logs` shows both."""

    def with_journal(self) -> "Host":
        """Return the same machine, whose containers write to its journal.

        There each line has the fields CONTAINER_NAME, HOMEPORT_APP and HOMEPORT_RELEASE. To change
        it is to make every container anew, databases too.
        """
        return dataclasses.replace(self, journal=True)
