"""A server in the cloud with a packet filter of its own, and something in its Docker."""

import pulumi
import pulumi_docker as docker

from components.firewall import HostFirewall, HostFirewallArgs, Rule, web_rules
from components.hetzner_server import HetznerServer, HetznerServerArgs

config = pulumi.Config()
here = tuple(config.require("ssh_networks").split(","))
server = HetznerServer(
    "server",
    HetznerServerArgs(
        server_type=config.require("server_type"),
        location="fsn1",
        image=config.require("image"),
        rules=[*web_rules(), Rule(port=8080, comment="only the cloud lets this in")],
        protect=False,
    ),
)
HostFirewall(
    "guard",
    HostFirewallArgs(host=server.host, rules=web_rules(ssh_networks=here), trial_seconds=20),
)
docker.Volume(
    "volume",
    name="kept",
    opts=pulumi.ResourceOptions.merge(
        server.host.remote.bound(), pulumi.ResourceOptions(provider=server.host.docker)
    ),
)
pulumi.export("address", server.address)
pulumi.export("ssh", server.ssh_command)
pulumi.export("server_id", server.server_id)
