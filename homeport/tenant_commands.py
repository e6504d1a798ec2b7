"""The commands `homeport tenant …`: each changes the stack file, and runs `up`."""

from typing import Annotated, Any

import rich
import typer
from rich.table import Table

from homeport import stacks, tenants
from homeport.commands import CloudName, Stack, System

app = typer.Typer(no_args_is_help=True, help="Tenants of a system that has many.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The tenant's name.")]


@app.command("list")
def list_(stack: Stack = "staging", system: System = None, cloud: CloudName = None) -> None:
    """List the tenants: as the stack file names them, and as the last `up` left them."""
    aim = stacks.target(system, stack, cloud)
    asked = tenants.named(aim)
    there: dict[str, Any] = stacks.outputs(aim).get(tenants.KEY) or {}
    table = Table("tenant", "host", "state", title=f"{aim.name}/{aim.stack}")
    for name in sorted({*asked, *there}):
        host = str(there.get(name, {}).get("host", ""))
        table.add_row(name, host, state(asked.get(name), there.get(name)))
    rich.print(table)


def state(asked: dict[str, Any] | None, there: dict[str, Any] | None) -> str:
    """Return what a tenant is, and what the next `up` makes of it."""
    if there is None:
        return "the next up makes it"
    now = "suspended" if there.get("suspended") else "works"
    if asked is None:
        return f"{now}; the next up deletes it"
    then = "suspended" if asked.get("suspended") else "works"
    return now if now == then else f"{now}; after the next up: {then}"


@app.command()
def create(
    name: Name, stack: Stack = "staging", system: System = None, cloud: CloudName = None
) -> None:
    """Make a tenant, with a database and a folder of files of its own."""
    aim = stacks.target(system, stack, cloud)
    tenants.create(aim, name)
    _up(aim, f"{name} is named")


@app.command()
def suspend(
    name: Name, stack: Stack = "staging", system: System = None, cloud: CloudName = None
) -> None:
    """Let nobody work at a tenant; everything stays."""
    aim = stacks.target(system, stack, cloud)
    tenants.suspend(aim, name, suspended=True)
    _up(aim, f"{name} is suspended")


@app.command()
def resume(
    name: Name, stack: Stack = "staging", system: System = None, cloud: CloudName = None
) -> None:
    """Let people work at a suspended tenant again."""
    aim = stacks.target(system, stack, cloud)
    tenants.suspend(aim, name, suspended=False)
    _up(aim, f"{name} is no longer suspended")


@app.command()
def delete(
    name: Name,
    *,
    stack: Stack = "staging",
    system: System = None,
    cloud: CloudName = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
) -> None:
    """Delete a tenant's database and files, for good: takes its protection off first."""
    aim = stacks.target(system, stack, cloud)
    question = f"Delete {name} of {aim.name}/{aim.stack} on {aim.place}, with everything in it?"
    if not yes and not typer.confirm(question):
        raise typer.Exit(1)
    tenants.release(aim, name)
    typer.echo(f"{name} is no longer protected")
    code = stacks.run(aim, "up", ["--yes", "--skip-preview"])
    if code != 0:
        raise typer.Exit(code)
    tenants.forget(aim, name)
    _up(aim, f"{name} is no longer named")


def _up(aim: stacks.Target, what: str) -> None:
    typer.echo(f"{what} in Pulumi.{aim.stack}.yaml; commit it when `up` has worked")
    raise typer.Exit(stacks.run(aim, "up", ["--yes", "--skip-preview"]))
