"""A name server on the loopback, over TCP, whose records a test can change at any moment."""

import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from types import TracebackType

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Records = Callable[[str, str], list[str]]
"""Returns the values of a name and a type, as a zone file writes them."""


class NameServer:
    """Answers with what `records` says at that moment."""

    def __init__(self, records: Records) -> None:
        self.rcode = dns.rcode.NOERROR
        self.asked: list[tuple[str, str]] = []
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                (length,) = struct.unpack("!H", self.rfile.read(2))
                query = dns.message.from_wire(self.rfile.read(length))
                question = query.question[0]
                name = question.name.to_text(omit_final_dot=True)
                kind = dns.rdatatype.to_text(question.rdtype)
                outer.asked.append((name, kind))
                answer = dns.message.make_response(query)
                answer.set_rcode(outer.rcode)
                values = records(name, kind)
                if values:
                    answer.answer.append(
                        dns.rrset.from_text(question.name, 60, "IN", kind, *values)
                    )
                wire = answer.to_wire()
                self.wfile.write(struct.pack("!H", len(wire)) + wire)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> "NameServer":
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


def serving(records: Records) -> Iterator[NameServer]:
    """Serve until the test has ended."""
    with NameServer(records) as server:
        yield server
