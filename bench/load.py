"""A steady load on a site by vegeta: so many requests a second, however long the answers take.

Each kind of request has a process of its own. Nothing is sent again, except by HTTP itself: like a
browser, Go's client repeats a GET whose kept connection turned out to be closed.
"""

import base64
import contextlib
import dataclasses
import datetime
import json
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import lab, losses
from homeport.smoke import Site

TIMEOUT_SECONDS = 15
"""An answer that takes longer is lost."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of request, sent at a rate of its own."""

    name: str
    """Names it in messages."""
    method: str = "GET"
    """How it asks."""
    path: str
    """What it asks for."""
    rate: int
    """How many a second."""
    new_connections: bool = False
    """Whether each has a connection of its own, TLS included."""
    http2: bool = False
    """Whether they share a connection of HTTP/2."""
    body_bytes: int = 0
    """Size of what is sent."""
    takes_seconds: float = 0.0
    """How long the app takes on purpose; not part of the latency."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What became of a request."""

    kind: Kind
    """The kind of request."""
    sent: float
    """When it was sent, in seconds since 1970."""
    seconds: float
    """Until its answer was there as a whole."""
    release: str
    """The release that answered."""
    problem: str
    """Why it is lost; empty when it is not."""

    @property
    def latency(self) -> float:
        """How long it took beyond what it takes on purpose."""
        return self.seconds - self.kind.takes_seconds


class Load:
    """Loads a site from entering a `with` block to leaving it; then has all answers."""

    def __init__(self, site: Site, kinds: Sequence[Kind]) -> None:
        self._site = site
        self._kinds = kinds
        self._resources = contextlib.ExitStack()
        self._running: list[tuple[Kind, Path, subprocess.Popen[bytes]]] = []
        self.answers: list[Answer] = []

    def __enter__(self) -> "Load":
        folder = Path(self._resources.enter_context(tempfile.TemporaryDirectory()))
        for kind in self._kinds:
            output = folder / f"{kind.name}.bin"
            self._running.append((kind, output, self._start(kind, folder, output)))
        return self

    def __exit__(self, *_: object) -> None:
        with self._resources:
            for running in self._running:
                running[2].send_signal(signal.SIGINT)
            for kind, output, process in self._running:
                if process.wait(4 * TIMEOUT_SECONDS) != 0:
                    msg = f"the load {kind.name!r} ended with {process.returncode}"
                    raise RuntimeError(msg)
                self.answers += read(kind, output)

    def _start(self, kind: Kind, folder: Path, output: Path) -> "subprocess.Popen[bytes]":
        body = folder / f"{kind.name}.body"
        body.write_bytes(b"x" * kind.body_bytes)
        target = f"{kind.method} https://{self._site.hostname}{kind.path}\n"
        if kind.body_bytes:
            target += f"Content-Type: text/plain\n@{body}\n"
        targets = folder / f"{kind.name}.targets"
        targets.write_text(target)
        argv = [
            *(str(lab.vegeta()), "attack", f"-targets={targets}", f"-output={output}"),
            *(f"-rate={kind.rate}/1s", f"-timeout={TIMEOUT_SECONDS}s", "-max-body=64B"),
            *(f"-root-certs={self._site.ca_file}", f"-http2={kind.http2}".lower()),
            f"-keepalive={not kind.new_connections}".lower(),
            f"-connect-to={self._site.hostname}:443:{self._site.address}:443",
        ]
        # A group of its own: Ctrl-C is for the benchmark, which then ends this in order.
        return subprocess.Popen(argv, start_new_session=True)


def read(kind: Kind, output: Path) -> Iterator[Answer]:
    """Return the answers that a process of vegeta wrote."""
    argv = [str(lab.vegeta()), "encode", "-to=json", str(output)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as encoding:
        assert encoding.stdout
        for line in encoding.stdout:
            yield answer(kind, json.loads(line))
    if encoding.returncode != 0:
        msg = f"vegeta could not read its own output of {kind.name!r}"
        raise RuntimeError(msg)


def answer(kind: Kind, result: dict[str, Any]) -> Answer:
    """Return one of vegeta's results as ours."""
    body = base64.b64decode(result["body"] or "").decode(errors="replace")
    headers = {name.lower(): values[0] for name, values in (result["headers"] or {}).items()}
    return Answer(
        kind=kind,
        sent=datetime.datetime.fromisoformat(result["timestamp"]).timestamp(),
        seconds=result["latency"] / 1e9,
        release=release(headers, body),
        problem=losses.of_request(result["code"], result["error"]),
    )


def release(headers: Mapping[str, str], body: str) -> str:
    """Return the release that answered: an app names it in a header, a file consists of it."""
    return headers.get("x-release") or body.strip()


def worst_latency(answers: Iterable[Answer]) -> float:
    """Return the longest time that a request which was not lost took beyond its purpose."""
    return max((a.latency for a in answers if not a.problem), default=0.0)
