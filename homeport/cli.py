"""The command `homeport`: each group of commands lies in a module of its own."""

import sys

import rich
import typer

from homeport import commands, engine, stacks, tenant_commands
from homeport.cloud import commands as cloud
from homeport.cloud.contract import MachineryError

_typer = typer.Typer(
    help="Apps on your own servers.", no_args_is_help=True, pretty_exceptions_enable=False
)
_typer.add_typer(commands.app)
_typer.add_typer(cloud.app, name="cloud")
_typer.add_typer(tenant_commands.app, name="tenant")


@_typer.callback()
def _main() -> None:
    """Apps on your own servers."""


def app() -> None:
    """Run the command; what went wrong is said in one sentence, without a trace."""
    try:
        _typer()
    except (MachineryError, stacks.StackError, engine.EngineMissingError) as error:
        rich.print(f"[red]error:[/] {error}", file=sys.stderr)
        sys.exit(1)
