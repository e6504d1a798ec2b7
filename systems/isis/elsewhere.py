"""What the backend keeps and asks elsewhere, tried from outside: files, and a login with Google."""

import secrets

from homeport import smoke
from homeport.smoke import Check, Visit, equal
from systems.django_site import form_token, log_in

COMPLETE = "/oauth/complete/google/"
"""Where people are sent back to."""


def checks(stack: smoke.Stack) -> list[Check]:
    """Return the checks of one deployment."""
    site, google = stack.site, str(stack.outputs["google"])

    def files() -> str:
        content = secrets.token_bytes(4096)
        with site.visit() as visit:
            log_in(visit, stack.outputs["smoke_login"])
            path = send(visit, "smoke", content)
            try:
                got = visit.request("GET", f"{path}file/").raise_for_status().content
                equal("what was got", got == content, expected=True)
            finally:
                forget(visit, path)
        return f"{len(content)} bytes sent, got and removed"

    def login() -> str:
        with site.visit() as visit:
            place = begin_with_google(visit)
            equal(f"{place} is at {google}", place.startswith(f"{google}/"), expected=True)
            answer = visit.request("GET", f"{COMPLETE}?code=x&state=made-up")
            refused = equal("status of a made-up state", answer.status_code, 403)
        return f"{google} asks who it is; {refused} for a made-up state"

    found = [Check(name="a file comes back as it was sent", probe=files)]
    if google:
        found.append(
            Check(name="a login with Google begins there, and needs its state", probe=login)
        )
    return found


def send(visit: Visit, title: str, content: bytes) -> str:
    """Make a document with a file, as somebody who is logged in; return its path."""
    made = visit.request(
        "POST",
        "/api/documents/",
        headers=_token(visit),
        data={"title": title},
        files={"file": (f"{title}.bin", content)},
    )
    return f"/api/documents/{made.raise_for_status().json()['id']}/"


def forget(visit: Visit, path: str) -> None:
    """Remove a document with its file."""
    visit.request("DELETE", path, headers=_token(visit)).raise_for_status()


def begin_with_google(visit: Visit) -> str:
    """Press the button of the login page; return where it leads."""
    fields = {"csrfmiddlewaretoken": form_token(visit)}
    answer = visit.request("POST", "/oauth/login/google/", data=fields)
    equal("status of the button", answer.status_code, 302)
    return str(answer.headers["location"])


def _token(visit: Visit) -> dict[str, str]:
    return {"X-CSRFToken": visit.request("GET", "/api/session").json()["csrf_token"]}
