"""What an environment has to hold: refused in a preview, and told to the host."""

import json
from typing import Any

import pytest

from components import environment_contract as agreed
from components import secrets
from components.app import App, AppArgs
from components.environment_contract import Shape, Variable
from components.health import HealthCheck
from components.worker import Worker, WorkerArgs
from tests.recorder import record
from tests.unit.fake_host import fake_host

PASSWORD = "correct-horse-battery"


def given() -> secrets.Secret:
    return secrets.given("password", PASSWORD, context="homeport-staging")


def args(kind: Any, **changes: Any) -> Any:
    own = {"health": HealthCheck(path="/up")} if kind is AppArgs else {}
    return kind(host=fake_host(), image="example.com/web:1", memory_mib=128, **own, **changes)


def refused(contract: agreed.Contract, **changes: Any) -> str:
    with pytest.raises(ValueError, match=r"^App: contract: ") as seen:
        record(lambda: args(AppArgs, contract=contract, **changes), secrets={"password": PASSWORD})
    return str(seen.value)


def test_everything_that_is_wrong_is_told_at_once_and_no_secret() -> None:
    contract = {
        "APP_URL": Variable(shape=agreed.ORIGIN),
        "SIGNING_HOST": Variable(shape=agreed.HOST),
        "DATABASE_URL": Variable(secret=True),
        "REGION": Variable(secret=False),
        "EMAIL_REDIRECT_TO": Variable(presence="forbidden"),
        "SMTP_HOST": Variable(),
        "IMAP_HOST": Variable(presence="optional", shape=agreed.HOST),
    }
    said = refused(
        contract,
        environment={
            "APP_URL": "http://app.example.com",
            "SIGNING_HOST": "https://sign.example.com/api",
            "DATABASE_URL": "postgres://db/app",
            "EMAIL_REDIRECT_TO": "me@example.com",
        },
        secrets={"REGION": given()},
    )
    assert said == (
        "App: contract: "
        "APP_URL must be an https:// address without a path (got 'http://app.example.com'); "
        "SIGNING_HOST must be a host name alone, without scheme, port and path "
        "(got 'https://sign.example.com/api'); "
        "DATABASE_URL belongs in secrets, not in environment; "
        "REGION belongs in environment, not in secrets; "
        "EMAIL_REDIRECT_TO must not be set here; remove it from environment; "
        "SMTP_HOST is missing; give it in environment"
    )


def test_a_secret_that_is_forbidden_or_missing_is_named_with_its_place() -> None:
    contract = {"TOKEN": Variable(presence="forbidden"), "KEY": Variable(secret=True)}
    said = refused(contract, secrets={"TOKEN": given()})
    assert "TOKEN must not be set here; remove it from secrets" in said
    assert "KEY is missing; give it in secrets" in said


def test_an_empty_value_is_none() -> None:
    assert "A is missing" in refused({"A": Variable()}, environment={"A": ""})
    contract = {"A": Variable(presence="forbidden"), "B": Variable(presence="optional")}
    agreed.check(contract, {"A": "", "B": ""}, {})


@pytest.mark.parametrize(
    ("shape", "right", "wrong"),
    [
        (agreed.HOST, ["a", "sign.example.com"], ["a/", "a:1", "https://a", "-a", "a..b", ""]),
        (agreed.ORIGIN, ["https://a.example.com", "https://a:8443"], ["https://a/", "http://a"]),
        (agreed.URL, ["http://a", "https://a:1/x?y=z"], ["a", "ftp://a", "https://a b"]),
        (agreed.EMAIL, ["me@example.com"], ["me", "me@", "m e@example.com", "a@b@c"]),
        (agreed.NUMBER, ["0", "587"], ["-1", "1.5", "x", ""]),
        (agreed.one_of("v1", "v2.x"), ["v1", "v2.x"], ["v2yx", "v1 ", "v3"]),
        (agreed.at_least(3), ["abc", "abcd"], ["ab", "a c", "abc d"]),
    ],
)
def test_shapes_know_right_from_wrong(shape: Shape, right: list[str], wrong: list[str]) -> None:
    contract = {"A": Variable(shape=shape)}
    for value in right:
        agreed.check(contract, {"A": value}, {})
    for value in wrong:
        with pytest.raises(ValueError, match=r"A (must be|is missing)"):
            agreed.check(contract, {"A": value}, {})


def test_a_shape_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape: '\(' is no regular expression: "):
        Shape(pattern="(", words="anything")


@pytest.mark.parametrize(("kind", "role"), [("app", "switch"), ("worker", "settle")])
def test_the_host_is_told_the_contract_before_it_lets_a_release_serve(kind: str, role: str) -> None:
    contract = {
        "B_URL": Variable(shape=agreed.URL),
        "A_KEY": Variable(secret=True, presence="optional"),
    }
    environment = {"B_URL": "http://b"}

    def program() -> None:
        if kind == "app":
            App("web", args(AppArgs, contract=contract, environment=environment))
        else:
            Worker("web", args(WorkerArgs, contract=contract, environment=environment))

    deployed = record(program)
    (step,) = [made for made in deployed.resources if f"-{role}-" in made.name]
    told = json.loads(str(step.inputs["stdin"]))["contract"]
    assert [each["name"] for each in told] == ["A_KEY", "B_URL"]
    assert told[0] == {"name": "A_KEY", "presence": "optional", "secret": True}
    assert told[1]["shape"] == {"pattern": agreed.URL.pattern, "words": agreed.URL.words}


def test_without_a_contract_nothing_is_told() -> None:
    deployed = record(lambda: App("web", args(AppArgs)))
    (step,) = [made for made in deployed.resources if "-switch-" in made.name]
    assert "contract" not in json.loads(str(step.inputs["stdin"]))


def test_a_secret_that_another_app_has_too_is_that_very_secret() -> None:
    def deployed(*, same: bool) -> None:
        shared = given()
        own = shared if same else given()
        contract = {"INTAKE_SECRET": Variable(secret=True, same_as=shared)}
        args(AppArgs, contract=contract, secrets={"INTAKE_SECRET": own})

    record(lambda: deployed(same=True), secrets={"password": PASSWORD})
    with pytest.raises(ValueError, match="INTAKE_SECRET must be the secret that another app has"):
        record(lambda: deployed(same=False), secrets={"password": PASSWORD})
