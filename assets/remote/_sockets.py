"""What the kernel says of TCP sockets at this machine's ports."""

import time

from _homeport import at

POLL_SECONDS = 0.05
# Connections through which something may still come or go (Linux's numbers of TCP states).
OPEN_STATES = {"01", "03", "08"}
LISTENING = "0A"
# How Linux writes ::1, and the first part of ::ffff:127.0.0.1, on little-endian machines.
LOOPBACK_6 = "00000000000000000000000001000000"
MAPPED = "0000000000000000FFFF0000"


def connections(*ports: int) -> int:
    """Return how many connections are open at local ports."""
    return sum(state in OPEN_STATES for port in ports for _, state in sockets(port))


def listeners(port: int) -> list[str]:
    """Return the addresses, as the kernel writes them, at which something listens on a port."""
    return [address for address, state in sockets(port) if state == LISTENING]


def on_loopback(address: str) -> bool:
    """Return whether an address, as the kernel writes it, is reached from this machine alone."""
    last_of_four = address[-2:] == "7F" and (len(address) == 8 or address[:24] == MAPPED)
    return last_of_four or address == LOOPBACK_6


def sockets(port: int) -> list[tuple[str, str]]:
    """Return address and TCP state of all sockets of a local port."""
    found, mark = [], f":{port:04X} "
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        if at(name).exists():
            for line in at(name).read_text().splitlines()[1:]:
                # A busy host has ten thousands of lines; few are worth taking apart.
                if mark in line:
                    _, local, _, state = line.split()[:4]
                    address, _, number = local.rpartition(":")
                    if int(number, 16) == port:
                        found.append((address, state))
    return found


def wait_idle(ports: "list[int]", deadline: float) -> int:
    """Wait until ports have no open connection; return how many are left at the deadline."""
    while True:
        began = time.monotonic()
        left = connections(*ports)
        now = time.monotonic()
        if not left or now >= deadline:
            return left
        # The kernel lists those that ended in the last minute too: with many of them a look takes
        # its time, which the apps need more.
        time.sleep(min(max(POLL_SECONDS, 9 * (now - began)), deadline - now))
