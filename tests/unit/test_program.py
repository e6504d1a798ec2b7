"""What a program says first: where the time of large ones went."""

import pulumi
import pulumi_random as random
import pytest
from pulumi.runtime import settings, stack

from components import program
from tests.recorder import record

APPS = 5


def begun(monkeypatch: pytest.MonkeyPatch, first: object) -> int:
    """Return how many registrations are under way when the SDK begins to wait for them."""
    waits, numbers = stack.wait_for_rpcs, []

    async def watched() -> None:
        numbers.append(len(settings.SETTINGS.rpc_manager.rpcs))
        await waits()

    def whole() -> None:
        if callable(first):
            first()
        parent = pulumi.ComponentResource("homeport:test:Parent", "parent")
        for number in range(APPS):
            random.RandomBytes(
                f"bytes{number}", length=8, opts=pulumi.ResourceOptions(parent=parent)
            )
        parent.register_outputs({})
        pulumi.export("still", "exported")

    monkeypatch.setattr(stack, "wait_for_rpcs", watched)
    made = record(whole)
    assert len(made.of_type("RandomBytes")) == APPS
    assert made.outputs == {"still": "exported"}
    return numbers[0]


def test_all_registrations_have_begun_before_the_sdk_waits_for_outputs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert begun(monkeypatch, program.begin) > APPS


def test_without_it_none_has_so_that_it_is_still_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert begun(monkeypatch, None) == 0


def test_a_program_that_calls_run_itself_is_told() -> None:
    def twice() -> None:
        program.begin()
        program.begin()

    with pytest.raises(pulumi.RunError, match="only be called once"):
        record(twice)
