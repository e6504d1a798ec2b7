"""What the HTTP port serves: login, health, and notes with attachments of one tenant."""

import contextlib
import html
import json
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import parse_qs

import psycopg
from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from odoo_standin import databases, filestore, hosts, sessions
from odoo_standin.config import Config

Handler = Callable[[Request, bytes], Response]
THREADS = 4
"""So many requests of one worker wait for the database at a time."""
CHANNEL = "bus"
"""On which a database tells of its new notes."""
_LIMIT = CapacityLimiter(THREADS)
_PAGE = """<!doctype html><title>Odoo stand-in</title><h1>{database}</h1>
<p>A stand-in for Odoo.{said}</p>
<form method="post"><input name="login" aria-label="Login">
<input name="password" type="password" aria-label="Password"><button>Log in</button></form>
"""


class Web:
    """The handlers, with their configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def routes(self) -> list[Route]:
        """Return all routes; what is asked of a host without a database is not found."""
        return [
            Route("/", lambda _: RedirectResponse("/web/login", 303)),
            Route("/web/health", _waiting(self._health)),
            Route("/web/login", _waiting(self._login), methods=["GET", "POST"]),
            Route("/web/database/{what:path}", _waiting(self._manager), methods=["GET", "POST"]),
            Route("/standin/seen", _waiting(self._seen)),
            Route("/standin/notes", _waiting(self._notes), methods=["GET", "POST"]),
            Route("/standin/notes/{id:int}", _waiting(self._note), methods=["GET", "DELETE"]),
            Route("/standin/attachments", _waiting(self._attach), methods=["POST"]),
            Route("/standin/attachments/{id:int}", _waiting(self._attachment)),
        ]

    def _database(self, request: Request) -> str:
        found = hosts.database(self._config, request.headers, request.query_params.get("db", ""))
        if found is None:
            raise HTTPException(404, "there is no database of this host")
        return found

    @contextlib.contextmanager
    def _opened(self, request: Request) -> Iterator[tuple[psycopg.Connection, str]]:
        """Open the tenant's database for whoever is logged in there."""
        database = self._database(request)
        with databases.connect(self._config, database) as connection:
            if sessions.user(connection, request.cookies.get(sessions.COOKIE, "")) is None:
                raise HTTPException(401, "log in first")
            yield connection, database

    def _health(self, request: Request, _: bytes) -> Response:
        if "db_server_status" in request.query_params:
            databases.owned(self._config)
        return JSONResponse({"status": "pass"})

    def _login(self, request: Request, body: bytes) -> Response:
        database = self._database(request)
        if request.method != "POST":
            return HTMLResponse(_PAGE.format(database=html.escape(database), said=""))
        form = {key: values[-1] for key, values in parse_qs(body.decode(errors="replace")).items()}
        with databases.connect(self._config, database) as connection:
            token = sessions.login(connection, form.get("login", ""), form.get("password", ""))
        if token is None:
            page = _PAGE.format(database=html.escape(database), said=" Wrong login/password")
            return HTMLResponse(page, 200)
        answer = RedirectResponse("/web", 303)
        scheme = request.headers.get("x-forwarded-proto") if self._config.proxy_mode else None
        answer.set_cookie(
            sessions.COOKIE, token, httponly=True, samesite="lax", secure=scheme == "https"
        )
        return answer

    def _manager(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's
        """Show the list that list_db opens: every database of the login that the host may see."""
        if not self._config.list_db:
            raise HTTPException(404, "the database manager is off")
        host = hosts.host(self._config, request.headers)
        found = databases.visible(databases.owned(self._config), self._config.dbfilter, host)
        return JSONResponse(found)

    def _seen(self, request: Request, _: bytes) -> Response:
        """Tell what arrived of a request, for tests of the proxy before it."""
        names = ("host", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-for", "x-real-ip")
        headers = {name: request.headers.getlist(name) for name in names}
        return JSONResponse({"database": self._database(request), "headers": headers})

    def _notes(self, request: Request, body: bytes) -> Response:
        with self._opened(request) as (connection, _database):
            if request.method == "POST":
                title, text = _note_of(body)
                row = connection.execute(
                    "INSERT INTO note (title, body) VALUES (%s, %s) RETURNING id", (title, text)
                ).fetchone()
                number = row[0] if row else 0
                connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, str(number)))
                return JSONResponse({"id": number}, 201)
            rows = connection.execute("SELECT id, title FROM note ORDER BY id").fetchall()
        return JSONResponse([{"id": number, "title": title} for number, title in rows])

    def _note(self, request: Request, _: bytes) -> Response:
        number = (request.path_params["id"],)
        with self._opened(request) as (connection, _database):
            row = connection.execute(
                "SELECT title, body FROM note WHERE id = %s", number
            ).fetchone()
            if row and request.method == "DELETE":
                connection.execute("DELETE FROM note WHERE id = %s", number)
        if row is None:
            raise HTTPException(404, "there is no such note")
        return JSONResponse({"title": row[0], "body": row[1]})

    def _attach(self, request: Request, body: bytes) -> Response:
        name = request.query_params.get("name", "file")
        with self._opened(request) as (connection, database):
            stored = filestore.put(self._config, database, body)
            row = connection.execute(
                "INSERT INTO ir_attachment (name, store_fname, file_size) "
                "VALUES (%s, %s, %s) RETURNING id",
                (name, stored, len(body)),
            ).fetchone()
        return JSONResponse({"id": row[0] if row else 0, "store_fname": stored}, 201)

    def _attachment(self, request: Request, _: bytes) -> Response:
        with self._opened(request) as (connection, database):
            row = connection.execute(
                "SELECT store_fname FROM ir_attachment WHERE id = %s", (request.path_params["id"],)
            ).fetchone()
        if row is None:
            raise HTTPException(404, "there is no such attachment")
        content = filestore.get(self._config, database, str(row[0]))
        return Response(content, media_type="application/octet-stream")


def _note_of(body: bytes) -> tuple[str, str]:
    try:
        said = json.loads(body)
        return str(said["title"]), str(said.get("body", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise HTTPException(400, 'expected {"title": ..., "body": ...}') from None


def _waiting(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that lets a handler wait for the database in a thread of its own."""

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        return await to_thread.run_sync(handler, request, body, limiter=_LIMIT)

    return endpoint
