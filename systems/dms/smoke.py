"""What somebody would try first on dms, from outside: page, login, documents, what is closed."""

import base64
import dataclasses
import re

from homeport import smoke
from homeport.smoke import Check, equal
from systems.django_site import log_in

UPLOAD_TOO_LARGE = 11 * 2**20
HEADERS = {
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def checks(stack: smoke.Stack) -> list[Check]:
    """Return the checks of one deployment, and the same for each of its replicas."""
    found = _of_one(stack)
    for name, outputs in stack.outputs.get("replicas", {}).items():
        hostname = outputs["url"].removeprefix("https://")
        site = dataclasses.replace(stack.site, hostname=hostname, address=outputs["address"])
        there = _of_one(smoke.Stack(site=site, outputs=outputs))
        found += [dataclasses.replace(check, name=f"{name}: {check.name}") for check in there]
    return found


def _of_one(stack: smoke.Stack) -> list[Check]:
    """Return the checks of one server."""
    site = stack.site

    def health() -> str:
        answer = site.request("GET", "/api/healthz").raise_for_status()
        return equal("release", answer.json()["release"], str(stack.outputs["release"]))

    def page() -> str:
        answer = site.request("GET", "/").raise_for_status()
        names = re.findall(r'"(/assets/[^"]+)"', answer.text)
        equal("files that the page names", len(names), 2)
        for name in names:
            kept = site.request("GET", name).raise_for_status().headers["cache-control"]
            equal(f"Cache-Control of {name}", kept, "max-age=31536000, immutable")
        elsewhere = site.request("GET", "/some/place").raise_for_status()
        equal("the page at /some/place", elsewhere.text, answer.text)
        return ", ".join(names)

    def headers() -> str:
        hsts = f"max-age={int(stack.outputs['hsts_seconds'])}"
        for path in ("/", "/api/healthz", "/api/nothing"):
            sent = site.request("GET", path).headers
            for name, value in {**HEADERS, "Strict-Transport-Security": hsts}.items():
                equal(f"{name} of {path}", sent.get_list(name), [value])
            equal(f"policies of {path}", len(sent.get_list("Content-Security-Policy")), 1)
        return hsts

    def forwarded() -> str:
        lie = {"X-Forwarded-For": "192.0.2.1", "X-Real-IP": "192.0.2.1"}
        seen = site.request("GET", "/api/client", headers=lie).raise_for_status().json()["headers"]
        equal("Host", seen["Host"], site.hostname)
        equal("X-Forwarded-Proto", seen["X-Forwarded-Proto"], "https")
        if "192.0.2.1" in str(seen):
            msg = f"the proxy passes on what a client says of itself: {seen}"
            raise ValueError(msg)
        return equal("X-Real-IP", seen["X-Real-IP"], str(seen["X-Forwarded-For"]))

    def stranger() -> str:
        return f"status {equal('status', site.request('GET', '/api/documents/').status_code, 403)}"

    def upload() -> str:
        large = b"x" * UPLOAD_TOO_LARGE
        answer = site.request("POST", "/api/documents/", content=large)
        return f"status {equal('status', answer.status_code, 413)}"

    return [
        Check(name="the backend is healthy, reaches its database, is this release", probe=health),
        Check(name="the page opens everywhere, its files may be kept", probe=page),
        Check(name="HTTP is redirected to HTTPS", probe=site.redirects),
        Check(name="every answer has its security headers, once", probe=headers),
        Check(name="the proxy tells who asks, and a client cannot lie about it", probe=forwarded),
        Check(name="the admin is closed to strangers", probe=lambda: _admin(stack)),
        Check(name="a stranger sees no documents", probe=stranger),
        Check(
            name="login, and a document written, changed, read, removed",
            probe=lambda: _documents(stack),
        ),
        Check(name="an upload that is too large is refused", probe=upload),
    ]


def _admin(stack: smoke.Stack) -> str:
    """Try /admin without and with what opens it."""
    site, admin_login = stack.site, stack.outputs.get("admin_login")
    if admin_login is None:
        closed = site.request("GET", "/admin/").status_code
        return f"status {equal('status from here', closed, 403)}: not from this network"
    equal("status without a password", site.request("GET", "/admin/").status_code, 401)
    words = f"{admin_login['username']}:{admin_login['password']}"
    basic = {"Authorization": f"Basic {base64.b64encode(words.encode()).decode()}"}
    inside = site.request("GET", "/admin/", headers=basic)
    equal("status with it", inside.status_code, 302)
    form = site.request("GET", inside.headers["location"], headers=basic).raise_for_status()
    style = re.findall(r'href="(/static/[^"]+\.css)"', form.text)[0]
    return f"Django's login behind it; {site.request('GET', style).raise_for_status().url.path}"


def _documents(stack: smoke.Stack) -> str:
    """Log in, and lead a document through its whole life."""
    with stack.site.visit() as visit:
        log_in(visit, stack.outputs["smoke_login"])
        token = visit.request("GET", "/api/session").json()["csrf_token"]
        mine = {"X-CSRFToken": token}
        sent = {"title": "smoke", "text": "written"}
        made = visit.request("POST", "/api/documents/", headers=mine, json=sent)
        path = f"/api/documents/{made.raise_for_status().json()['id']}/"
        changed = {"text": "changed"}
        visit.request("PATCH", path, headers=mine, json=changed).raise_for_status()
        read = visit.request("GET", path).raise_for_status().json()
        equal("text", read["text"], "changed")
        visit.request("DELETE", path, headers=mine).raise_for_status()
        equal("after its end", visit.request("GET", path).status_code, 404)
    return f"{path} written, changed, read and removed"
