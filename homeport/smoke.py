"""Smoke checks of a deployed stack, from outside, over HTTPS: what a user would try first.

A project declares its own in `smoke.py` beside `Pulumi.yaml`: a function `checks` that returns the
list for one deployment.
"""

import dataclasses
import runpy
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict, TypeVar, Unpack

import httpx
from rich.console import Console
from rich.table import Table

from homeport import stacks

Expected = TypeVar("Expected")


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


class Sent(TypedDict, total=False):
    """What a request may carry beside method and path."""

    scheme: str
    """https, or http."""
    headers: Mapping[str, str]
    """More of them, or others."""
    json: object
    """A body."""
    data: Mapping[str, str]
    """Or the fields of a form."""
    files: Mapping[str, tuple[str, bytes]]
    """Files of that form: their names and what is in them."""
    content: bytes
    """Or bytes."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """How to reach a site whose name may not be in the public DNS."""

    hostname: str
    """The name in the certificate."""
    address: str
    """Where to connect to."""
    ca_file: str | None
    """The authority to trust; None is the system's."""

    @contextmanager
    def visit(self) -> "Iterator[Visit]":
        """Ask as one visitor, whose cookies stay; the certificate must be valid for the name."""
        context = ssl.create_default_context(cafile=self.ca_file)
        with httpx.Client(verify=context, timeout=10, trust_env=False) as client:
            yield Visit(site=self, client=client)

    def request(self, method: str, path: str, **sent: Unpack[Sent]) -> httpx.Response:
        """Send one request as somebody who was never here."""
        with self.visit() as visit:
            return visit.request(method, path, **sent)

    def redirects(self) -> str:
        """Try whether plain HTTP leads to HTTPS, with path and query."""
        answer = self.request("GET", "/x?y=1", scheme="http")
        return equal("Location", answer.headers.get("location"), f"https://{self.hostname}/x?y=1")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """A visitor of a site."""

    site: Site
    """Where."""
    client: httpx.Client
    """What keeps its cookies."""

    def request(self, method: str, path: str, **sent: Unpack[Sent]) -> httpx.Response:
        """Send one request as a browser on the site itself would; redirects are not followed."""
        own = {"Host": self.site.hostname, "Referer": f"https://{self.site.hostname}/"}
        return self.client.request(
            method,
            f"{sent.get('scheme', 'https')}://{self.site.address}{path}",
            headers={**own, **sent.get("headers", {})},
            extensions={"sni_hostname": self.site.hostname},
            json=sent.get("json"),
            data=sent.get("data"),
            files=sent.get("files"),
            content=sent.get("content"),
        )


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """A deployment, as a project's checks are told of it."""

    site: Site
    """How to reach it."""
    outputs: Mapping[str, Any] = dataclasses.field(repr=False)
    """The program's outputs, secret ones included."""


def declared(project: Path, stack: Stack) -> list[Check]:
    """Return what a project's own smoke.py declares.

    Raises:
        StackError: it has none.
    """
    file = project / "smoke.py"
    if not file.exists():
        msg = f"{project.name} has no smoke.py; write one whose `checks` returns what to try"
        raise stacks.StackError(msg)
    found: list[Check] = runpy.run_path(str(file))["checks"](stack)
    return found


def deployed(aim: stacks.Target) -> Stack:
    """Return a stack as its last `up` left it."""
    outputs = stacks.outputs(aim, secret=True)
    site = Site(
        hostname=str(outputs["url"]).removeprefix("https://"),
        address=str(outputs["address"]),
        ca_file=str(aim.cloud.ca_file) if aim.cloud else None,
    )
    return Stack(site=site, outputs=outputs)


def passes(aim: stacks.Target, stack: Stack, console: Console) -> bool:
    """Run what the project declares, print the table, and return whether all of it held."""
    results = run(declared(aim.project, stack))
    show(results, console)
    return all(result.passed for result in results)


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


def equal(what: str, seen: object, expected: Expected) -> Expected:
    """Return what was seen.

    Raises:
        ValueError: it is not what was expected.
    """
    if seen != expected:
        msg = f"{what} is {seen!r}, expected {expected!r}"
        raise ValueError(msg)
    return expected
