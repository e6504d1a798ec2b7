"""What somebody would try first on odoo, from outside: each tenant its own, and no other's."""

import base64
import dataclasses
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from homeport import smoke
from homeport.smoke import Check, Site, Visit, equal

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(b"sixteen-bytes-of").decode(),
}
NOTES, SEEN = "/standin/notes", "/standin/seen"


def checks(stack: smoke.Stack) -> list[Check]:
    """Return the checks of one deployment."""
    tried = Tried(stack)
    return [
        Check(name="both instances are healthy, and are these releases", probe=tried.health),
        Check(name="every tenant has a login page of its own", probe=tried.pages),
        Check(name="a host without a tenant gets nothing", probe=tried.nobody),
        Check(name="the super-admin logs in; the database manager is off", probe=tried.admin),
        Check(name="HTTP is redirected to HTTPS", probe=tried.redirects),
        Check(name="a note is written, read and removed", probe=tried.note),
        Check(name="no tenant reads another's, whatever is forged", probe=tried.apart),
        Check(name="the proxy says who asks; a client cannot lie about it", probe=tried.forwarded),
        Check(name="events arrive through the proxy", probe=tried.events),
    ]


class Tried:
    """A deployment, tried."""

    def __init__(self, stack: smoke.Stack) -> None:
        self._outputs, self._admin = stack.outputs, stack.site

    @property
    def working(self) -> list[str]:
        """The tenants where people can work."""
        about = self._outputs["tenants"]
        return [name for name, each in about.items() if not each["suspended"]]

    @property
    def _domain(self) -> str:
        return str(self._outputs["domain"])

    def _at(self, hostname: str) -> Site:
        return dataclasses.replace(self._admin, hostname=hostname)

    def tenant(self, name: str) -> Site:
        """Return where a tenant is served."""
        return self._at(f"{name}.{self._domain}")

    def health(self) -> str:
        """Both instances are healthy, and are these releases."""
        for site, output in ((self._at(self._domain), "release"), (self._admin, "admin_release")):
            answer = site.request("GET", "/web/health?db_server_status=1").raise_for_status()
            equal(site.hostname, answer.headers["x-release"], str(self._outputs[output]))
        return "both instances"

    def pages(self) -> str:
        """Every tenant has a login page of its own."""
        for name in self.working:
            answer = self.tenant(name).request("GET", "/web/login").raise_for_status()
            equal(f"{name}'s page", f"<h1>{name}_db</h1>" in answer.text, True)
        return ", ".join(self.working)

    def nobody(self) -> str:
        """A host without a tenant gets nothing."""
        for site in (self._at(self._domain), self.tenant("nobody"), self.tenant("superadmin")):
            equal(site.hostname, site.request("GET", "/web/login").status_code, 404)
        return "neither the domain nor an unknown name has a database"

    def admin(self) -> str:
        """The super-admin logs in; the database manager is off."""
        with logged_in(self._admin, self._outputs["admin_login"]) as visit:
            equal("notes", visit.request("GET", NOTES).status_code, 200)
        manager = self._admin.request("GET", "/web/database/manager").status_code
        return f"the manager answers {equal('manager', manager, 404)}"

    def redirects(self) -> str:
        """HTTP is redirected to HTTPS."""
        return self.tenant(self.working[0]).redirects()

    def note(self) -> str:
        """A note is written, read and removed."""
        name = self.working[0]
        with logged_in(self.tenant(name), self._outputs["logins"][name]) as visit:
            sent = {"title": f"smoke {secrets.token_hex(8)}"}
            made = visit.request("POST", NOTES, json=sent).raise_for_status()
            path = f"{NOTES}/{made.json()['id']}"
            visit.request("GET", path).raise_for_status()
            visit.request("DELETE", path).raise_for_status()
        return f"{path} written, read and removed"

    def apart(self) -> str:
        """No tenant reads another's, whatever is forged."""
        first, second = self.working[:2]
        with logged_in(self.tenant(first), self._outputs["logins"][first]) as visit:
            cookie = {"Cookie": f"session_id={visit.client.cookies['session_id']}"}
        other, host = self.tenant(second), f"{first}.{self._domain}"
        forged = {"X-Forwarded-Host": host, "Forwarded": f"host={host}"}
        for headers in ({}, forged):
            answer = other.request("GET", NOTES, headers={**cookie, **headers})
            equal("status", answer.status_code, 401)
            seen = other.request("GET", SEEN, headers=headers).raise_for_status().json()
            equal("database", seen["database"], f"{second}_db")
        return f"{first}'s session opens nothing at {second}"

    def forwarded(self) -> str:
        """The proxy says who asks; a client cannot lie about it."""
        site = self.tenant(self.working[0])
        lie = {"X-Forwarded-For": "192.0.2.1", "X-Real-IP": "192.0.2.1"}
        seen: dict[str, Any] = site.request("GET", SEEN, headers=lie).json()["headers"]
        equal("host", seen["host"], [site.hostname])
        equal("x-forwarded-host", seen["x-forwarded-host"], [site.hostname])
        equal("x-forwarded-proto", seen["x-forwarded-proto"], ["https"])
        equal("whether the lie arrived", "192.0.2.1" in str(seen), False)
        return str(equal("x-real-ip", seen["x-real-ip"], seen["x-forwarded-for"]))

    def events(self) -> str:
        """Events arrive through the proxy."""
        for site in (self.tenant(self.working[0]), self._admin):
            answer = site.request("GET", "/websocket", headers=UPGRADE)
            equal(site.hostname, answer.status_code, 101)
            polled = site.request("POST", "/longpolling/poll?seconds=0.1").raise_for_status()
            equal("events", polled.json()["notes"], [])
        return "websocket and long polling, on both instances"


@contextmanager
def logged_in(site: Site, login: Mapping[str, str]) -> Iterator[Visit]:
    """Visit as the first user of a database."""
    with site.visit() as visit:
        equal("login", visit.request("POST", "/web/login", data=login).status_code, 303)
        yield visit
