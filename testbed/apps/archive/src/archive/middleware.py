"""What every answer gets: the release's name, a line in the log, and a limit on bodies."""

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

Next = Callable[[HttpRequest], HttpResponse]
CHUNK = 64 * 1024
_log = logging.getLogger("archive.access")


class Release:
    """Says in X-Release which release answered, and writes one line a request."""

    def __init__(self, get_response: Next) -> None:
        self._next = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        start = time.monotonic()
        answer = self._next(request)
        answer["X-Release"] = settings.RELEASE
        fields = {
            "method": request.method,
            "path": request.path,
            "status": answer.status_code,
            "duration_ms": round(1000 * (time.monotonic() - start), 1),
            "client": request.headers.get("X-Real-IP", ""),
        }
        _log.info("request", extra={"fields": fields})
        return answer


class UploadLimit:
    """Refuses a body that is too large before any of it is looked at or kept."""

    def __init__(self, get_response: Next) -> None:
        self._next = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, or answer 413."""
        length = request.META.get("CONTENT_LENGTH") or "0"
        # The parts of a form around a file take some bytes too.
        limit = settings.UPLOAD_LIMIT_MIB * 2**20 + 64 * 1024
        if not length.isdigit() or int(length) > limit:
            _drain(request, 4 * limit)
            detail = f"uploads end at {settings.UPLOAD_LIMIT_MIB} MiB"
            return JsonResponse({"detail": detail}, status=413)
        return self._next(request)


def _drain(request: HttpRequest, most: int) -> None:
    """Read a body to its end, or to a limit, for a proxy that is still sending it.

    One that meets a closed connection answers 502, whatever was said before the end.
    """
    while most > 0 and (part := request.read(CHUNK)):
        most -= len(part)
