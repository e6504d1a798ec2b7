"""The login page: one account, a signed cookie; there only where the account has a password."""

import hmac

from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from ledger.pages import own_form, render
from ledger.probes import NO_STORE, services_of
from ledger.settings import Settings

_SESSION_SECONDS = 12 * 3600


def sessions(settings: Settings) -> list[Middleware]:
    """Returns what keeps sessions, where there is a login."""
    if not settings.login_password:
        return []
    return [
        Middleware(
            SessionMiddleware,
            secret_key=settings.auth_secret,
            session_cookie="__Host-session",
            max_age=_SESSION_SECONDS,
            same_site="lax",
            https_only=True,
        )
    ]


def routes(settings: Settings) -> list[Route]:
    """Returns the pages, where there is a login."""
    if not settings.login_password:
        return []
    return [
        Route("/login", form, methods=["GET"]),
        Route("/login", log_in, methods=["POST"]),
        Route("/logout", log_out, methods=["POST"]),
        Route("/account", account, methods=["GET"]),
    ]


async def form(request: Request) -> Response:
    """Shows the form."""
    return _page(request)


async def log_in(request: Request) -> Response:
    """Opens a session; 422 with the form again when name or password is wrong."""
    given = await own_form(request)
    settings = services_of(request).settings
    # Both are compared, so that the time does not tell which one is wrong.
    matches = [
        hmac.compare_digest(given.get(name, "").encode(), expected.encode())
        for name, expected in (
            ("username", settings.login_username),
            ("password", settings.login_password),
        )
    ]
    if not all(matches):
        return _page(request, {**given, "password": ""}, "Name or password is wrong.", status=422)
    request.session["user"] = settings.login_username
    return RedirectResponse("/account", 303)


async def log_out(request: Request) -> Response:
    """Ends the session."""
    await own_form(request)
    request.session.clear()
    return RedirectResponse("/login", 303)


async def account(request: Request) -> Response:
    """Shows who is logged in; sends everybody else to the form."""
    if "user" not in request.session:
        return RedirectResponse("/login", 303, headers=NO_STORE)
    return _page(request)


def _page(
    request: Request,
    given: dict[str, str] | None = None,
    notice: str | None = None,
    status: int = 200,
) -> Response:
    services = services_of(request)
    html = render(
        "login.html",
        user=request.session.get("user"),
        form=given or {},
        notice=notice,
        release=services.settings.release,
        host=services.host_name,
    )
    return HTMLResponse(html, status, headers=NO_STORE)
