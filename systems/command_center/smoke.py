"""What somebody would try first on command-center, from outside: the platform's own health list."""

import base64
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from homeport import smoke
from homeport.smoke import Check, equal
from systems.command_center import contract, names, s3

PASSWORD_BYTES = 18
_UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(b"sixteen-bytes-of").decode(),
}
WATCHED_SECONDS = 40
"""Within this time Prometheus has asked again whom it has asked too early, and lines have come."""
CLOSED = (
    "/mail/messages",
    "/prometheus/-/ready",
    "/alertmanager/-/ready",
    "/logs/select/vmui/",
    "/admin/login",
)
HEARD = {*contract.NAMES, "postgres", "redis", "prometheus", "logs"}
"""Whose lines the log store has to have."""


class Platform:
    """The platform, as a page or another server uses it."""

    def __init__(self, stack: smoke.Stack) -> None:
        self.site = stack.site
        self.keys: Mapping[str, str] = stack.outputs["smoke"]
        login = f"{stack.outputs['admin']}:{self.keys['admin']}".encode()
        self.admin = {"Authorization": f"Basic {base64.b64encode(login).decode()}"}

    def ask(self, method: str, path: str, token: str, json: object = None) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return what a good answer holds."""
        whole = {"Authorization": f"Bearer {token}", "Prefer": "return=representation"}
        answer = self.site.request(method, path, headers=whole, json=json)
        if not answer.is_success:
            msg = f"{method} {path}: {answer.status_code} {answer.text[:200]}"
            raise ValueError(msg)
        return answer.json() if answer.content else None

    @contextmanager
    def users(self, count: int) -> "Iterator[list[User]]":
        """Yield new users; afterwards they are gone again."""
        made: list[User] = []
        try:
            for _ in range(count):
                made.append(User(self))
            yield made
        finally:
            for user in made:
                self.ask("DELETE", f"/auth/admin/users/{user.id}", self.keys["service"])

    def store(self, method: str, path: str, content: bytes = b"") -> httpx.Response:
        """Return the answer to a signed request for an object."""
        key = s3.Key(id=names.OBJECTS_KEY, secret=self.keys["objects"])
        headers = s3.signed(method, self.site.hostname, path, content, key)
        return self.site.request(method, path, headers=headers, content=content)

    def unwatched(self) -> list[str]:
        """Return what Prometheus has not yet seen to be well."""

        def asked(path: str) -> Any:  # noqa: ANN401 - JSON
            answer = self.site.request("GET", f"/prometheus/api/v1/{path}", headers=self.admin)
            return answer.raise_for_status().json()["data"]

        targets = asked("targets")["activeTargets"]
        probes = asked("query?query=probe_success==1")["result"]
        down = [each["labels"]["job"] for each in targets if each["health"] != "up"]
        return down if probes else [*down, "the site from outside"]

    def unheard(self) -> list[str]:
        """Return whose lines the log store does not have."""
        path = "/logs/select/logsql/field_values?query=*&field=HOMEPORT_APP"
        answer = self.site.request("GET", path, headers=self.admin).raise_for_status()
        return sorted(HEARD - {each["value"] for each in answer.json()["values"]})


class User:
    """Somebody who has just signed up, and logged in again with the same password."""

    def __init__(self, platform: Platform) -> None:
        self.email = f"smoke-{secrets.token_hex(8)}@example.com"
        account = {"email": self.email, "password": secrets.token_urlsafe(PASSWORD_BYTES)}
        anon = platform.keys["anon"]
        self.id: str = platform.ask("POST", "/auth/signup", anon, json=account)["user"]["id"]
        entered = platform.ask("POST", "/auth/token?grant_type=password", anon, json=account)
        self.token: str = entered["access_token"]


def checks(stack: smoke.Stack) -> list[Check]:
    """Return the checks of one deployment."""
    platform = Platform(stack)
    return [*_of_rows(platform), *_of_the_rest(platform)]


def _of_rows(platform: Platform) -> list[Check]:
    site, anon, service = platform.site, platform.keys["anon"], platform.keys["service"]

    def page() -> str:
        site.request("GET", "/some/page").raise_for_status()
        text = site.request("GET", "/env.js").raise_for_status().text
        settings = json.loads(text.partition(" = ")[2].rstrip().rstrip(";"))
        equal("key", settings["VITE_SUPABASE_ANON_KEY"], anon)
        return equal("URL", settings["VITE_SUPABASE_URL"], f"https://{site.hostname}")

    def api() -> str:
        tables = sorted(platform.ask("GET", "/api/", anon)["paths"])
        platform.ask("GET", "/api/announcements", anon)
        return f"tables: {', '.join(tables)}"

    def round_trip() -> str:
        with platform.users(1) as (user,):
            seen = platform.ask("GET", "/auth/user", user.token)
            return f"{equal('e-mail', seen['email'], user.email)} signed up, logged in, removed"

    def isolation() -> str:
        with platform.users(2) as (one, other):
            (note,) = platform.ask("POST", "/api/notes", one.token, json={"text": "smoke"})
            path = f"/api/notes?id=eq.{note['id']}"
            try:
                equal("seen by the other", platform.ask("GET", path, other.token), [])
                changed = platform.ask("PATCH", path, other.token, json={"text": "taken"})
                equal("changed by the other", changed, [])
                mine = platform.ask("GET", path, one.token)
                equal("my own", [each["text"] for each in mine], ["smoke"])
            finally:
                platform.ask("DELETE", path, service)
        refused = site.request("GET", path, headers={"Authorization": f"Bearer {anon}"})
        equal("status for a stranger", refused.status_code, 401)
        return "each sees and changes only their own"

    return [
        Check(name="the page opens, and knows where the platform is", probe=page),
        Check(name="HTTP is redirected to HTTPS", probe=site.redirects),
        Check(name="the API answers", probe=api),
        Check(name="sign-up and login", probe=round_trip),
        Check(name="two users do not see each other's rows", probe=isolation),
    ]


def _of_the_rest(platform: Platform) -> list[Check]:
    site, anon = platform.site, platform.keys["anon"]

    def websocket() -> str:
        path = "/realtime/socket/websocket?apikey="
        opened = site.request("GET", path + anon, headers=_UPGRADE).status_code
        equal("status with the key", opened, 101)
        refused = site.request("GET", f"{path}{anon[:-2]}", headers=_UPGRADE).status_code
        return f"101 with the key, {equal('status without', refused, 403)} without"

    def objects() -> str:
        content, path = secrets.token_bytes(1024), f"/s3/{names.BUCKET}/{secrets.token_hex(8)}"
        made = platform.store("PUT", f"/s3/{names.BUCKET}")
        if made.status_code != httpx.codes.CONFLICT:  # it is there from an earlier test
            made.raise_for_status()
        platform.store("PUT", path, content).raise_for_status()
        equal("what was got", platform.store("GET", path).content == content, expected=True)
        equal("status without a signature", site.request("GET", path).status_code, 403)
        platform.store("DELETE", path).raise_for_status()
        return f"{path} put, got and removed"

    def mail() -> str:
        with platform.users(1) as (user,):
            platform.ask("POST", "/auth/recover", anon, json={"email": user.email})
            shown = {**platform.admin, "X-Server-API-Key": platform.keys["mail"]}
            kept = site.request("GET", f"/mail/messages?to={user.email}", headers=shown)
            (message,) = kept.raise_for_status().json()
            return f"{message['from']} to {user.email}: {message['subject']}"

    def monitoring() -> str:
        ready = site.request("GET", "/alertmanager/-/ready", headers=platform.admin)
        ready.raise_for_status()
        equal("not seen well", _at_last(platform.unwatched), [])
        return "every target is up, and the site answers from outside"

    def logs() -> str:
        equal("not heard of", _at_last(platform.unheard), [])
        return f"lines of {', '.join(sorted(HEARD))}"

    def pgadmin() -> str:
        answer = site.request("GET", "/admin/login", headers=platform.admin).raise_for_status()
        equal("asks for a login", "authSources" in answer.text, expected=True)
        return "its login page opens for who knows the password"

    def closed() -> str:
        for path in CLOSED:
            equal(f"status of {path}", site.request("GET", path).status_code, 401)
        return ", ".join(CLOSED)

    return [
        Check(name="a websocket opens with the key, and only with it", probe=websocket),
        Check(name="an object is put, got and removed, with a signature only", probe=objects),
        Check(name="mail of Auth is accepted", probe=mail),
        Check(name="everything is watched", probe=monitoring),
        Check(name="the log store has lines of every service", probe=logs),
        Check(name="pgAdmin opens", probe=pgadmin),
        Check(name="mail, monitoring, logs and pgAdmin are closed to strangers", probe=closed),
    ]


def _at_last(missing: Callable[[], list[str]]) -> list[str]:
    """Ask until nothing is missing, or it has been long enough; return what is."""
    end = time.monotonic() + WATCHED_SECONDS
    while (found := missing()) and time.monotonic() < end:
        time.sleep(1)
    return found
