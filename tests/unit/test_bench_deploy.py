"""What the benchmark of deploys makes of what it saw."""

import asyncio
import base64
import socket
import time
from collections import Counter
from typing import Any

import pytest

from bench import far, load, losses, results
from bench.deploy import figures, ours
from bench.deploy.series import LONG, SHORT, Deployed, Series
from bench.load import Answer, Kind
from bench.results import Row

KIND = Kind(name="get", path="/", rate=1)


def answer(at: float, release: str, problem: str = "", kind: Kind = KIND) -> Answer:
    seconds = 0.5 + kind.takes_seconds
    return Answer(kind=kind, sent=at, seconds=seconds, release=release, problem=problem)


def series(*answers: Answer, broken: tuple[str, ...] = ()) -> Series:
    deploys = [
        Deployed(began=10, release="b", seconds={"deploy": 3.0, "gate": 2.0}),
        Deployed(began=20, release="a", seconds={"deploy": 5.0, "gate": 2.0, "drain": 1.0}),
    ]
    return Series(deploys=deploys, answers=answers, broken=Counter(broken))


def test_the_load_has_the_rate_that_is_claimed() -> None:
    assert sum(kind.rate for kind in (*SHORT, LONG)) >= 200


@pytest.mark.parametrize(
    ("status", "error", "lost"),
    [
        (200, "", ""),
        (204, "", ""),
        (502, "502 Bad Gateway", "502 Bad Gateway"),
        (301, "", "status 301"),
        (0, "connection refused", "connection refused"),
        (200, "unexpected EOF", "unexpected EOF"),
    ],
)
def test_a_request_is_lost_unless_it_is_answered_whole_with_success(
    status: int, error: str, lost: str
) -> None:
    assert losses.of_request(status, error) == lost


def test_only_the_apps_own_goodbye_ends_a_websocket_or_a_stream_well() -> None:
    assert losses.of_websocket(1001) == ""
    assert losses.of_websocket(1000) == "closed with 1000"
    assert losses.of_websocket(None) == "cut without a close frame"
    assert losses.of_stream("bye") == ""
    assert losses.of_stream("tick") == "ended without a last event"


def test_an_answer_says_who_gave_it_and_what_became_of_it() -> None:
    result: dict[str, Any] = {
        "code": 200,
        "error": "",
        "timestamp": "1970-01-01T00:00:10.5Z",
        "latency": 250_000_000,
        "headers": {"X-Release": ["abc"]},
        "body": base64.b64encode(b"text").decode(),
    }
    found = load.answer(KIND, result)
    assert (found.sent, found.seconds, found.release, found.problem) == (10.5, 0.25, "abc", "")
    assert load.answer(KIND, {**result, "headers": None}).release == "text"
    refused = {**result, "code": 0, "error": "refused", "headers": None, "body": None}
    assert load.answer(KIND, refused).problem == "refused"


def test_the_worst_latency_leaves_out_what_takes_its_time_and_what_is_lost() -> None:
    answers = [answer(1, "a"), answer(2, "a", kind=LONG)]
    assert load.worst_latency(answers) == pytest.approx(0.5)
    assert load.worst_latency([answer(1, "a", problem="timeout")]) == 0


def test_a_release_serves_from_its_first_answer_after_its_deploy_began() -> None:
    seen = series(
        answer(1, "b"), answer(12, "a"), answer(13, "b"), answer(14, "b"), answer(22.5, "a")
    )
    assert seen.serving_seconds() == [3.5, 3.0]


def test_rows_say_what_was_lost_under_everything_and_how_long_a_deploy_takes_alone() -> None:
    whole = series(
        answer(13, "b"), answer(14, "", "reset"), answer(22, "a"), broken=("websocket: cut",)
    )
    short = series(answer(13, "b"), answer(22, "a"))
    rows = [*figures.of_losses("tool", whole), *figures.of_times("tool", short, short)]
    found = {row.metric: (row.value, row.n) for row in rows}
    assert found["lost_requests"] == (1, 2)
    assert found["requests"] == (3, 2)
    assert found["broken_websockets"] == (1, 2)
    assert found["broken_streams"] == (0, 2)
    assert found["deploy_seconds_with_drain"] == (4, 2)
    assert found["short_requests"] == (4, 4)
    assert found["short_lost_requests"] == (0, 4)
    assert found["deploy_seconds"] == (4, 2)
    assert found["gate_seconds"] == (2, 2)
    assert found["drain_seconds"] == (0.5, 2)


def test_a_deploy_is_split_into_the_phases_of_its_app_alone() -> None:
    def event(name: str, operation: str, **outputs: str) -> dict[str, Any]:
        about = {"urn": f"urn:x::{name}", "op": operation, "new": {"outputs": outputs}}
        return {"metadata": about}

    said = '{"gate_seconds": 2.0, "switch_seconds": 0.1, "try_seconds": 0.2, "total_seconds": 2.3}'
    spans: list[tuple[float, float, dict[str, Any]]] = [
        (0, 1, event("web-image-0a1b2c3d", "create")),
        (1, 2, event("web-0a1b2c3d", "create")),
        (1, 2, event("webs-0a1b2c3d", "create")),
        (1, 2, event("web-image-ffffffff", "same")),
        (2, 5, event("web-switch-0a1b2c3d", "create", stdout=said)),
        (5, 6, event("web-drain-ffffffff", "delete")),
        (6, 6.5, event("web-ffffffff", "delete")),
        (6.5, 7, event("web-image-ffffffff", "delete")),
    ]
    events = [
        stamped
        for begin, end, about in spans
        for stamped in ((begin, {"resourcePreEvent": about}), (end, {"resOutputsEvent": about}))
    ]
    assert ours.by_phase(events, "web") == pytest.approx(
        {
            "prepare": 1,
            "start": 1,
            "gate": 2,
            "switch": 0.1,
            "try": 0.2,
            "connect": 0.7,
            "drain": 1,
            "remove": 1,
        }
    )


def test_what_is_measured_anew_replaces_its_rows_alone() -> None:
    def row(tool: str, value: float, metric: str = "lost_requests") -> Row:
        return Row(tool, metric, value, "", 1)

    before = [row("a", 1), row("b", 1), row("b", 1, "deploy_seconds"), row("gone", 1)]
    assert results.merged(before, [row("b", 2), row("c", 2)], ["c", "a", "b"]) == [
        row("c", 2),
        row("a", 1),
        row("b", 2),
        row("b", 1, "deploy_seconds"),
    ]


async def test_what_is_far_away_answers_after_a_round_trip_and_in_order() -> None:
    round_trip, block = 0.06, b"x" * 200_000

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    forwarder = await far.start(0, port_of(server), round_trip)
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(forwarder))
    start = time.monotonic()
    writer.write(block)
    writer.write_eof()
    assert await reader.read() == block
    # The connection's own round trip, and that of the data.
    assert time.monotonic() - start >= round_trip
    writer.close()
    forwarder.close()
    server.close()


def port_of(server: asyncio.Server) -> int:
    """Return where a server listens over IPv4."""
    return next(s.getsockname()[1] for s in server.sockets if s.family is socket.AF_INET)
