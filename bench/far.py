"""Runs on a server, before its sshd: passes everything on, half a round trip later in each way.

`far.py PORT MILLISECONDS`: listens on the port and leads to port 22 of the same machine.
"""

import asyncio
import contextlib
import sys

SSH_PORT = 22
BLOCK = 65_536


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Write what is read, each block when its time has come, and the end after the last one."""
    loop = asyncio.get_running_loop()
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def receive() -> None:
        block = b"."
        while block:
            try:
                block = await reader.read(BLOCK)
            except OSError:
                block = b""
            under_way.put_nowait((loop.time() + delay, block))

    receiving = asyncio.create_task(receive())
    with contextlib.suppress(OSError, RuntimeError):
        while True:
            due, block = await under_way.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not block:
                writer.write_eof()
                break
            writer.write(block)
            await writer.drain()
    await receiving


async def start(port: int, to_port: int, round_trip: float) -> asyncio.Server:
    """Take connections from now on; a port of 0 is one that is free."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The kernel has said yes at once; from afar that would have taken a round trip.
        await asyncio.sleep(round_trip)
        to, back = await asyncio.open_connection("127.0.0.1", to_port)
        await asyncio.gather(
            pass_on(reader, back, round_trip / 2), pass_on(to, writer, round_trip / 2)
        )
        writer.close()
        back.close()

    return await asyncio.start_server(connection, port=port)


async def main(port: int, round_trip: float) -> None:
    """Lead to sshd until the process is ended."""
    server = await start(port, SSH_PORT, round_trip)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) / 1000))
