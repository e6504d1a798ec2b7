"""Reading request bodies: bounded, and refused with a reason."""

import json
from decimal import Decimal
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

MAX_JSON_BYTES = 64 * 1024


async def read(request: Request, limit: int) -> bytes:
    """Reads the whole body.

    Raises:
        HTTPException: 413 when it is longer than `limit` bytes, before it is all in memory.
    """
    too_long = HTTPException(413, f"the body must have at most {limit} bytes")
    if int(request.headers.get("content-length") or 0) > limit:
        raise too_long
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_long
        chunks.append(chunk)
    return b"".join(chunks)


async def read_json(request: Request) -> object:
    """Reads JSON; numbers with a fraction come as Decimal, so that amounts stay exact.

    Raises:
        HTTPException: 415 for another content type, 400 for text that is not JSON.
    """
    if _media_type(request) != "application/json":
        raise HTTPException(415, "the content type must be application/json")
    body = await read(request, MAX_JSON_BYTES)
    try:
        data: object = json.loads(body, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"the body is not JSON: {error}") from error
    return data


async def read_form(request: Request) -> dict[str, str]:
    """Reads a form as browsers send it; of a repeated field the last value counts.

    Raises:
        HTTPException: 415 for another content type, 400 for text that is not UTF-8.
    """
    if _media_type(request) != "application/x-www-form-urlencoded":
        raise HTTPException(415, "the content type must be application/x-www-form-urlencoded")
    body = await read(request, MAX_JSON_BYTES)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict"
        )
    except ValueError as error:
        raise HTTPException(400, "the form cannot be read") from error
    return dict(pairs)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _refuse(constant: str) -> object:
    msg = f"{constant} is not a JSON number"
    raise ValueError(msg)
