"""Questions to DNS servers, past caches: what the servers of a zone say at this moment.

Over TCP, so that an answer is never cut off and comes from the server that was asked.
"""

import re
import secrets
import socket
import struct

from _homeport import at

NS, TXT = 2, 16
PORT = 53
TRY_SECONDS = 10
CODES = {1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


def texts(server: str, name: str, port: int = PORT) -> "list[str]":
    """Return the TXT values that a server has for a name; none when there is no such name.

    Raises:
        OSError: it does not answer, or refuses to.
    """
    found = []
    for message, start, length in ask(server, port, name, TXT):
        data, text = message[start : start + length], b""
        while data:
            text, data = text + data[1 : 1 + data[0]], data[1 + data[0] :]
        found.append(text.decode(errors="replace"))
    return found


def servers_of(zone: str, port: int = PORT) -> "list[str]":
    """Return the names of a zone's servers, as the host's own resolver knows them.

    Raises:
        OSError: it does not answer, or knows no such zone.
    """
    found = re.findall(r"^nameserver\s+(\S+)", at("/etc/resolv.conf").read_text(), re.MULTILINE)
    answers = ask(found[0] if found else "127.0.0.1", port, zone, NS)
    servers = sorted({name_at(message, start)[0] for message, start, _ in answers})
    if not servers:
        what = f"the DNS knows no name servers of {zone}"
        raise OSError(what)
    return servers


def ask(server: str, port: int, name: str, kind: int) -> "list[tuple[bytes, int, int]]":
    """Return the records of a kind: each as the whole answer, and where in it its data lies.

    Raises:
        OSError: the server does not answer, or with an error other than that the name is unknown.
    """
    number = secrets.randbelow(1 << 16)
    question = b"".join(bytes([len(p)]) + p for p in name.encode().split(b".")) + b"\0"
    # The resolver is to look further; a zone's own servers take no notice.
    message = (
        struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + question + struct.pack("!2H", kind, 1)
    )
    with socket.create_connection((server, port), timeout=TRY_SECONDS) as connection:
        connection.sendall(struct.pack("!H", len(message)) + message)
        (length,) = struct.unpack("!H", exactly(connection, 2))
        answer = exactly(connection, length)
    try:
        return records(answer, kind)
    except (IndexError, struct.error):
        what = f"{server} gives an answer that cannot be read"
        raise OSError(what) from None
    except LookupError as error:
        what = f"{server} answers {error.args[0]} for {name}"
        raise OSError(what) from None


def exactly(connection: socket.socket, length: int) -> bytes:
    """Return so many bytes from a connection."""
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            what = "the connection ended before the answer did"
            raise ConnectionError(what)
        data += part
    return data


def records(answer: bytes, kind: int) -> "list[tuple[bytes, int, int]]":
    """Return where in an answer the data of its records of a kind lies."""
    _, flags, questions, count, _, _ = struct.unpack_from("!6H", answer)
    code = flags & 0xF
    if code not in (0, 3):
        raise KeyError(CODES.get(code, f"code {code}"))
    at_byte, found = 12, []
    for _ in range(questions):
        at_byte = name_at(answer, at_byte)[1] + 4
    for _ in range(count):
        at_byte = name_at(answer, at_byte)[1]
        its_kind, _, _, length = struct.unpack_from("!2HIH", answer, at_byte)
        if its_kind == kind:
            found.append((answer, at_byte + 10, length))
        at_byte += 10 + length
    return found


def name_at(message: bytes, start: int) -> "tuple[str, int]":
    """Return the name that begins at a place of a message, and where what follows it begins."""
    labels, at_byte, after = [], start, 0
    while message[at_byte]:
        length = message[at_byte]
        if length >= 0xC0:
            after = after or at_byte + 2
            target = struct.unpack_from("!H", message, at_byte)[0] & 0x3FFF
            if target >= at_byte:
                raise IndexError(target)
            at_byte = target
        else:
            labels.append(message[at_byte + 1 : at_byte + 1 + length].decode(errors="replace"))
            at_byte += 1 + length
    return ".".join(labels), after or at_byte + 1
