"""The commands `homeport cloud …`."""

import shlex
import subprocess
import time
from typing import Annotated

import rich
import typer

from homeport.cloud import docker, lifecycle, process, served, shared_server, status, website_server
from homeport.cloud.contract import MachineryError
from homeport.cloud.instance import DEFAULT_NAME, load
from homeport.cloud.servers import container_named

app = typer.Typer(
    help="The local cloud: servers, DNS, registry and ACME on this machine.", no_args_is_help=True
)

Name = Annotated[
    str,
    typer.Option(
        "--name", "-n", envvar="HOMEPORT_CLOUD", help="Which cloud; several can run side by side."
    ),
]


@app.command()
def up(name: Name = DEFAULT_NAME) -> None:
    """Start a cloud; what runs and is unchanged is left alone."""
    start = time.monotonic()
    cloud = lifecycle.up(name, Phases())
    seconds = time.monotonic() - start
    rich.print(
        f"cloud [bold]{name}[/] is up after {seconds:.1f} s: "
        f"{cloud.endpoint}, network {cloud.public_network}"
    )
    rich.print(f'use it by: eval "$(homeport cloud env --name {name})"')


@app.command()
def down(
    name: Name = DEFAULT_NAME,
    purge: Annotated[
        bool, typer.Option(help="Also remove images and caches, which all clouds share.")
    ] = False,
) -> None:
    """End a cloud; nothing of it stays but images and caches."""
    phases = Phases()
    try:
        lifecycle.down(load(name), phases)
    except MachineryError:
        if not purge:
            raise
    if purge:
        lifecycle.purge()
    rich.print(f"cloud [bold]{name}[/] is down")


@app.command()
def reset(name: Name = DEFAULT_NAME) -> None:
    """Empty a cloud: servers, zones, volumes and everything else in it go."""
    lifecycle.reset(load(name), Phases())
    rich.print(f"cloud [bold]{name}[/] is empty")


@app.command("status")
def show_status(name: Name = DEFAULT_NAME) -> None:
    """Show what runs, with addresses and memory."""
    rich.print(status.table(load(name)))


@app.command()
def env(name: Name = DEFAULT_NAME) -> None:
    """Print the variables that make programs use this cloud, for `eval`."""
    for key, value in load(name).environment().items():
        typer.echo(f"export {key}={shlex.quote(value)}")


@app.command("shared-server")
def shared(
    hostnames: Annotated[list[str], typer.Argument(help="Names that are to point there.")],
    name: Name = DEFAULT_NAME,
) -> None:
    """Have a server that belongs to somebody else, with their sites and containers on it."""
    made = shared_server.prepare(load(name), hostnames)
    typer.echo(f"{made.address}, SSH on 22022; approve plans with:")
    typer.echo(f"  --key {shared_server.approver_key(load(name))}")


@app.command("website-server")
def website(
    hostnames: Annotated[list[str], typer.Argument(help="Names that are to point there.")],
    name: Name = DEFAULT_NAME,
) -> None:
    """Have a second server of somebody else, with Docker and a login as root."""
    typer.echo(f"{website_server.prepare(load(name), hostnames).address}, SSH on 22")


@app.command("images")
def show_images(name: Name = DEFAULT_NAME) -> None:
    """Print what the registries serve, as reference@digest."""
    for reference, digest in served.digests(load(name)).items():
        typer.echo(f"{reference}@{digest}")


@app.command()
def ca(name: Name = DEFAULT_NAME) -> None:
    """Print the path of the root that signs the sites' certificates."""
    typer.echo(load(name).ca_file)


@app.command()
def logs(
    part: Annotated[
        str,
        typer.Argument(
            help="api, dns, front, acme, acme-short, registry, postgres, objects, a server's name."
        ),
    ] = "api",
    name: Name = DEFAULT_NAME,
    follow: Annotated[bool, typer.Option("--follow", "-f")] = False,
) -> None:
    """Show what a part of the cloud has written."""
    cloud = load(name)
    tail = ["--follow"] if follow else []
    if part == "api":
        argv = ["tail", "--lines", "200", *tail, str(process.log_file(cloud))]
    elif docker.inspect("container", cloud.named(part)):
        argv = ["docker", "logs", "--tail", "200", *tail, cloud.named(part)]
    else:
        container = container_named(cloud, part)
        argv = ["docker", "exec", container, "journalctl", "--no-pager", "--lines", "200", *tail]
    raise typer.Exit(subprocess.run(argv, check=False).returncode)


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def ssh(
    server: Annotated[str, typer.Argument(help="The server's name.")],
    command: Annotated[
        list[str] | None, typer.Argument(help="What to run there; a shell otherwise.")
    ] = None,
    name: Name = DEFAULT_NAME,
) -> None:
    """Open a root shell on a server as its console would, without SSH and past any firewall."""
    container = container_named(load(name), server)
    terminal = ["--interactive"] if command else ["--interactive", "--tty"]
    argv = ["docker", "exec", *terminal, container, *(command or ["bash", "--login"])]
    raise typer.Exit(subprocess.run(argv, check=False).returncode)


class Phases:
    """Prints each phase with the seconds since the start."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self, text: str) -> None:
        """Print one phase."""
        rich.print(f"[dim]{time.monotonic() - self._start:6.1f} s[/]  {text}")
