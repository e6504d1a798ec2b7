"""What somebody would try first on the starter, from outside."""

from homeport import smoke
from homeport.smoke import Check, equal


def checks(stack: smoke.Stack) -> list[Check]:
    """Return the checks of one deployment."""
    site = stack.site

    def page() -> str:
        answer = site.request("GET", "/").raise_for_status()
        return f"{len(answer.content)} bytes, {answer.headers['content-type']}"

    def health() -> str:
        return site.request("GET", "/healthz").raise_for_status().text.strip()[:60]

    def running() -> str:
        seen = site.request("GET", "/healthz").headers.get("x-release", "none")
        return equal("X-Release", seen, str(stack.outputs["release"]))

    def entry() -> str:
        sent = {"description": "smoke", "amount": "1.00"}
        made = site.request("POST", "/api/entries", json=sent).raise_for_status()
        number = made.json()["id"]
        site.request("GET", f"/api/entries/{number}").raise_for_status()
        site.request("DELETE", f"/api/entries/{number}").raise_for_status()
        return f"entry {number} written, read and removed"

    return [
        Check(name="the page opens over HTTPS", probe=page),
        Check(name="the app is healthy and reaches its database", probe=health),
        Check(name="the declared release answers", probe=running),
        Check(name="HTTP is redirected to HTTPS", probe=site.redirects),
        Check(name="an entry is written, read and removed", probe=entry),
    ]
