"""The intake: where a website that shows the agreed secret leaves entries."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ledger.api import add_entry
from ledger.probes import NO_STORE, refusal, services_of


async def intake(request: Request) -> Response:
    """Keeps an entry, or tells by GET that it would; 401 without the secret, 404 where none is."""
    refused = refusal(request, "x-intake-secret", services_of(request).settings.intake_secret)
    if refused:
        return refused
    if request.method == "POST":
        return await add_entry(request)
    return JSONResponse({"status": "ok"}, headers=NO_STORE)


routes = [Route("/api/intake", intake, methods=["GET", "POST"])]
