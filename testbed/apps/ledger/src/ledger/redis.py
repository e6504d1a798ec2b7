"""Whether a Redis can be used: the two commands that tell, in its own protocol."""

import asyncio
import contextlib

TIMEOUT_SECONDS = 2.0


async def problem(host: str, port: int, password: str) -> str | None:
    """Says within TIMEOUT_SECONDS why the Redis cannot be used, or None if it can."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await _ask(host, port, password)
    except TimeoutError:
        return f"the Redis did not answer within {TIMEOUT_SECONDS:g} s"
    except OSError:
        return "the Redis cannot be reached"


async def _ask(host: str, port: int, password: str) -> str | None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        for words in (("AUTH", password), ("PING",)):
            if words[0] == "AUTH" and not password:
                continue
            writer.write(_command(*words))
            answer = (await reader.readline()).decode(errors="replace").strip()
            if not answer.startswith("+"):
                return f"the Redis refused {words[0]}"
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return None


def _command(*words: str) -> bytes:
    """Writes a command: an array of strings, each with its length in bytes."""
    parts = [word.encode() for word in words]
    bulk = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
    return b"*%d\r\n%s" % (len(parts), bulk)
