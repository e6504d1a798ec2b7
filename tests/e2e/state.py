"""What a stack's state file tells, so that the engine is asked once about what has not changed."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


class AskedOnce(Generic[T]):
    """An answer of the engine about a stack: asked for anew when its state has been written."""

    def __init__(self, state: Path, ask: Callable[[], T]) -> None:
        """Take the stack's state file and what asks the engine."""
        self._state, self._ask = state, ask
        self._known: tuple[str, T] | None = None

    def __call__(self) -> T:
        """Return the answer for the state as it is now."""
        now = digest(self._state)
        if self._known is None or self._known[0] != now:
            self._known = now, self._ask()
        return self._known[1]


def state_file(backend: Path, project: str, stack: str) -> Path:
    """Return where a backend of files keeps a stack's state."""
    return backend / ".pulumi" / "stacks" / project / f"{stack}.json"


def digest(state: Path) -> str:
    """Return a hash of a stack's state, another one after any change."""
    return hashlib.sha256(state.read_bytes()).hexdigest()
