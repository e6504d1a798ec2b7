"""The command `ledger`: serve, work, migrate, check, seed, and write the static build."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

import psycopg

from ledger import __version__, logs, schema
from ledger.settings import Settings, SettingsError

log = logging.getLogger("ledger.cli")

EXIT_FAILED = 1
EXIT_USAGE = 2


def main(arguments: list[str] | None = None) -> int:
    """Runs one command.

    Returns:
        0 when all went well, 1 when the work failed, 2 when the environment or the arguments are
        wrong, 143 when SIGTERM came before there was anything to drain.
    """
    # The first process of a container has no default handler: without this one, a SIGTERM that
    # comes early, or to a migration, would be ignored. Serve and worker install their own.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    options = _parser().parse_args(arguments)
    if options.command == "static":
        return _static(options)
    try:
        settings = Settings.load()
    except SettingsError as error:
        sys.stderr.write(f"ledger: {len(error.errors)} wrong in the environment:\n")
        sys.stderr.writelines(f"  {line}\n" for line in error.errors)
        return EXIT_USAGE
    logs.configure(settings.log_level, settings.release, settings.secrets)
    try:
        return _COMMANDS[options.command](settings, options)
    except (psycopg.Error, schema.SchemaError) as error:
        log.error(f"{options.command} failed", extra={"error": str(error).strip()})  # noqa: TRY400
        return EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ledger",
        description="A small ledger. Its settings come from the environment; see its README.",
    )
    parser.add_argument("--version", action="version", version=f"ledger {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text)

    command("serve", "Serve the page and the API until SIGTERM, then drain and exit with 0.")
    command("worker", "Empty the queue until SIGTERM, then finish what runs and exit with 0.")
    migrate = command("migrate", "Bring the schema to a revision, all or nothing (as the owner).")
    migrate.add_argument(
        "--to", default="head", metavar="REV", help="a revision, `head` (default) or `base`"
    )
    command("check", "Exit with 0 if the database is reachable and its schema serves this release.")
    command("seed", "Add sample entries, unless there are entries already.")
    static = command("static", "Write the static build: index.html, env.js and hashed assets.")
    static.add_argument("directory", type=Path, metavar="DIR", help="a new or earlier build folder")
    static.add_argument(
        "--api-url", default="", metavar="URL", help="where the API is; default: the same origin"
    )
    return parser


def _serve(settings: Settings, _options: argparse.Namespace) -> int:
    from ledger.server import serve  # noqa: PLC0415 - a migration needs no web server in memory

    serve(settings)
    return 0


def _worker(settings: Settings, _options: argparse.Namespace) -> int:
    from ledger.worker import work  # noqa: PLC0415

    asyncio.run(work(settings))
    return 0


def _migrate(settings: Settings, options: argparse.Namespace) -> int:
    before, after = schema.migrate(
        settings.conninfo,
        options.to,
        head=settings.schema_head,
        fail=settings.fail_mode.breaks_migrations,
    )
    log.info("migrated", extra={"before": before or "base", "after": after})
    return 0


def _check(settings: Settings, _options: argparse.Namespace) -> int:
    state = schema.current(settings.conninfo)
    sys.stdout.write(f"schema: {state.revision or 'none'}\n")
    sys.stdout.flush()
    problem = schema.problem(state, settings.schema_head)
    if problem:
        log.error("check failed", extra={"error": problem})
        return EXIT_FAILED
    newer = state.revision not in schema.known(settings.schema_head)
    log.info("check passed", extra={"schema": state.revision, "newer_than_release": newer})
    return 0


def _seed(settings: Settings, _options: argparse.Namespace) -> int:
    from ledger.seed import seed  # noqa: PLC0415

    log.info("seeded", extra={"entries": asyncio.run(seed(settings.conninfo))})
    return 0


def _static(options: argparse.Namespace) -> int:
    from ledger import spa  # noqa: PLC0415

    release = os.environ.get("RELEASE") or __version__
    try:
        files = spa.build(options.directory, release, options.api_url)
    except (OSError, spa.NotEmptyError) as error:
        sys.stderr.write(f"ledger: {error}\n")
        return EXIT_FAILED
    sys.stdout.write(f"{len(files)} files in {options.directory}\n")
    return 0


_COMMANDS = {
    "serve": _serve,
    "worker": _worker,
    "migrate": _migrate,
    "check": _check,
    "seed": _seed,
}
