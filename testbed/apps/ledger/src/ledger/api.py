"""The API: entries as JSON, and endpoints that make a proxy's work visible."""

import asyncio
import base64
import hashlib
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ledger import bodies, entries
from ledger.probes import services_of

MAX_ECHO_BYTES = 16 * 1024 * 1024
MAX_SLOW_SECONDS = 120.0


def problem(
    status: int,
    code: str,
    message: str,
    fields: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Makes the one shape that every error of this API has."""
    error: dict[str, object] = {"code": code, "message": message}
    if fields:
        error["fields"] = dict(fields)
    return JSONResponse({"error": error}, status, headers=dict(headers or {}))


def _invalid(error: entries.InvalidEntryError) -> JSONResponse:
    count = len(error.fields)
    message = f"{count} field{'s are' if count > 1 else ' is'} invalid"
    return problem(422, "invalid", message, error.fields)


def number(request: Request, name: str, default: float, low: float, high: float) -> float:
    """Reads a number from the query string, or answers 400 with the bounds."""
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise HTTPException(400, f"{name} must be a number from {low:g} to {high:g}")
    return value


async def list_entries(request: Request) -> Response:
    """Lists the newest entries, or those older than the entry `before`."""
    limit = int(number(request, "limit", entries.PAGE_SIZE, 1, entries.MAX_PAGE_SIZE))
    before = (
        int(number(request, "before", 0, 1, 2**53)) if "before" in request.query_params else None
    )
    async with services_of(request).database.connection() as connection:
        page = await entries.page(connection, limit, before)
    return JSONResponse(page.as_json(), headers={"cache-control": "no-store"})


async def add_entry(request: Request) -> Response:
    """Keeps a new entry: 201 with its address."""
    try:
        new = entries.parse(await bodies.read_json(request))
    except entries.InvalidEntryError as error:
        return _invalid(error)
    async with services_of(request).database.connection() as connection:
        entry = await entries.add(connection, new)
    headers = {"location": f"/api/entries/{entry.id}"}
    return JSONResponse(entry.as_json(), 201, headers=headers)


async def get_entry(request: Request) -> Response:
    """Shows one entry."""
    async with services_of(request).database.connection() as connection:
        return _found(await entries.get(connection, _id(request)))


async def replace_entry(request: Request) -> Response:
    """Changes one entry as a whole."""
    try:
        new = entries.parse(await bodies.read_json(request))
    except entries.InvalidEntryError as error:
        return _invalid(error)
    async with services_of(request).database.connection() as connection:
        return _found(await entries.replace(connection, _id(request), new))


async def remove_entry(request: Request) -> Response:
    """Removes one entry."""
    async with services_of(request).database.connection() as connection:
        if not await entries.remove(connection, _id(request)):
            raise HTTPException(404, "there is no such entry")
    return Response(status_code=204)


def _id(request: Request) -> int:
    value = int(request.path_params["id"])
    if value >= 2**63:
        raise HTTPException(404, "there is no such entry")
    return value


def _found(entry: entries.Entry | None) -> JSONResponse:
    if entry is None:
        raise HTTPException(404, "there is no such entry")
    return JSONResponse(entry.as_json(), headers={"cache-control": "no-store"})


async def echo(request: Request) -> Response:
    """Returns the body with its length and SHA-256; as base64 where it is not UTF-8 text."""
    body = await bodies.read(request, MAX_ECHO_BYTES)
    try:
        text, encoding = body.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = base64.b64encode(body).decode("ascii"), "base64"
    return JSONResponse(
        {
            "body": text,
            "encoding": encoding,
            "size": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
            "content_type": request.headers.get("content-type"),
        }
    )


async def slow(request: Request) -> Response:
    """Answers after `seconds`, at most MAX_SLOW_SECONDS."""
    seconds = number(request, "seconds", 5.0, 0.0, MAX_SLOW_SECONDS)
    await asyncio.sleep(seconds)
    return JSONResponse(
        {"slept_seconds": seconds, "release": services_of(request).settings.release}
    )


async def headers(request: Request) -> Response:
    """Returns the request's head as it came from the proxy, repeated headers and all."""
    return JSONResponse(
        {
            "method": request.method,
            "path": request.url.path,
            "query": request.url.query,
            "http_version": request.scope["http_version"],
            "client": request.client.host if request.client else None,
            "headers": [[name, value] for name, value in request.headers.items()],
        },
        headers={"cache-control": "no-store"},
    )


routes = [
    Route("/api/entries", list_entries, methods=["GET"]),
    Route("/api/entries", add_entry, methods=["POST"]),
    Route("/api/entries/{id:int}", get_entry, methods=["GET"]),
    Route("/api/entries/{id:int}", replace_entry, methods=["PUT"]),
    Route("/api/entries/{id:int}", remove_entry, methods=["DELETE"]),
    Route("/api/echo", echo, methods=["POST"]),
    Route("/api/slow", slow),
    Route("/api/headers", headers),
]
