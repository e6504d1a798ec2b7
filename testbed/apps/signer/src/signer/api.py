"""The JSON API, by the standard library's own server."""

import base64
import hashlib
import hmac
import http.server
import json
import logging
import re
from http import HTTPStatus
from typing import Any

import psycopg

from signer.migrations import number
from signer.settings import Settings
from signer.store import Store

_log = logging.getLogger(__name__)

Answer = tuple[HTTPStatus, Any]
_MOST_BYTES = 1 << 22


class Server(http.server.ThreadingHTTPServer):
    """Serves one version."""

    daemon_threads = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings)
        super().__init__(("", settings.port), Handler)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers a request."""

    server: Server

    def do_GET(self) -> None:
        """Answer a GET."""
        self._answer(b"")

    def do_POST(self) -> None:
        """Answer a POST."""
        size = int(self.headers.get("Content-Length") or 0)
        self._answer(self.rfile.read(size) if size <= _MOST_BYTES else b"")

    def log_message(self, format: str, *args: object) -> None:
        """Log without addresses."""
        _log.info(format, *args)

    def _answer(self, body: bytes) -> None:
        try:
            status, content = self._route(body)
        except psycopg.Error as error:
            _log.warning("database: %s", error)
            status, content = HTTPStatus.SERVICE_UNAVAILABLE, {"error": "the database is away"}
        except (ValueError, KeyError, TypeError) as error:
            status, content = HTTPStatus.BAD_REQUEST, {"error": f"{type(error).__name__}: {error}"}
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Release", self.server.settings.release)
        self.end_headers()
        self.wfile.write(data)

    def _route(self, body: bytes) -> Answer:
        path = self.path.partition("?")[0]
        if path == "/api/health":
            return self._health()
        found = re.fullmatch(r"/api/(v1/documents|v2/envelopes)(?:/(\d+)/sign)?", path)
        second = number(self.server.settings.release) >= (2,)
        if not found or (found[1] == "v2/envelopes" and not second):
            return HTTPStatus.NOT_FOUND, {"error": "no such path"}
        shown = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(shown.encode(), self.server.settings.api_key.encode()):
            return HTTPStatus.UNAUTHORIZED, {"error": "this needs the API key"}
        if self.command == "GET" and not found[2]:
            return HTTPStatus.OK, {"documents": self.server.store.documents()}
        if self.command == "GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, {"error": "POST it"}
        return self._write(json.loads(body), found[2])

    def _write(self, asked: Any, document: str | None) -> Answer:  # noqa: ANN401 - any JSON
        if document is None:
            content = base64.b64decode(asked.get("content", ""), validate=True)
            return HTTPStatus.CREATED, self.server.store.add(str(asked["title"]), content)
        signed = self.server.store.sign(int(document), str(asked["signer"]))
        if signed is None:
            return HTTPStatus.NOT_FOUND, {"error": f"there is no document {document}"}
        return HTTPStatus.CREATED, signed

    def _health(self) -> Answer:
        settings = self.server.settings
        about = {
            "version": settings.release,
            "certificate": hashlib.sha256(settings.certificate).hexdigest(),
        }
        if settings.fails_at == "health":
            return HTTPStatus.SERVICE_UNAVAILABLE, {"status": "failing", **about}
        self.server.store.ping()
        return HTTPStatus.OK, {"status": "ok", **about}
