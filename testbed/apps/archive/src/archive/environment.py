"""Reads the environment contract: plain variables, or the file that `NAME_FILE` names."""

import os
from collections.abc import Mapping
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def text(*names: str, default: str | None = None) -> str:
    """Return the first variable that is set, or what the file of the first NAME_FILE holds.

    Raises:
        ImproperlyConfigured: none is set and there is no default; names what is expected.
    """
    for name in names:
        if os.environ.get(name):
            return os.environ[name]
        if os.environ.get(f"{name}_FILE"):
            return Path(os.environ[f"{name}_FILE"]).read_text().strip()
    if default is None:
        msg = f"{' or '.join(names)} is missing (or the same name with _FILE, naming a file)"
        raise ImproperlyConfigured(msg)
    return default


def words(*names: str) -> list[str]:
    """Return a list that is separated by commas; empty when no variable is set."""
    return [word.strip() for word in text(*names, default="").split(",") if word.strip()]


def number(name: str, default: int) -> int:
    """Return a whole number."""
    return int(text(name, default=str(default)))


def whole(names: Mapping[str, str]) -> dict[str, str] | None:
    """Return all of a group of variables by their keys, or None when none of them is set.

    Raises:
        ImproperlyConfigured: some are set and some are not; names the missing ones.
    """
    found = {key: text(name, default="") for key, name in names.items()}
    missing = [names[key] for key, value in found.items() if not value]
    if missing and len(missing) < len(names):
        msg = f"{', '.join(missing)} is missing: set all of {', '.join(names.values())}, or none"
        raise ImproperlyConfigured(msg)
    return None if missing else found


def debugging_is_off() -> None:
    """Refuse to start with DEBUG: what faces the public does not show its inside.

    Raises:
        ImproperlyConfigured: DEBUG says something else than no.
    """
    if text("DEBUG", "DJANGO_DEBUG", default="0").lower() not in ("0", "false", "no", "off"):
        msg = "DEBUG must be 0: this app never shows its inside"
        raise ImproperlyConfigured(msg)
