"""The one bit that everything long-lived watches: this process has been told to go."""

import asyncio


class Drain:
    """Starts once and never ends."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    @property
    def started(self) -> bool:
        """Tells whether the process takes no new connections any more."""
        return self._event.is_set()

    def start(self) -> None:
        """Tells everyone who waits."""
        self._event.set()

    async def wait(self, timeout_seconds: float | None = None) -> bool:
        """Waits for the start, or for the time to pass; tells whether it has started."""
        try:
            await asyncio.wait_for(self._event.wait(), timeout_seconds)
        except TimeoutError:
            return False
        return True
