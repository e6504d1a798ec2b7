"""What somebody would try first on crm, from outside: page, login, health, website."""

import base64
import dataclasses
import hashlib

from homeport import smoke
from homeport.smoke import Check, equal

KEY = base64.b64encode(b"sixteen-bytes-of").decode()
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}
_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455


def checks(stack: smoke.Stack) -> list[Check]:
    """Return the checks of one deployment."""
    site = stack.site

    def health() -> str:
        answer = site.request("GET", "/healthz").raise_for_status()
        return equal("release", answer.json()["release"], str(stack.outputs["release"]))

    def inside() -> str:
        equal("status without the secret", site.request("GET", "/api/health").status_code, 401)
        answer = site.request("GET", "/api/health", headers=stack.outputs["health_login"])
        seen = answer.json()
        return f"db {equal('db', seen['db'], 'ok')}, redis {equal('redis', seen['redis'], 'ok')}"

    def page() -> str:
        answer = site.request("GET", "/").raise_for_status()
        return f"{len(answer.content)} bytes, {answer.headers['content-type']}"

    def login() -> str:
        with site.visit() as visit:
            turned_away = visit.request("GET", "/account")
            form = visit.request("GET", turned_away.headers["location"]).raise_for_status()
            if 'type="password"' not in form.text:
                msg = f"{turned_away.headers['location']} has no form with a password"
                raise ValueError(msg)
            right = stack.outputs["smoke_login"]
            guess = visit.request("POST", "/login", data={**right, "password": "guessed"})
            equal("status of a guess", guess.status_code, 422)
            answer = visit.request("POST", "/login", data=right)
            equal("status of the login", answer.status_code, 303)
            page = visit.request("GET", answer.headers["location"]).raise_for_status().text
        return f"logged in as {equal('user', _user(page), right['username'])}"

    def website() -> str:
        about = stack.outputs["website"]
        hostname = str(about["url"]).removeprefix("https://")
        other = dataclasses.replace(site, hostname=hostname, address=str(about["address"]))
        other.request("GET", "/").raise_for_status()
        seen = dict(other.request("GET", "/api/cutover").raise_for_status().json())
        equal("its secret, as crm sees it", seen.pop("secret"), "ok")
        return f"{about['url']}: " + ", ".join(f"{key} {how}" for key, how in seen.items())

    def websocket() -> str:
        answer = site.request("GET", "/ws/echo", headers=UPGRADE)
        equal("status", answer.status_code, 101)
        digest = hashlib.sha1(f"{KEY}{_MAGIC}".encode(), usedforsecurity=False).digest()
        expected = base64.b64encode(digest).decode()
        return equal("Sec-WebSocket-Accept", answer.headers["sec-websocket-accept"], expected)

    def forwarded() -> str:
        lie = {"X-Forwarded-For": "192.0.2.1", "X-Real-IP": "192.0.2.1"}
        seen = dict(site.request("GET", "/api/headers", headers=lie).json()["headers"])
        equal("host", seen["host"], site.hostname)
        equal("x-forwarded-proto", seen["x-forwarded-proto"], "https")
        if "192.0.2.1" in str(seen):
            msg = f"the proxy passes on what a client says of itself: {seen}"
            raise ValueError(msg)
        return equal("x-real-ip", seen["x-real-ip"], str(seen["x-forwarded-for"]))

    def entry() -> str:
        sent = {"description": "smoke", "amount": "1.00"}
        made = site.request("POST", "/api/entries", json=sent).raise_for_status()
        path = f"/api/entries/{made.json()['id']}"
        site.request("GET", path).raise_for_status()
        site.request("DELETE", path).raise_for_status()
        return f"{path} written, read and removed"

    beside = [
        Check(name="the website is there, and crm takes the secret that it shows", probe=website)
    ]
    return [
        Check(name="the app is healthy and is this release", probe=health),
        Check(name="whoever shows the secret sees that db and redis are well", probe=inside),
        Check(name="the page opens", probe=page),
        Check(name="the login page lets in who knows the password, and nobody else", probe=login),
        Check(name="HTTP is redirected to HTTPS", probe=site.redirects),
        Check(name="the proxy tells who asks, and a client cannot lie about it", probe=forwarded),
        Check(name="a websocket opens through the proxy", probe=websocket),
        Check(name="a record is written, read and removed", probe=entry),
        *(beside if stack.outputs.get("website") else []),
    ]


def _user(page: str) -> str:
    """Return whom the account's page is of."""
    return page.partition('<strong id="user">')[2].partition("</strong>")[0]
