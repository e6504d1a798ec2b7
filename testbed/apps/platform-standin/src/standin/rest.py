"""Stands in for PostgREST: the tables of a schema over HTTP, as the role of whoever asks."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import psycopg
from prometheus_client import Counter
from psycopg import sql
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import rows, serving, settings, tokens

VIOLATIONS = Counter("row_security_violations", "How often row security refused a row.")
_STATUS = {
    "42501": 403,  # no privilege
    "42P01": 404,  # no such table
    "42703": 400,  # no such column
    "22P02": 400,  # no value of its type
    "428C9": 400,  # a column that is generated
    "23505": 409,  # is there already
}


def serve() -> None:
    """Serve until SIGTERM."""
    serving.run(app())


def app() -> Starlette:
    """Return the service.

    Raises:
        SettingsError: a variable is missing or wrong.
    """
    secret = settings.secret("PGRST_JWT_SECRET", shortest=32)
    anon = settings.text("PGRST_DB_ANON_ROLE")
    schema = settings.text("PGRST_DB_SCHEMAS", "public")
    url = settings.text("PGRST_OPENAPI_SERVER_PROXY_URI", "http://0.0.0.0:3000")

    @contextlib.asynccontextmanager
    async def lifespan(made: Starlette) -> AsyncIterator[None]:
        async with serving.database("PGRST_DB_URI") as pool:
            made.state.pool = pool
            yield

    async def root(request: Request) -> Response:
        """Tell what there is, and so whether the database answers."""
        query = "SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1"
        try:
            async with request.app.state.pool.connection() as connection:
                found = await (await connection.execute(query, (schema,))).fetchall()
        except psycopg.Error as wrong:
            return serving.error(503, f"the database: {wrong}")
        paths: dict[str, object] = {f"/{name}": {} for (name,) in found}
        info = {"title": "PostgREST API (stand-in)", "version": "0"}
        return JSONResponse({"swagger": "2.0", "info": info, "basePath": url, "paths": paths})

    async def table(request: Request) -> Response:
        try:
            token = tokens.bearer(request)
            claims = tokens.check(secret, token) if token else {"role": anon}
            async with rows.acting(request.app.state.pool, claims, anon) as connection:
                return await _answer(request, connection, schema)
        except tokens.TokenError as wrong:
            return serving.error(401, str(wrong), code="PGRST301")
        except (rows.QueryError, ValueError) as wrong:
            return serving.error(400, str(wrong), code="PGRST100")
        except psycopg.Error as wrong:
            return _refused(wrong, anonymous=claims["role"] == anon)

    methods = ["GET", "POST", "PATCH", "DELETE"]
    return serving.app(
        "rest", [Route("/", root), Route("/{table}", table, methods=methods)], lifespan
    )


async def _answer(request: Request, connection: rows.Connection, schema: str) -> Response:
    name, asked = sql.Identifier(schema, request.path_params["table"]), dict(request.query_params)
    if request.method == "GET":
        text = await rows.as_json(connection, rows.select(name, asked))
        return Response(text, media_type="application/json")
    status = 200
    if request.method == "POST":
        statement, status = rows.insert(name, await _row(request)), 201
    elif request.method == "PATCH":
        statement = rows.update(name, await _row(request), rows.conditions(asked))
    else:
        statement = rows.delete(name, rows.conditions(asked))
    if "return=representation" not in request.headers.get("prefer", ""):
        await connection.execute(statement)
        return Response(status_code=status if status == 201 else 204)
    text = await rows.changed(connection, name, statement)
    return Response(text, status, media_type="application/json")


async def _row(request: Request) -> dict[str, Any]:
    given = await serving.body(request)
    if not isinstance(given, dict) or not given:
        msg = "the body must be an object with columns"
        raise rows.QueryError(msg)
    return given


def _refused(wrong: psycopg.Error, *, anonymous: bool) -> Response:
    code = wrong.sqlstate or ""
    if "row-level security" in str(wrong):
        VIOLATIONS.inc()
    status = _STATUS.get(code, 500 if code else 503)
    if code == "42501" and anonymous:
        status = 401
    return serving.error(status, str(wrong).splitlines()[0] if str(wrong) else "", code=code)
