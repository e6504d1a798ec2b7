"""Smoke checks of a deployed stack, from outside, over HTTPS: what a user would try first."""

import dataclasses
import ssl
import time
from collections.abc import Callable, Iterable

import httpx
from rich.console import Console
from rich.table import Table


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing that must hold; `probe` returns what it saw, or raises with what is wrong."""

    name: str
    """A short sentence that is true when the check passes."""
    probe: Callable[[], str]
    """Runs the check."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """How a check went."""

    name: str
    """The check's name."""
    passed: bool
    """Whether it held."""
    detail: str
    """What was seen, or what is wrong."""
    seconds: float
    """How long it took."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """How to reach a site whose name may not be in the public DNS."""

    hostname: str
    """The name in the certificate."""
    address: str
    """Where to connect to."""
    ca_file: str | None
    """The authority to trust; None is the system's."""

    def request(
        self, method: str, path: str, *, scheme: str = "https", json: object = None
    ) -> httpx.Response:
        """Send one request on a new connection; the certificate must be valid for the name."""
        context = ssl.create_default_context(cafile=self.ca_file)
        with httpx.Client(verify=context, timeout=10, trust_env=False) as client:
            return client.request(
                method,
                f"{scheme}://{self.address}{path}",
                headers={"Host": self.hostname},
                extensions={"sni_hostname": self.hostname},
                json=json,
            )


def starter(site: Site, release: str) -> list[Check]:
    """Return the checks of the starter system."""

    def page() -> str:
        answer = site.request("GET", "/")
        answer.raise_for_status()
        return f"{len(answer.content)} bytes, {answer.headers['content-type']}"

    def health() -> str:
        answer = site.request("GET", "/healthz")
        answer.raise_for_status()
        return answer.text.strip()[:60]

    def running() -> str:
        seen = site.request("GET", "/healthz").headers.get("x-release", "none")
        return _equal("X-Release", seen, release)

    def redirect() -> str:
        answer = site.request("GET", "/x?y=1", scheme="http")
        return _equal("Location", answer.headers.get("location"), f"https://{site.hostname}/x?y=1")

    def entry() -> str:
        made = site.request("POST", "/api/entries", json={"description": "smoke", "amount": "1.00"})
        made.raise_for_status()
        number = made.json()["id"]
        site.request("GET", f"/api/entries/{number}").raise_for_status()
        site.request("DELETE", f"/api/entries/{number}").raise_for_status()
        return f"entry {number} written, read and removed"

    return [
        Check(name="the page opens over HTTPS", probe=page),
        Check(name="the app is healthy and reaches its database", probe=health),
        Check(name="the declared release answers", probe=running),
        Check(name="HTTP is redirected to HTTPS", probe=redirect),
        Check(name="an entry is written, read and removed", probe=entry),
    ]


def run(checks: Iterable[Check]) -> list[Result]:
    """Run every check, in order; a failing one does not stop the rest."""
    results = []
    for check in checks:
        start = time.monotonic()
        try:
            passed, detail = True, check.probe()
        except (httpx.HTTPError, OSError, ValueError, KeyError) as error:
            passed, detail = False, f"{type(error).__name__}: {error}"
        results.append(
            Result(
                name=check.name,
                passed=passed,
                detail=detail,
                seconds=time.monotonic() - start,
            )
        )
    return results


def show(results: Iterable[Result], console: Console) -> None:
    """Print the table: check, result, time, what was seen."""
    table = Table("check", "result", "seconds", "seen", title="smoke", title_justify="left")
    for result in results:
        table.add_row(
            result.name,
            "[green]ok[/]" if result.passed else "[red]failed[/]",
            f"{result.seconds:.2f}",
            result.detail,
        )
    console.print(table)


def _equal(what: str, seen: str | None, expected: str) -> str:
    if seen != expected:
        msg = f"{what} is {seen!r}, expected {expected!r}"
        raise ValueError(msg)
    return expected
