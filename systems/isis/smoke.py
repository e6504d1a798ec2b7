"""What somebody would try first on isis, from outside: page, login, documents, origins."""

from homeport import smoke
from homeport.smoke import Check, equal
from systems.django_site import log_in
from systems.isis import elsewhere

UPLOAD_TOO_LARGE = 11 * 2**20


def checks(stack: smoke.Stack) -> list[Check]:
    """Return the checks of one deployment."""
    site, origin = stack.site, str(stack.outputs["spa_origin"])

    def health() -> str:
        answer = site.request("GET", "/api/healthz").raise_for_status()
        return equal("release", answer.json()["release"], str(stack.outputs["release"]))

    def page() -> str:
        answer = site.request("GET", "/").raise_for_status()
        _, _, rest = answer.text.partition('rel="stylesheet" href="')
        path = rest.partition('"')[0]
        style = site.request("GET", path).raise_for_status()
        return f"{path}, {style.headers['content-type']}"

    def forwarded() -> str:
        lie = {"X-Forwarded-For": "192.0.2.1", "X-Real-IP": "192.0.2.1", "Forwarded": "for=1"}
        seen = site.request("GET", "/api/client", headers=lie).raise_for_status().json()
        headers = seen["headers"]
        equal("Host", headers["Host"], site.hostname)
        equal("X-Forwarded-Proto", headers["X-Forwarded-Proto"], "https")
        client = equal("X-Real-IP", headers["X-Real-IP"], headers["X-Forwarded-For"])
        if "192.0.2.1" in str(headers) or client not in headers["Forwarded"]:
            msg = f"the proxy passes on what a client says of itself: {headers}"
            raise ValueError(msg)
        return f"{client}; {headers['Forwarded']}"

    def spa() -> str:
        own = site.request("GET", "/api/session", headers={"Origin": origin})
        equal("allowed origin", own.headers.get("access-control-allow-origin"), origin)
        equal("with cookies", own.headers.get("access-control-allow-credentials"), "true")
        other = site.request("GET", "/api/session", headers={"Origin": "https://evil.example"})
        equal("another origin", other.headers.get("access-control-allow-origin"), None)
        return f"{origin} may call, others may not"

    def documents() -> str:
        with site.visit() as visit:
            log_in(visit, stack.outputs["smoke_login"])
            token = visit.request("GET", "/api/session").json()["csrf_token"]
            mine = {"Origin": origin, "X-CSRFToken": token}
            sent = {"title": "smoke", "text": "written"}
            made = visit.request("POST", "/api/documents/", headers=mine, json=sent)
            path = f"/api/documents/{made.raise_for_status().json()['id']}/"
            changed = {"text": "changed"}
            visit.request("PATCH", path, headers=mine, json=changed).raise_for_status()
            read = visit.request("GET", path).raise_for_status().json()
            equal("text", read["text"], "changed")
            evil = {**mine, "Origin": "https://evil.example"}
            equal("a foreign page", visit.request("DELETE", path, headers=evil).status_code, 403)
            visit.request("DELETE", path, headers=mine).raise_for_status()
            equal("after its end", visit.request("GET", path).status_code, 404)
        return f"{path} written, changed, read and removed"

    def upload() -> str:
        large = b"x" * UPLOAD_TOO_LARGE
        answer = site.request("POST", "/api/documents/", content=large)
        return f"status {equal('status', answer.status_code, 413)}"

    def stranger() -> str:
        return f"status {equal('status', site.request('GET', '/api/documents/').status_code, 403)}"

    return [
        Check(name="the backend is healthy, reaches its database, is this release", probe=health),
        Check(name="the page opens, its style comes from the static folder", probe=page),
        Check(name="HTTP is redirected to HTTPS", probe=site.redirects),
        Check(name="the proxy tells who asks, and a client cannot lie about it", probe=forwarded),
        Check(name="the page's origin may call the backend, no other may", probe=spa),
        Check(name="a stranger sees no documents", probe=stranger),
        Check(name="login, and a document written, changed, read, removed", probe=documents),
        Check(name="an upload that is too large is refused", probe=upload),
        *elsewhere.checks(stack),
    ]
