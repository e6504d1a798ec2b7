"""The commands `homeport preview|approve|up|destroy|demo`: thin over `pulumi`."""

import importlib
import time
from pathlib import Path
from types import ModuleType
from typing import Annotated

import rich
import rich.progress
import typer
from rich.table import Table

from homeport import demo as demos
from homeport import previews, rotation, stacks
from homeport import releases as past
from homeport import smoke as smokes
from homeport.guard import approvals

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
    context: typer.Context,
    stack: Stack = "staging",
    system: System = None,
    cloud: CloudName = None,
    *,
    everything: Annotated[
        bool,
        typer.Option("--all", help="All stacks of all systems, as their first `up`; asks nobody."),
    ] = False,
) -> None:
    """Show what `up` would do; further options go to `pulumi preview`."""
    if everything:
        raise typer.Exit(_preview_everything())
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
def approve(
    *,
    touch: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND:NAME", help="A vital thing that the plan may touch."),
    ] = None,
    backup: Annotated[
        list[Path] | None, typer.Option(help="A receipt of a backup of what is touched.")
    ] = None,
    key: Annotated[
        Path, typer.Option(envvar="HOMEPORT_APPROVER_KEY", help="Your SSH key; .pub: the agent.")
    ] = Path("~/.ssh/id_ed25519"),
    destroying: Annotated[
        bool, typer.Option("--destroy", help="Approve removing everything.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Sign without asking.")] = False,
    stack: Stack = "staging",
    system: System = None,
    cloud: CloudName = None,
) -> None:
    """Show everything that a guarded stack's plan would do, and sign exactly that, once."""
    guard = _guard()
    aim = stacks.target(system, stack, cloud)
    asked = guard.Asked(
        operation="destroy" if destroying else "up",
        touch=touch or [],
        receipts=backup or [],
        key=key.expanduser(),
    )
    typer.echo(f"plan of {asked.operation} {aim.name}/{aim.stack} on {aim.place}")
    question = "Sign this, and nothing else?"
    signed = guard.approve(
        aim, asked, show=typer.echo, agreed=lambda: yes or typer.confirm(question)
    )
    if signed is None:
        typer.echo("nothing was approved")
        return
    approval, by = signed
    typer.echo(
        f"approved by {by} until {approval.until:%H:%M:%S} UTC, once: "
        f"homeport {asked.operation} --stack {stack}" + (f" --system {system}" if system else "")
    )


@app.command()
def demo(stack: Stack = "staging", system: System = None) -> None:
    """Start a local cloud, bring a stack up there, and try it: ends with `ready: https://…`."""
    raise typer.Exit(demos.run(system, stack))


@app.command()
def smoke(stack: Stack = "staging", system: System = None, cloud: CloudName = None) -> None:
    """Try a deployed stack from outside, as its smoke.py says."""
    aim = stacks.target(system, stack, cloud)
    raise typer.Exit(0 if smokes.passes(aim, smokes.deployed(aim), rich.get_console()) else 1)


@app.command()
def releases(stack: Stack = "staging", system: System = None, cloud: CloudName = None) -> None:
    """List what every app of a stack has run, the newest first; asks no server."""
    aim = stacks.target(system, stack, cloud)
    table = Table("app", "update", "since", "release", "", title=f"{aim.name}/{aim.stack}")
    for entry in past.past(past.settings(aim), aim.name, past.history(aim)):
        now = "serves" if entry.current else ""
        since = f"{entry.since:%Y-%m-%d %H:%M} UTC"
        table.add_row(entry.app, str(entry.update), since, entry.value, now)
    rich.print(table)


@app.command(context_settings=PASS_ON)
def rollback(
    context: typer.Context,
    app_name: Annotated[str, typer.Argument(metavar="APP", help="The app's name.")],
    release: Annotated[
        str | None,
        typer.Argument(
            metavar="RELEASE",
            help="An update's number or part of a release, as `homeport releases` lists them; the "
            "one before the present one without.",
        ),
    ] = None,
    *,
    stack: Stack = "staging",
    system: System = None,
    cloud: CloudName = None,
) -> None:
    """Set an app's earlier release in the stack's configuration, and run `up`."""
    if release and release.startswith("-"):
        # An option of `pulumi up`, where no release is named.
        context.args.insert(0, release)
        release = None
    aim = stacks.target(system, stack, cloud)
    entry = past.rollback(aim, app_name, release)
    typer.echo(f"{app_name} goes back to {entry.value} of update {entry.update}")
    typer.echo(f"Pulumi.{stack}.yaml says so now; commit it when it has worked")
    _pulumi("up", context, stack, system, cloud)


@app.command(context_settings=PASS_ON)
def rotate(
    context: typer.Context,
    secrets: Annotated[
        str, typer.Argument(help="Names of `secret_rotation`, with commas; `all` is every one.")
    ],
    *,
    stack: Stack = "staging",
    system: System = None,
    cloud: CloudName = None,
) -> None:
    """Have new secrets: raise their numbers in the stack's configuration, and run `up`."""
    aim = stacks.target(system, stack, cloud)
    raised = rotation.rotate(aim, [] if secrets == "all" else secrets.split(","))
    listed = ", ".join(f"{name} {number}" for name, number in raised.items())
    typer.echo(f"Pulumi.{stack}.yaml says now: {listed}; commit it when it has worked")
    _pulumi("up", context, stack, system, cloud)


def _preview_everything() -> int:
    """Preview every stack; print a table and, below it, what the failed ones said."""
    start = time.monotonic()
    table = Table("system", "stack", "to create", "seconds", "")
    aims = previews.everything()
    order = [(aim.name, aim.stack) for aim in aims]
    with rich.progress.Progress(transient=True) as bar:
        ended = list(bar.track(previews.run(aims), total=len(aims), description="previews"))
    for each in sorted(ended, key=lambda each: order.index((each.system, each.stack))):
        said = "[red]failed[/]" if each.problem else "ok"
        table.add_row(each.system, each.stack, str(each.resources), f"{each.seconds:.1f}", said)
    rich.print(table, f"{len(aims)} previews in {time.monotonic() - start:.0f} s")
    failed = [each for each in ended if each.problem]
    for each in failed:
        typer.echo(f"\n{each.system}/{each.stack}:\n{each.problem}", err=True)
    return 1 if failed else 0


def _pulumi(
    operation: str, context: typer.Context, stack: str, system: str | None, cloud: str | None
) -> None:
    aim = stacks.target(system, stack, cloud)
    typer.echo(f"{operation} {aim.name}/{aim.stack} on {aim.place}")
    if operation != "preview" and approvals.place(aim).document.exists():
        if context.args:
            msg = f"{' '.join(context.args)}: what was approved runs as it is, without options"
            raise stacks.StackError(msg)
        raise typer.Exit(_guard().run(aim, operation))
    raise typer.Exit(stacks.run(aim, operation, context.args))


def _guard() -> ModuleType:
    """Return what approves and runs approved plans.

    It reads a guard as programs do, with a part of Pulumi's SDK, which takes a second to load.
    """
    return importlib.import_module("homeport.guard.run")
