"""Stands in for the S3 gateway of SeaweedFS: objects in a folder, for requests that are signed."""

import hashlib
import os
import re
import urllib.parse
from collections.abc import Awaitable, Callable
from pathlib import Path
from xml.sax.saxutils import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import serving, settings, signatures

Answering = Callable[[Request], Awaitable[Response]]
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,62}")


class S3Error(Exception):
    """What S3 answers instead of what was asked for."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self._status = status
        self._code = code

    def answer(self) -> Response:
        """Return it as S3 says it."""
        text = f"<Code>{self._code}</Code><Message>{escape(str(self))}</Message>"
        return _xml(self._status, f"<Error>{text}</Error>")


def serve() -> None:
    """Serve until SIGTERM."""
    serving.run(app())


def app() -> Starlette:
    """Return the service.

    Raises:
        SettingsError: a variable is missing or wrong.
    """
    root = Path(settings.text("DATA_FOLDER", "/data"))
    keys = {settings.text("S3_ACCESS_KEY"): settings.secret("S3_SECRET_KEY", shortest=20)}

    async def health(_: Request) -> Response:
        well = os.access(root, os.W_OK)
        return JSONResponse({"writable": well}, 200 if well else 503)

    async def bucket(request: Request) -> Response:
        folder = root / request.path_params["bucket"]
        if request.method == "PUT":
            folder.mkdir(parents=True, exist_ok=True)
            return Response()
        if not folder.is_dir():
            raise S3Error(404, "NoSuchBucket", folder.name)
        names = sorted(urllib.parse.unquote(path.name) for path in folder.iterdir())
        listed = "".join(f"<Contents><Key>{escape(name)}</Key></Contents>" for name in names)
        return _xml(200, f"<ListBucketResult><Name>{folder.name}</Name>{listed}</ListBucketResult>")

    async def thing(request: Request) -> Response:
        folder, key = root / request.path_params["bucket"], request.path_params["key"]
        if not folder.is_dir():
            raise S3Error(404, "NoSuchBucket", folder.name)
        # One file each, whatever the key holds: no key leads out of its bucket.
        path = folder / urllib.parse.quote(key, safe="").replace(".", "%2E")
        if request.method == "PUT":
            content = await request.body()
            path.write_bytes(content)
            return Response(headers={"ETag": _etag(content)})
        if not path.is_file():
            raise S3Error(404, "NoSuchKey", key)
        if request.method == "DELETE":
            path.unlink()
            return Response(status_code=204)
        found = path.read_bytes()
        return Response(found, headers={"ETag": _etag(found)})

    def signed(answer: Answering) -> Answering:
        async def checked(request: Request) -> Response:
            try:
                _check_name(request.path_params["bucket"])
                signatures.check(request, await request.body(), keys)
                return await answer(request)
            except S3Error as wrong:
                return wrong.answer()
            except signatures.SignatureError as wrong:
                return S3Error(403, "SignatureDoesNotMatch", str(wrong)).answer()

        return checked

    routes = [
        Route("/healthz", health),
        Route("/{bucket}", signed(bucket), methods=["GET", "PUT"]),
        Route("/{bucket}/", signed(bucket), methods=["GET", "PUT"]),
        Route("/{bucket}/{key:path}", signed(thing), methods=["GET", "HEAD", "PUT", "DELETE"]),
    ]
    return serving.app("storage", routes)


def _check_name(bucket: str) -> None:
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise S3Error(400, "InvalidBucketName", bucket)


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def _xml(status: int, text: str) -> Response:
    return Response(f'<?xml version="1.0"?>\n{text}', status, media_type="application/xml")
