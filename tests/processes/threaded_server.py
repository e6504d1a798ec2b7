"""A server of the standard library that runs in a thread for the length of a `with` block."""

import socketserver
import threading
from types import TracebackType
from typing import Self


class ThreadedServer:
    """Serves while it is entered; `poll_seconds` is how soon it notices that it shall end."""

    def __init__(self, server: socketserver.BaseServer, poll_seconds: float) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(poll_seconds,))

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
