"""The command `odoo`: serves, or makes and upgrades a tenant's database and ends."""

import argparse
import json
import logging
import os
import sys
from pathlib import Path

import psycopg

from odoo_standin import config as configuration
from odoo_standin import databases, modules
from odoo_standin.config import Config, ConfigError
from odoo_standin.modules import ModuleError
from odoo_standin.server import serve

LEVELS = {"warn": "WARNING"}


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    asked = _parser().parse_args(argv)
    try:
        config = configuration.read(Path(asked.config))
        level = LEVELS.get(config.log_level, config.log_level.upper())
        logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        if asked.init or asked.update:
            _work(config, asked)
        if not asked.stop_after_init:
            serve(config)
    except (ConfigError, ModuleError) as error:
        sys.exit(f"odoo: {error}")
    except psycopg.OperationalError as error:
        sys.exit(f"odoo: the database server: {error}")


def _work(config: Config, asked: argparse.Namespace) -> None:
    if not asked.database:
        sys.exit("odoo: -i and -u need a database: name it with -d")
    found: dict[str, object] = {"database": asked.database}
    if asked.init:
        found["created"] = databases.create(config, asked.database)
        found["installed"] = modules.install(config, asked.database, _names(asked.init))
    if asked.update:
        found["upgraded"] = modules.upgrade(config, asked.database, _names(asked.update))
    sys.stdout.write(json.dumps(found) + "\n")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("odoo", description="A stand-in for Odoo.")
    parser.add_argument(
        *("-c", "--config"),
        default=os.environ.get("ODOO_RC", "/etc/odoo/odoo.conf"),
        help="the configuration file",
    )
    parser.add_argument("-d", "--database", default="", help="the database that -i and -u are for")
    parser.add_argument("-i", "--init", default="", help="modules to install, with commas")
    parser.add_argument("-u", "--update", default="", help="modules to upgrade, with commas")
    parser.add_argument("--no-http", action="store_true", help="take no port; with the next one")
    parser.add_argument("--stop-after-init", action="store_true", help="serve nothing")
    return parser
