"""A real HetznerServer whose steps are written to a file instead of being run: there is no host."""

import pulumi
import pulumi_command as command

from components.hetzner_server import HetznerServer, HetznerServerArgs

config = pulumi.Config()
log = config.require("log")


def on_paper(
    name: str,
    *,
    connection: command.remote.ConnectionArgs,
    create: str | None = None,
    delete: str | None = None,
    opts: pulumi.ResourceOptions | None = None,
    **_: object,
) -> command.local.Command:
    """Write down what would run, and where; a step named in `failing` fails."""
    failing = f" && test {name} != {config.get('failing')}"
    up = pulumi.Output.concat(f"echo up {name} ", connection.host, f" >>{log}{failing}")
    down = pulumi.Output.concat(f"echo down {name} ", connection.host, f" >>{log}")
    return command.local.Command(
        name, create=up if create else None, delete=down if delete else None, opts=opts
    )


command.remote.Command = on_paper  # type: ignore[assignment, misc]
server = HetznerServer(
    "server",
    HetznerServerArgs(
        server_type="cx23",
        location=config.require("location"),
        protect=config.require_bool("protect"),
        volume_gib=config.get_int("volume_gib"),
        dns_ptr="www.example.com",
    ),
)
steps = server.host.remote
data = steps.step(
    "data",
    "folder",
    {},
    down=True,
    opts=pulumi.ResourceOptions(protect=config.get_bool("protect_data")),
)
steps.step("app", "folder", {}, down=True, opts=pulumi.ResourceOptions(depends_on=[data]))
if config.get_bool("container"):
    # As a release in Docker: made before the old one goes, if it were ever replaced by itself.
    beside = pulumi.ResourceOptions(delete_before_replace=False)
    steps.step("container", "folder", {}, down=True, opts=beside)
if config.get_bool("extra"):
    steps.step("extra", "folder", {}, down=True)
# What lies at a service is removed there by whatever machine there is.
steps.step("elsewhere", "folder", {}, down=True, elsewhere=True)
pulumi.export("address", server.address)
