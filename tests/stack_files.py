"""Stack files as the engine would read them, with values of our own for what is encrypted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

Values = dict[str, Any]


def split(values: Mapping[str, Any]) -> tuple[Values, dict[str, str]]:
    """Return the plain values and the secrets, which are written as `{secure: VALUE}`."""
    plain: Values = {}
    secret: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, dict) and set(value) == {"secure"}:
            secret[key] = str(value["secure"])
        else:
            plain[key] = value
    return plain, secret


def read(path: Path) -> tuple[Values, dict[str, str]]:
    """Return plain values and secrets of a stack file; ciphertext stands for the secret itself."""
    return split(yaml.safe_load(path.read_text())["config"])


def merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> Values:
    """Return `base` with a change laid over it, object by object; None removes a key."""
    result: Values = {**base}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result
