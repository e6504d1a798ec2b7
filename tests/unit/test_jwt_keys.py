"""Signed keys: what they say, who takes them, and that nothing of them shows."""

import datetime
import re
from typing import Any

import jwt
import pulumi
import pytest

from components.jwt_keys import ALGORITHM, JwtKeys, JwtKeysArgs, claims, sign
from tests.recorder import Deployment, Secret, record

EXPIRES = datetime.date(2036, 2, 28)
SECRET = "of these tests, and of nothing else"


def args(**more: Any) -> JwtKeysArgs:
    given = {"roles": ("anon", "service_role"), "issuer": "shop", "expires": EXPIRES}
    return JwtKeysArgs(**{**given, **more})


def deploy(**more: Any) -> Deployment:
    def run() -> None:
        made = JwtKeys("jwt", args(**more))
        pulumi.export("secret", made.secret.value)
        pulumi.export("keys", {role: key.value for role, key in made.keys.items()})
        pulumi.export("versions", {role: key.version for role, key in made.keys.items()})

    return record(run)


def test_a_key_says_its_role_and_is_taken_until_the_end_of_its_last_day() -> None:
    token = sign(SECRET, claims(args(), "anon"))
    said = jwt.decode(token, SECRET, algorithms=[ALGORITHM])
    end = datetime.datetime(2036, 2, 29, tzinfo=datetime.UTC)
    assert said == {"role": "anon", "iss": "shop", "exp": int(end.timestamp())}


def test_another_secret_takes_no_key_and_the_same_makes_the_same() -> None:
    token = sign(SECRET, claims(args(), "anon"))
    assert sign(SECRET, claims(args(), "anon")) == token
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, SECRET[::-1], algorithms=[ALGORITHM])


def test_secret_and_keys_belong_together_and_are_secret() -> None:
    made = deploy()
    secret, keys = made.outputs["secret"], made.outputs["keys"]
    assert isinstance(secret, Secret)
    for role, token in keys.items():
        assert isinstance(token, Secret)
        assert jwt.decode(token.value, secret.value, algorithms=[ALGORITHM])["role"] == role


def test_a_rotation_makes_another_secret_and_other_versions_of_all_keys() -> None:
    first, second = deploy(), deploy(rotation=2)
    assert first.one("RandomPassword").inputs["keepers"] == {"rotation": "1"}
    assert second.one("RandomPassword").inputs["keepers"] == {"rotation": "2"}
    before, after = first.outputs["versions"], second.outputs["versions"]
    assert not set(before.values()) & set(after.values())


def test_a_later_end_makes_other_versions_with_the_same_secret() -> None:
    first, second = deploy(), deploy(expires=datetime.date(2037, 1, 1))
    assert first.one("RandomPassword").inputs == second.one("RandomPassword").inputs
    assert first.outputs["versions"] != second.outputs["versions"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("roles", (), "roles: must be some, each once (got [])"),
        ("roles", ("a", "a"), "roles: must be some, each once (got ['a', 'a'])"),
        ("roles", ("Anon",), "'Anon' is no name of a role"),
        ("issuer", " x", "issuer: must be text without blanks around (got ' x')"),
        ("length", 31, "length: must be from 32 to 512 (got 31)"),
        ("rotation", 0, "rotation: must be at least 1 (got 0)"),
    ],
)
def test_what_could_be_guessed_or_says_nothing_is_refused(
    field: str, value: object, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        args(**{field: value})
