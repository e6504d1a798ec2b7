"""Settings from variables; a secret's value lies in the file that NAME_FILE names."""

import os
from pathlib import Path


class SettingsError(ValueError):
    """Names a variable that is missing or wrong."""


def text(name: str, default: str | None = None) -> str:
    """Return a value: NAME's own, or that of the file which NAME_FILE or NAME=@FILE names.

    Raises:
        SettingsError: there is none and no default.
    """
    value = os.environ.get(name, "")
    file = os.environ.get(f"{name}_FILE") or (value[1:] if value.startswith("@") else "")
    if file:
        value = Path(file).read_text().strip()
    if not value and default is None:
        msg = f"{name} is missing; set it, or {name}_FILE"
        raise SettingsError(msg)
    return value or str(default)


def secret(name: str, *, shortest: int) -> str:
    """Return a secret.

    Raises:
        SettingsError: it is missing, or so short that it can be guessed.
    """
    value = text(name)
    if len(value) < shortest:
        msg = f"{name} has {len(value)} characters, and needs {shortest}"
        raise SettingsError(msg)
    return value


def number(name: str, default: int) -> int:
    """Return a whole number.

    Raises:
        SettingsError: it is none.
    """
    value = text(name, str(default))
    if not value.isdigit():
        msg = f"{name} must be a whole number (got {value!r})"
        raise SettingsError(msg)
    return int(value)
