"""Flags that flip in order: what the app is told, what is looked at, and what is refused."""

import json
from typing import Any

import pytest

from components.app import App, AppArgs
from components.cutover import Cutover, CutoverArgs, Flag, positions
from components.guards import refuse_jump
from components.health import HealthCheck
from homeport.guard.touching import touched
from tests.recorder import Deployment, record
from tests.unit.fake_host import fake_host
from tests.unit.test_guard_plans import command, planned


def flag(name: str) -> Flag:
    seen = [HealthCheck(path=f"/{name}", contains=side) for side in ("old", "new")]
    return Flag(name=name, before="off", after="on", seen_before=seen[0], seen_after=seen[1])


FLAGS = [flag("INTAKE"), flag("SIGNING"), flag("LEGACY")]
ALWAYS = HealthCheck(path="/secret", contains="accepted")


def cut_over(flipped: int, **more: Any) -> Deployment:
    def program() -> None:
        host = fake_host()
        app = App(
            "web",
            AppArgs(
                host=host,
                image="registry.example.com/web:1.0.0",
                memory_mib=64,
                health=HealthCheck(path="/healthz"),
                environment=positions(FLAGS, min(flipped, 3)),
            ),
        )
        args = {"flags": FLAGS, "flipped": flipped, "always": [ALWAYS], **more}
        Cutover("moving", CutoverArgs(host=host, app=app, key="website.cutover", **args))

    return record(program)


def document(made: Deployment) -> dict[str, Any]:
    (step,) = [one for one in made.of_type("Command") if one.name == "moving-verified"]
    assert step.options.hooks == ("before_update moving-one-flag-at-a-time",)
    parsed: dict[str, Any] = json.loads(step.inputs["stdin"])
    return parsed


def test_the_first_flags_are_flipped_and_the_others_are_not() -> None:
    assert positions(FLAGS, 0) == {"INTAKE": "off", "SIGNING": "off", "LEGACY": "off"}
    assert positions(FLAGS, 2) == {"INTAKE": "on", "SIGNING": "on", "LEGACY": "off"}
    with pytest.raises(ValueError, match=r"flipped: must be from 0 to 3 \(got 4\)"):
        positions(FLAGS, 4)


@pytest.mark.parametrize(
    ("flipped", "looks"),
    [
        (0, [("INTAKE=off", "old")]),
        (1, [("INTAKE=on", "new"), ("SIGNING=off", "old")]),
        (3, [("LEGACY=on", "new")]),
    ],
)
def test_the_last_flag_that_flipped_is_looked_at_and_the_next_one(
    flipped: int, looks: list[tuple[str, str]]
) -> None:
    told = document(cut_over(flipped))
    always, *others = told["checks"]
    assert (always["what"], always["path"]) == ("the app", "/secret")
    assert [(one["what"], one["contains"]) for one in others] == looks
    assert told["order"] == ["INTAKE", "SIGNING", "LEGACY"]


def test_it_is_verified_again_with_each_release_and_after_the_switch() -> None:
    made = cut_over(1)
    told = document(made)
    (route,) = [one for one in made.of_type("Command") if one.name.startswith("web-switch-")]
    (step,) = [one for one in made.of_type("Command") if one.name == "moving-verified"]
    assert told["release"] == json.loads(route.inputs["stdin"])["release"]
    assert route.urn in step.options.dependencies
    assert told["port"] == json.loads(route.inputs["stdin"])["stable_port"]


def test_looking_touches_nothing_vital() -> None:
    [step] = planned(adds=command("cutover", {"app": "signing-app"}))
    assert touched(step, ["container:signing-app"]) == []


def state(flipped: int, *order: str) -> dict[str, Any]:
    return {"flipped": flipped, "order": list(order or "abc")}


@pytest.mark.parametrize(("before", "after"), [(0, 1), (1, 1), (2, 3), (3, 0), (2, 1)])
def test_the_next_one_may_flip_and_any_number_may_go_back(before: int, after: int) -> None:
    refuse_jump(state(before), state(after), key="k")


def test_two_at_once_are_refused_with_their_names_and_the_cure() -> None:
    said = (
        r"^website.cutover: b, c would flip at once, .* \(got 3, verified are 1\): "
        "set it to 2, which flips b, run `up`"
    )
    with pytest.raises(ValueError, match=said):
        refuse_jump(state(1), state(3), key="website.cutover")


def test_what_is_flipped_stays_in_its_place_and_what_is_not_may_move() -> None:
    refuse_jump(state(1), state(2, "a", "c", "b"), key="k")
    with pytest.raises(ValueError, match=r"^k: the flags that are flipped, a, b, stand in another"):
        refuse_jump(state(2), state(2, "b", "a", "c"), key="k")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"flags": []}, "must name at least one"),
        ({"flags": [flag("A"), flag("A")]}, "none twice"),
        ({"flipped": 4}, "from 0 to 3"),
    ],
)
def test_an_order_that_is_none_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        cut_over(**{"flipped": 0, **change})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"after": "off"}, "flag A: after: must differ from before"),
        ({"seen_after": HealthCheck(path="/A", contains="old")}, "or nobody sees the flip"),
        ({"name": "a b"}, "flag A?.*'a b' is no variable name"),
    ],
)
def test_a_flag_that_nobody_could_see_is_refused(change: dict[str, Any], said: str) -> None:
    seen = [HealthCheck(path="/A", contains=side) for side in ("old", "new")]
    good = {
        "name": "A",
        "before": "off",
        "after": "on",
        "seen_before": seen[0],
        "seen_after": seen[1],
    }
    with pytest.raises(ValueError, match=said):
        Flag(**{**good, **change})
