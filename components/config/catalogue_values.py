"""What the vendor sells, as single values of a configuration."""

import difflib
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

from .. import hetzner_catalogue as catalogue
from .problems import refuse
from .values import Text


def _server_type(value: str) -> str:
    if value not in catalogue.SERVER_TYPES:
        sold = (kind.name for kind in catalogue.SERVER_TYPES.values() if not kind.deprecated)
        refuse("is no server type", _nearest(value, sold))
    return value


def _location(value: str) -> str:
    if value not in catalogue.LOCATIONS:
        refuse("is no location", _nearest(value, catalogue.LOCATIONS))
    return value


def _system(value: str) -> str:
    if value not in catalogue.IMAGES:
        refuse("is no supported system", _nearest(value, catalogue.IMAGES))
    return value


def _nearest(value: str, known: Iterable[str]) -> str:
    choices = list(known)
    close = difflib.get_close_matches(value.lower(), choices, n=1)
    listed = f"use one of {', '.join(choices)}"
    return f"did you mean {close[0]}? {listed}" if close else listed


ServerType = Annotated[Text, AfterValidator(_server_type)]
"""A size of server."""
Location = Annotated[Text, AfterValidator(_location)]
"""Where a server stands."""
System = Annotated[Text, AfterValidator(_system)]
"""An operating system to start with."""
