"""What benchmarks compute from what they measured."""

from bench import cold
from bench.cold import Span


def span(name: str, seconds: float, *needs: str) -> Span:
    urns = frozenset(f"urn:pulumi:s::p::t::{need}" for need in needs)
    return Span(urn=f"urn:pulumi:s::p::t::{name}", seconds=seconds, needs=urns)


def test_the_floor_is_the_longest_chain_of_resources_that_wait_for_one_another() -> None:
    spans = [span("a", 1), span("b", 5, "a"), span("c", 2, "a"), span("d", 1, "b", "c")]
    assert cold.longest_chain(spans) == 7


def test_needs_that_are_not_in_the_state_count_nothing() -> None:
    assert cold.longest_chain([span("a", 3, "gone")]) == 3


def test_parts_of_a_phase_add_up_and_pulls_that_run_side_by_side_do_not() -> None:
    spans = [
        span("server-server", 4),
        span("postgres-image-12", 6),
        span("web-image-34", 9),
        span("postgres-container", 1),
        span("postgres-ready", 2),
    ]
    phases = cold.by_phase(spans)
    assert phases["server boot"] == 4
    assert phases["image pull"] == 9
    assert phases["database"] == 3


def test_spans_are_read_from_events_and_dependencies_from_the_state() -> None:
    event = {"metadata": {"urn": "u"}}
    events = [(10.0, {"resourcePreEvent": event}), (12.5, {"resOutputsEvent": event})]
    state = {
        "deployment": {"resources": [{"urn": "u", "provider": "p::id", "dependencies": ["d"]}]}
    }
    assert cold.read(events, state) == [Span(urn="u", seconds=2.5, needs=frozenset({"d", "p"}))]
