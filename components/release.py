"""The id of a release: a function of everything that makes it what it is."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

_PART = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<repository>(?:[A-Za-z0-9.-]+(?::[0-9]{{1,5}})?/)?{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


def release_id(configuration: Mapping[str, Any]) -> str:
    """Return eight hexadecimal digits that change whenever `configuration` does.

    It must hold the image, whatever the runtime renders from the app's settings, the names and
    versions (never the values) of its secrets, its jobs and its gate. What concerns only how it is
    fetched and how it leaves is left out: the registry's login, the drain time, the stable port.

    Args:
        configuration: plain data; anything JSON cannot say is a mistake of the caller.

    Raises:
        TypeError: a value is not plain, for example an Output that a later step makes.
    """
    text = json.dumps(configuration, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def check_image(reference: str) -> str:
    """Return an image reference that names one version.

    Raises:
        ValueError: it cannot be parsed, or has neither tag nor digest, or its tag is `latest`.
    """
    found = _REFERENCE.fullmatch(reference)
    if not found:
        msg = (
            f"image: {reference!r} is no image reference; "
            "write registry/name:tag or registry/name:tag@sha256:<64 hexadecimal digits>"
        )
        raise ValueError(msg)
    if not found["digest"] and found["tag"] in (None, "latest"):
        msg = (
            f"image: {reference!r} does not say which version; "
            "add a tag other than latest, or a digest (@sha256:...)"
        )
        raise ValueError(msg)
    return reference


def is_pinned(reference: str) -> bool:
    """Return whether a reference names its content by digest."""
    return "@sha256:" in reference
