"""Values as the engine writes them into plans and states: secrets, what is not known, assets."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

SECRET = "[secret]"  # noqa: S105 - what stands in place of one
UNKNOWN = "[known when it runs]"

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the engine's mark
_UNKNOWN_MARKS = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # text
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # truth value
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # list
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
"""What the engine writes where a value is not known before the run, by its type."""
_OPEN = frozenset({"host", "hostKey", "user"})
"""What is no secret in a connection, though the engine hides connections as a whole."""
FEWEST = 6
"""A secret of fewer characters is found in too much that is none."""


def masked(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a value fit to be shown: no secret in it, whether the engine shows them or not."""
    if isinstance(value, Mapping):
        if value.get(_SIGNATURE) == _SECRET_SIGNATURE:
            return SECRET
        return {str(key): masked(item) for key, item in value.items() if str(key) != _SIGNATURE}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return UNKNOWN if value in _UNKNOWN_MARKS else value


def clear(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a value with the secrets that the engine shows; never to be shown itself."""
    if isinstance(value, Mapping):
        if value.get(_SIGNATURE) == _SECRET_SIGNATURE:
            text = value.get("plaintext")
            return SECRET if text is None else clear(json.loads(text))
        return {str(key): clear(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clear(item) for item in value]
    return value


def secrets(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Yield every text that a shown secret consists of."""
    if isinstance(value, Mapping):
        if value.get(_SIGNATURE) == _SECRET_SIGNATURE:
            yield from _texts(clear(value))
        else:
            for item in value.values():
                yield from secrets(item)
    elif isinstance(value, list):
        for item in value:
            yield from secrets(item)


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key not in _OPEN:
                yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str) and len(value) >= FEWEST:
        yield value


def blotted(text: str, hidden: frozenset[str]) -> str:
    """Return a text in which none of these secrets is left: the last look before it is shown."""
    for secret in sorted(hidden, key=len, reverse=True):
        text = text.replace(secret, SECRET)
    return text


def digest(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return the SHA-256 of a JSON value, the same for the same value everywhere."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
