"""Somebody who logs in to pgAdmin and opens its servers, as its own page does it."""

import re
from typing import Any

from homeport.smoke import Visit

_TOKEN = re.compile(r'"csrfToken": "([^"]+)"')
_PAGES_TOKEN = re.compile(r"pgAdmin\['csrf_token'\] = '([^']+)'")


class PgAdmin:
    """pgAdmin behind the site's own password."""

    def __init__(self, visit: Visit, door: dict[str, str]) -> None:
        self._visit = visit
        self._door = door

    def log_in(self, email: str, password: str) -> bool:
        """Return whether the account and its password were taken."""
        page = self._ask("GET", "/admin/login")
        token = _found(_TOKEN, page.text)
        fields = {
            "email": email,
            "password": password,
            "csrf_token": token,
            "internal_button": "Login",
        }
        self._ask("POST", "/admin/authenticate/login", data=fields)
        return bool(self._ask("GET", "/admin/browser/").status_code == 200)

    def connected(self) -> dict[str, Any]:
        """Open the only server of the list; return what pgAdmin knows of it then."""
        script = self._ask("GET", "/admin/browser/js/utils.js").raise_for_status().text
        token = {"X-pgA-CSRFToken": _found(_PAGES_TOKEN, script)}
        (group,) = self._ask("GET", "/admin/browser/server_group/nodes/", headers=token).json()[
            "data"
        ]
        answer = self._ask("GET", f"/admin/browser/server/nodes/{group['_id']}/", headers=token)
        (server,) = answer.json()["result"]
        where = f"/admin/browser/server/connect/{group['_id']}/{server['_id']}"
        opened = self._ask("POST", where, headers=token).raise_for_status()
        return dict(opened.json()["data"])

    def _ask(self, method: str, path: str, **sent: Any) -> Any:
        sent["headers"] = {**self._door, **sent.get("headers", {})}
        return self._visit.request(method, path, **sent)


def _found(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    assert found, text[:500]
    return found[1]
