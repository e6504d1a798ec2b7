"""The commands `homeport preview|up|destroy|demo`: thin over `pulumi`."""

from typing import Annotated

import typer

from homeport import demo as demos
from homeport import stacks

app = typer.Typer()

Stack = Annotated[str, typer.Option("--stack", "-s", help="staging or production.")]
System = Annotated[
    str | None, typer.Option("--system", help="A system of systems/; the starter without.")
]
CloudName = Annotated[
    str | None,
    typer.Option("--cloud", envvar="HOMEPORT_CLOUD", help="A local cloud; `none` is the real one."),
]
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command(context_settings=PASS_ON)
def preview(
    context: typer.Context, stack: Stack = "staging", system: System = None, cloud: CloudName = None
) -> None:
    """Show what `up` would do; further options go to `pulumi preview`."""
    _pulumi("preview", context, stack, system, cloud)


@app.command(context_settings=PASS_ON)
def up(
    context: typer.Context, stack: Stack = "staging", system: System = None, cloud: CloudName = None
) -> None:
    """Make the stack what the program says; further options go to `pulumi up`."""
    _pulumi("up", context, stack, system, cloud)


@app.command(context_settings=PASS_ON)
def destroy(
    context: typer.Context, stack: Stack = "staging", system: System = None, cloud: CloudName = None
) -> None:
    """Remove everything the stack made; further options go to `pulumi destroy`."""
    _pulumi("destroy", context, stack, system, cloud)


@app.command()
def demo(stack: Stack = "staging", system: System = None) -> None:
    """Start a local cloud, bring a stack up there, and try it: ends with `ready: https://…`."""
    raise typer.Exit(demos.run(system, stack))


def _pulumi(
    operation: str, context: typer.Context, stack: str, system: str | None, cloud: str | None
) -> None:
    aim = stacks.target(system, stack, cloud)
    typer.echo(f"{operation} {aim.name}/{aim.stack} on {aim.place}")
    raise typer.Exit(stacks.run(aim, operation, context.args))
