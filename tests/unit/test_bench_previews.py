"""What the benchmark of previews makes of them."""

import pytest

from bench import previews
from homeport.previews import Previewed


def one(stack: str, seconds: float, problem: str = "") -> Previewed:
    return Previewed(system="shop", stack=stack, resources=7, seconds=seconds, problem=problem)


def test_each_stack_has_the_median_of_its_seconds_and_its_resources() -> None:
    rounds = [
        [one("staging", 3.0), one("production", 9.0)],
        [one("production", 8.0), one("staging", 1.0)],
        [one("staging", 2.0), one("production", 7.0)],
    ]
    found = [(row.tool, row.metric, row.value, row.n) for row in previews.each(rounds)]
    assert found == [
        ("shop/production", "seconds", 8.0, 3),
        ("shop/production", "resources", 7, 1),
        ("shop/staging", "seconds", 2.0, 3),
        ("shop/staging", "resources", 7, 1),
    ]


def test_a_preview_that_fails_ends_it_and_says_why() -> None:
    with pytest.raises(RuntimeError, match="shop/staging: domain: is missing"):
        previews.each([[one("staging", 1.0, "domain: is missing")]])
