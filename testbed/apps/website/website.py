#!/usr/bin/python3 -B
"""A website with one form, whose entries move from an inbox of its own to the crm, flag by flag.

A stand-in of one file and the standard library. It trusts the authorities that its machine trusts.
"""

import dataclasses
import html
import http.server
import json
import logging
import os
import re
import signal
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

FLAGS = {"CRM_INTAKE": ("off", "on"), "CRM_LOGIN": ("off", "on"), "INBOX": ("on", "off")}
"""Each with its value before and after the cut-over."""
TRY_SECONDS = 5
MOST_BYTES = 1 << 16
log = logging.getLogger("website")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the environment says."""

    port: int
    release: str
    crm: str
    """The crm's address, without a path."""
    secret: str = dataclasses.field(repr=False)
    """What the crm wants to be shown."""
    flags: Mapping[str, str]
    """Which side each flag is on."""

    @classmethod
    def load(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Read the environment, or end with 2 and a line for each thing that is wrong."""
        wrong = []
        secret, file = env.get("CRM_INTAKE_SECRET", ""), env.get("CRM_INTAKE_SECRET_FILE")
        if file:
            secret = Path(file).read_text().strip()
        if not secret:
            wrong.append("CRM_INTAKE_SECRET: missing")
        if not re.fullmatch(r"https?://[^/\s]+", env.get("CRM_URL", "")):
            wrong.append("CRM_URL: expected an address without a path")
        flags = {name: env.get(name) or before for name, (before, _) in FLAGS.items()}
        for name, value in flags.items():
            if value not in FLAGS[name]:
                wrong.append(f"{name}: expected on or off (got {value!r})")
        if flags["CRM_INTAKE"] == flags["INBOX"] == "off":
            wrong.append("INBOX: is off although CRM_INTAKE is, so that entries would be lost")
        if wrong:
            sys.stderr.write("\n".join(wrong) + "\n")
            sys.exit(2)
        return cls(
            int(env.get("PORT", "8000")), env.get("RELEASE", "dev"), env["CRM_URL"], secret, flags
        )


class Website(http.server.ThreadingHTTPServer):
    """Serves page, form and what the cut-over looks at."""

    daemon_threads = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.inbox: list[dict[str, str]] = []
        super().__init__(("127.0.0.1", settings.port), Handler)

    def ask(self, path: str, body: "dict[str, str] | None" = None) -> str:
        """Return how the crm takes a request: `ok`, or what is wrong."""
        request = urllib.request.Request(  # noqa: S310 - an address that was checked at the start
            f"{self.settings.crm}{path}",
            data=json.dumps(body).encode() if body else None,
            headers={"X-Intake-Secret": self.settings.secret, "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=TRY_SECONDS):  # noqa: S310 - likewise
                return "ok"
        except urllib.error.HTTPError as error:
            return f"refused ({error.code})"
        except OSError as error:
            return f"unreachable ({error})"

    def seen(self) -> dict[str, str]:
        """Return where entries go and the login leads, each tried just now."""
        flags = self.settings.flags
        return {
            "secret": self.ask("/api/intake"),
            "crm": self.ask("/api/intake") if flags["CRM_INTAKE"] == "on" else "off",
            "login": self.ask("/login") if flags["CRM_LOGIN"] == "on" else "off",
            "inbox": "open" if flags["INBOX"] == "on" else "closed",
        }


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers a request."""

    server: Website

    def do_GET(self) -> None:
        """Show the page, health, or what the cut-over looks at."""
        if self.path == "/":
            self._page("")
        elif self.path == "/healthz":
            self._json({"status": "ok", "release": self.server.settings.release})
        elif self.path == "/api/cutover":
            self._json(self.server.seen())
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", "there is no such page\n")

    def do_POST(self) -> None:
        """Take the form."""
        size = int(self.headers.get("Content-Length") or 0)
        if self.path != "/contact" or size > MOST_BYTES:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", "there is no such form\n")
            return
        given = urllib.parse.parse_qs(self.rfile.read(size).decode(errors="replace"))
        entry = {name: given.get(name, [""])[0] for name in ("description", "amount")}
        flags = self.server.settings.flags
        if flags["CRM_INTAKE"] == "on":
            taken = self.server.ask("/api/intake", entry)
            if taken != "ok" and flags["INBOX"] == "off":
                self._page(f"This could not be taken: {taken}.", HTTPStatus.BAD_GATEWAY)
                return
        if flags["INBOX"] == "on":
            self.server.inbox.append(entry)
        self._page("Thank you.")

    def log_message(self, format: str, *args: object) -> None:
        """Log without addresses."""
        log.info(format, *args)

    def _page(self, notice: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        settings = self.server.settings
        login = settings.flags["CRM_LOGIN"] == "on"
        link = f'<p><a href="{html.escape(settings.crm)}/login">Log in</a></p>' if login else ""
        text = (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Website</title>'
            f"<h1>Website</h1><p>{html.escape(notice)}</p>{link}"
            '<form method="post" action="/contact">'
            '<label>What is it about? <input name="description" required></label> '
            '<label>Amount <input name="amount" required></label> <button>Send</button></form>'
        )
        self._answer(status, "text/html; charset=utf-8", text)

    def _json(self, content: dict[str, str]) -> None:
        self._answer(HTTPStatus.OK, "application/json", json.dumps(content))

    def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Release", self.server.settings.release)
        self.end_headers()
        self.wfile.write(data)


def main() -> None:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    server = Website(Settings.load())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
