"""A server that exists already, reached as its owner says, and something in its Docker."""

from typing import Any

import pulumi
import pulumi_docker as docker

from components import secrets
from components.artefact import Artefact, ArtefactArgs
from components.artefact_source import LocalSource
from components.existing_server import ExistingServer, ExistingServerArgs
from components.ssh import Bastion

config = pulumi.Config()


def given(key: str) -> secrets.Secret | None:
    """Return a secret of the configuration."""
    plain = config.get(key)
    return secrets.given(key, plain, context="e2e") if plain else None


through: dict[str, Any] | None = config.get_object("bastion")
server = ExistingServer(
    "server",
    ExistingServerArgs(
        address=config.require("address"),
        host_key=config.require("host_key"),
        user=config.require("user"),
        privilege=config.require("privilege"),  # type: ignore[arg-type] # checked by the component
        password=given("password"),
        private_key=given("private_key"),
        bastion=Bastion(**through) if through else None,
        install_docker=config.get_bool("install_docker") is not False,
    ),
)
docker.Volume(
    "volume",
    name=f"kept-{pulumi.get_project()}",
    opts=pulumi.ResourceOptions(provider=server.host.docker),
)
if config.get("artefact"):
    source = LocalSource(path=config.require("artefact"))
    page = Artefact("page", ArtefactArgs(host=server.host, source=source))
    pulumi.export("page", page.path)
pulumi.export("ssh", server.ssh_command)
