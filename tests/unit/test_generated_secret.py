"""Secrets that the program makes."""

import re

import pulumi
import pytest

from components.generated_secret import GeneratedSecret, GeneratedSecretArgs
from tests.recorder import Secret, record


def test_a_generated_secret_is_long_random_and_shown_nowhere() -> None:
    def run() -> None:
        made = GeneratedSecret("key", GeneratedSecretArgs(length=64))
        pulumi.export("value", made.secret.value)

    deployment = record(run)
    inputs = deployment.one("RandomPassword", "key-value").inputs
    assert (inputs["length"], inputs["special"]) == (64, False)
    assert isinstance(deployment.outputs["value"], Secret)


def test_a_rotation_makes_a_new_one_and_another_version() -> None:
    versions = []

    def run(rotation: int) -> None:
        versions.append(GeneratedSecret("key", GeneratedSecretArgs(rotation=rotation)).version)

    keepers = [
        record(lambda number=number: run(number)).one("RandomPassword").inputs["keepers"]
        for number in (1, 2)
    ]
    assert versions == ["1", "2"]
    assert keepers == [{"rotation": "1"}, {"rotation": "2"}]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("length", 8, "length: must be from 20 to 512 (got 8)"),
        ("rotation", 0, "rotation: must be at least 1 (got 0)"),
    ],
)
def test_what_could_be_guessed_is_refused(field: str, value: int, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        GeneratedSecretArgs(**{field: value})
