"""Modules: found in addons_path by their manifests, installed and upgraded one by one.

As in Odoo, an addon is a folder with `__manifest__.py` (a dictionary with `version`, `depends`,
`post_init_hook`), an `__init__.py` that has the hook, and `migrations/<version>/post-*.py` with
`migrate(cr, version)`; upgrading runs the migrations above the installed version, up to the
manifest's. A module is installed or upgraded as a whole or not at all.
"""

import ast
import dataclasses
import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg

from odoo_standin import base
from odoo_standin.config import Config
from odoo_standin.databases import connect


class ModuleError(Exception):
    """A module is not there, or cannot be installed or upgraded."""


@dataclasses.dataclass(frozen=True, slots=True)
class Module:
    """A module as its files say."""

    name: str
    version: str
    depends: tuple[str, ...] = ()
    post_init_hook: str = ""
    folder: Path | None = None

    def migrations(self, installed: str) -> list[Path]:
        """Return the scripts above the installed version up to the module's, in order."""
        if self.folder is None:
            return []
        found = [
            (number(path.parent.name), path.name, path)
            for path in self.folder.glob("migrations/*/post-*.py")
        ]
        after, last = number(installed), number(self.version)
        return [path for version, _, path in sorted(found) if after < version <= last]


@dataclasses.dataclass(frozen=True, slots=True)
class Env:
    """What a hook gets: the few calls of Odoo's environment that addons here make."""

    cr: psycopg.Connection

    def ref(self, name: str) -> "Administrator":
        """Return the record of a name; there is one, `base.user_admin`."""
        if name != "base.user_admin":
            msg = f"there is no record {name}"
            raise ModuleError(msg)
        return Administrator(self.cr)


@dataclasses.dataclass(frozen=True, slots=True)
class Administrator:
    """The first user of a database."""

    cr: psycopg.Connection

    def write(self, values: Mapping[str, str]) -> None:
        """Change the user; a password is all that can be changed."""
        if set(values) != {"password"}:
            msg = f"user_admin: only a password can be written (got {', '.join(values)})"
            raise ModuleError(msg)
        self.cr.execute(
            "UPDATE res_users SET password = %s WHERE login = %s",
            (base.hashed(values["password"]), base.ADMIN[0]),
        )


def find(config: Config, name: str) -> Module:
    """Return a module.

    Raises:
        ModuleError: no folder of addons_path has it, or its manifest cannot be read.
    """
    if name == "base":
        return Module("base", base.VERSION)
    for folder in (path / name for path in config.addons_path):
        manifest = folder / "__manifest__.py"
        if manifest.is_file():
            try:
                said: dict[str, Any] = ast.literal_eval(manifest.read_text())
                return Module(
                    name,
                    str(said["version"]),
                    tuple(said.get("depends", ("base",))),
                    str(said.get("post_init_hook", "")),
                    folder,
                )
            except (ValueError, SyntaxError, KeyError, TypeError) as error:
                msg = f"{manifest}: {type(error).__name__}: {error}"
                raise ModuleError(msg) from None
    msg = f"module {name}: in no folder of addons_path"
    raise ModuleError(msg)


def installed(connection: psycopg.Connection) -> dict[str, str]:
    """Return the versions of the installed modules; empty where not even `base` is there."""
    there = connection.execute("SELECT to_regclass('ir_module_module')").fetchone()
    if not there or there[0] is None:
        return {}
    rows = connection.execute("SELECT name, latest_version FROM ir_module_module ORDER BY name")
    return {str(name): str(version) for name, version in rows.fetchall()}


def install(config: Config, database: str, names: Iterable[str]) -> list[str]:
    """Install modules and what they depend on; return what was not there before, in order."""
    done: list[str] = []
    for name in names:
        _install(config, database, find(config, name), done)
    return done


def _install(config: Config, database: str, module: Module, done: list[str]) -> None:
    for name in module.depends:
        _install(config, database, find(config, name), done)
    with connect(config, database) as connection:
        if module.name in installed(connection):
            return
        if module.folder is None:
            base.install(connection)
        connection.execute(
            "INSERT INTO ir_module_module VALUES (%s, 'installed', %s)",
            (module.name, module.version),
        )
        if module.folder and module.post_init_hook:
            code = _load(module.folder / "__init__.py")
            getattr(code, module.post_init_hook)(Env(connection))
    done.append(module.name)


def upgrade(config: Config, database: str, names: Iterable[str]) -> list[str]:
    """Bring installed modules to the version of their files; return what was run, in order.

    Raises:
        ModuleError: one is not installed, or newer than its files, or a script of its failed;
            then the module is as it was before.
    """
    done: list[str] = []
    for module in [find(config, name) for name in names]:
        with connect(config, database) as connection:
            version = installed(connection).get(module.name)
            if version is None:
                msg = f"module {module.name}: is not installed in {database}"
                raise ModuleError(msg)
            if number(version) > number(module.version):
                msg = f"module {module.name}: {database} has {version}, newer than {module.version}"
                raise ModuleError(msg)
            for script in module.migrations(version):
                try:
                    _load(script).migrate(connection, version)
                except Exception as error:
                    msg = f"module {module.name}: {script.parent.name}/{script.name}: {error}"
                    raise ModuleError(msg) from error
                done.append(f"{module.name} {script.parent.name}")
            connection.execute(
                "UPDATE ir_module_module SET latest_version = %s WHERE name = %s",
                (module.version, module.name),
            )
    return done


def number(version: str) -> tuple[int, ...]:
    """Return a version as numbers, for comparison."""
    return tuple(int(part) for part in version.split("."))


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"addon_{abs(hash(path))}", path)
    if spec is None or spec.loader is None or not path.is_file():
        msg = f"{path}: is no Python file"
        raise ModuleError(msg)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
