"""The page: the ledger for people, complete without JavaScript."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from ledger import assets, bodies, entries
from ledger.database import Unavailable
from ledger.probes import services_of

_EMPTY = entries.Page(entries=[], count=0, balance_cents=0, jobs_waiting=0, next_before=None)


def grouped(cents: int) -> str:
    """Writes cents for people: 123456 is "1,234.56", and a minus is a real minus."""
    sign = "\N{MINUS SIGN}" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"


@cache
def templates() -> Environment:
    """Makes the one environment; an undefined name in a template is an error."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["money"] = grouped
    environment.globals["asset"] = assets.url
    return environment


def render(template: str, **values: object) -> str:
    """Fills in a template of this package."""
    return templates().get_template(template).render(**values)


async def _show(
    request: Request,
    form: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> Response:
    services = services_of(request)
    notice, status, page = None, 422 if errors else 200, _EMPTY
    try:
        async with services.database.connection() as connection:
            page = await entries.page(connection)
    except Unavailable:
        notice, status = "The database cannot be reached right now. Please try again soon.", 503
    html = render(
        "page.html",
        page=page,
        form=form or {},
        errors=errors or {},
        notice=notice,
        release=services.settings.release,
        host=services.host_name,
        app_url=services.settings.app_url,
    )
    return HTMLResponse(html, status, headers={"cache-control": "no-store"})


async def index(request: Request) -> Response:
    """Shows balance, entries and the form."""
    return await _show(request)


async def own_form(request: Request) -> dict[str, str]:
    """Reads a form of this site's own pages.

    Raises:
        HTTPException: 403 for another site's form, and what `bodies.read_form` refuses.
    """
    # Browsers say where a form came from; another site's must not write here.
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise HTTPException(403, "the form has to be sent from this site's own page")
    return await bodies.read_form(request)


async def add(request: Request) -> Response:
    """Takes the form; sends the browser back to the page, or shows what is wrong in place."""
    form = await own_form(request)
    try:
        new = entries.parse(form)
    except entries.InvalidEntryError as error:
        return await _show(request, form, error.fields)
    async with services_of(request).database.connection() as connection:
        await entries.add(connection, new)
    return RedirectResponse("/", 303)


async def asset(request: Request) -> Response:
    """Serves a static file of this release."""
    found = assets.find(request.path_params["name"])
    if found is None:
        raise HTTPException(404, "there is no such file")
    file, current = found
    caching = "public, max-age=31536000, immutable" if current else "no-cache"
    return Response(file.content, media_type=file.media_type, headers={"cache-control": caching})


routes = [
    Route("/", index, methods=["GET"]),
    Route("/entries", add, methods=["POST"]),
    Route("/assets/{name}", asset, methods=["GET"]),
]
