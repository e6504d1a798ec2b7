"""A name server on the loopback, over TCP, whose records a test can change at any moment."""

import socketserver
import struct
from collections.abc import Callable, Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.processes.threaded_server import ThreadedServer

Records = Callable[[str, str], list[str]]
"""Returns the values of a name and a type, as a zone file writes them."""


class NameServer(ThreadedServer):
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

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        super().__init__(server, poll_seconds=0.02)


def serving(records: Records) -> Iterator[NameServer]:
    """Serve until the test has ended."""
    with NameServer(records) as server:
        yield server
