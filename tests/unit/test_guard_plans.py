"""What the guard reads from a plan: steps, commands, differences, touches; and no secret."""

import json
from typing import Any

import pytest

from components.proxies import nginx
from homeport import stacks
from homeport.guard import listing, plans, steps, touching, values

CANARY = "canary-Zq7rT2xW9"
ROOT = "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev"
MARK = "4dabf18193072939515e22adb298388d"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
VITAL = [
    "container:signing-app",
    "volume:signing-data",
    "database:signing",
    "certificate:sign.example.com",
    "vhost:sign.example.com",
    "file:/srv/signing",
]


def secret(value: Any) -> dict[str, str]:
    return {MARK: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps(value)}


def urn(name: str, kind: str = "command:remote:Command") -> str:
    return f"urn:pulumi:dev::shop::homeport:site:Site${kind}::{name}"


def command(tool: str = "files", document: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "connection": secret({"host": "198.51.100.7", "password": CANARY}),
        "create": f"sudo -n /opt/homeport/shop-dev/bin/{tool} up",
        "delete": f"sudo -n /opt/homeport/shop-dev/bin/{tool} down",
        "stdin": json.dumps(document or {}),
        **more,
    }


def planned(
    *,
    old: dict[str, Any] | None = None,
    adds: dict[str, Any] | None = None,
    updates: dict[str, Any] | None = None,
    operations: tuple[str, ...] = ("create",),
    kind: str = "command:remote:Command",
    sketch: Any = None,
) -> list[steps.Step]:
    goal = {"custom": True, "inputDiff": {"adds": adds or {}, "updates": updates or {}}}
    about = {"steps": list(operations), "goal": None if operations == ("delete",) else goal}
    plan = {"resourcePlans": {urn("it", kind): about}}
    state = {"resources": [{"urn": urn("it", kind), "custom": True, "inputs": old}] if old else []}
    return steps.planned(plan, state, {} if sketch is None else {"it": sketch})


def acting(document: Any, tool: str = "files") -> list[str]:
    [step] = planned(adds=command(tool, document))
    return touching.touched(step, VITAL)


def shown(found: list[steps.Step]) -> str:
    return listing.whole([listing.Entry(step=step, touches=()) for step in found])


def test_a_new_step_is_listed_with_its_command_and_all_that_it_is_told() -> None:
    text = shown(planned(adds=command(document={"files": [{"path": "/etc/x", "content": "a\nb"}]})))
    assert "1. + it  (command:remote:Command: create)" in text
    assert "runs: sudo -n /opt/homeport/shop-dev/bin/files up" in text
    assert "+ stdin.files[0].path: /etc/x" in text
    assert "+   | a" in text
    assert "+ connection: [secret]" in text
    assert CANARY not in text


def test_a_change_is_listed_as_the_difference_of_its_lines() -> None:
    before, after = ({"content": f"one\n{word}\nthree\n"} for word in ("two", "zwei"))
    text = shown(
        planned(
            old=command(document=before),
            updates={"stdin": json.dumps(after)},
            operations=("update",),
        )
    )
    assert "-   | two" in text
    assert "+   | zwei" in text
    assert "connection" not in text


def test_an_update_runs_its_own_command_where_there_is_one() -> None:
    old = command(update="refresh-it")
    [step] = planned(old=old, updates={"stdin": "{}"}, operations=("update",))
    assert step.runs == ("refresh-it",)


def test_a_replacement_runs_the_new_command_and_what_removes_the_old() -> None:
    old = command(delete="remove-it")
    operations = ("create-replacement", "replace", "delete-replaced")
    [step] = planned(old=old, updates={"create": "make-it"}, operations=operations)
    assert step.runs == ("make-it", "remove-it")
    assert "± it" in shown([step])


def test_what_goes_is_listed_with_what_removes_it() -> None:
    text = shown(planned(old=command(), operations=("delete",)))
    assert "- it" in text
    assert "runs: sudo -n /opt/homeport/shop-dev/bin/files down" in text


def test_reading_and_staying_the_same_are_no_steps() -> None:
    assert planned(old=command(), operations=("same",)) == []
    assert planned(old=command(), operations=("read", "refresh")) == []


def test_a_secret_that_changes_is_said_to_change_and_not_shown() -> None:
    text = shown(
        planned(
            old=command(stdin=secret(CANARY)),
            updates={"stdin": secret(f"{CANARY}2"), "connection": secret({"password": CANARY})},
            operations=("update",),
            sketch={"password": "[secret 0A1B]"},
        )
    )
    assert "connection: [secret], changed" in text
    assert "password: [secret 0A1B]" in text
    assert CANARY not in text


def test_what_is_known_only_in_the_run_is_unseen_unless_the_program_tells_the_rest() -> None:
    for hidden in (UNKNOWN, secret("x" * 20)):
        [step] = planned(adds=command(stdin=hidden))
        assert step.unseen
        assert "CANNOT BE SHOWN" in shown([step])
    [step] = planned(adds=command(stdin=UNKNOWN), sketch={"path": "/etc/x"})
    assert not step.unseen
    assert "stdin.path: /etc/x" in shown([step])
    [step] = planned(adds=command(create=UNKNOWN))
    assert step.unseen


def test_what_goes_with_its_machine_runs_nothing() -> None:
    server, step = urn("server", "hcloud:index/server:Server"), urn("it")
    resources = [
        {"urn": server, "custom": True, "inputs": {}},
        {"urn": step, "custom": True, "inputs": command(), "deletedWith": server},
    ]
    first, last = steps.destroyed({"resources": resources})
    assert (first.name, first.runs, first.goes_with) == ("it", (), "server")
    assert last.name == "server"
    plan = {"resourcePlans": {step: {"steps": ["delete"]}}}
    [alone] = steps.planned(plan, {"resources": resources}, {})
    assert alone.runs


def test_steps_come_in_the_order_of_what_they_need_and_removals_last() -> None:
    def about(*needs: str) -> dict[str, Any]:
        goal = {"custom": True, "inputDiff": {}, "dependencies": [urn(need) for need in needs]}
        return {"steps": ["create"], "goal": goal}

    plan = {
        "resourcePlans": {
            urn("a"): about("b"),
            urn("b"): about("c"),
            urn("c"): about(),
            urn("old"): {"steps": ["delete"]},
        }
    }
    state = {"resources": [{"urn": urn("old"), "custom": True, "inputs": command()}]}
    assert [step.name for step in steps.planned(plan, state, {})] == ["c", "b", "a", "old"]


@pytest.mark.parametrize(
    ("document", "label"),
    [
        ({"container": "signing-app"}, "container:signing-app"),
        ({"instance": {"name": "signing-app"}}, "container:signing-app"),
        ({"then": [["docker", "restart", "signing-app"]]}, "container:signing-app"),
        ({"volume": "signing-data"}, "volume:signing-data"),
        ({"path": "/var/lib/docker/volumes/signing-data/_data"}, "volume:signing-data"),
        ({"up": [{"database": "signing", "sql": "SELECT 1"}]}, "database:signing"),
        ({"down": [{"database": "postgres", "sql": 'DROP DATABASE "signing";'}]}, VITAL[2]),
        ({"path": "/etc/letsencrypt/live/sign.example.com/privkey.pem"}, VITAL[3]),
        ({"gone": ["/etc/letsencrypt/renewal/sign.example.com.conf"]}, VITAL[3]),
        ({"files": [{"path": "/x", "content": "server_name a.org sign.example.com;"}]}, VITAL[4]),
        ({"files": [{"path": "/x", "content": "a.org, https://sign.example.com {\n}"}]}, VITAL[4]),
        ({"hostname": "sign.example.com"}, VITAL[4]),
        ({"files": [{"path": "/srv/signing", "content": ""}]}, VITAL[5]),
        ({"gone": ["/srv/signing/compose.yml"]}, VITAL[5]),
    ],
)
def test_a_step_that_acts_on_a_vital_thing_is_recognised(document: Any, label: str) -> None:
    assert label in acting(document)


@pytest.mark.parametrize(
    "document",
    [
        {"environment": {"SIGNING_HOST": "sign.example.com", "DATABASE": "signing"}},
        {"files": [{"path": "/x", "content": "proxy_pass https://sign.example.com/signing-app;"}]},
        {"container": "signing-app-2"},
        {"container": "other-signing-app"},
        {"gone": ["/srv/signing-old", "/srv/sign"]},
        {"tools": {"x": "docker restart signing-app"}},
        {"labels": [{"value": "signing-app"}]},
        {"path": "/srv"},
    ],
)
def test_what_is_only_mentioned_or_only_alike_is_no_touch(document: Any) -> None:
    assert acting(document) == []


def test_a_step_that_stops_a_service_touches_everything_in_it() -> None:
    restart = {"then": [["systemctl", "restart", "docker.service"]]}
    assert acting(restart) == ["container:signing-app"]
    assert acting({"then": [["systemctl", "stop", "nginx"]]}) == ["vhost:sign.example.com"]
    assert acting({"then": [["systemctl", "reload", "nginx"]]}) == []


def test_a_proxy_that_restarts_behind_a_stand_in_is_named_and_no_touch() -> None:
    document = {"files": [{"path": "/etc/nginx/x.conf", "content": ""}], "then": [nginx.RELOAD]}
    [step] = planned(adds=command(document=document))
    assert touching.touched(step, VITAL) == []
    entry = listing.Entry(step=step, touches=(), restarts=tuple(touching.restarted(step)))
    assert "RESTARTS nginx, once nobody is connected; a stand-in serves" in listing.text(1, entry)
    [step] = planned(adds=command(document={"then": [["systemctl", "reload", "nginx"]]}))
    assert touching.restarted(step) == []


def test_what_leaves_without_a_command_touches_nothing_and_with_one_it_does() -> None:
    old = command("stagedrun", {"container": "signing-app"})
    [step] = planned(old=old, operations=("delete",))
    assert touching.touched(step, VITAL) == ["container:signing-app"]
    [step] = planned(old={**old, "delete": None}, operations=("delete",))
    assert touching.touched(step, VITAL) == []


def test_tools_that_only_read_touch_nothing() -> None:
    assert acting({"database": "signing"}, tool="dump") == []
    assert acting({"database": "signing"}, tool="sql") == ["database:signing"]


def test_a_command_of_its_own_touches_what_it_names_and_what_lies_below() -> None:
    for text, label in (
        ("rm -rf /srv", "file:/srv/signing"),
        ("sh -c 'docker rm -f signing-app'", "container:signing-app"),
        ('sh -c "docker volume rm signing-data"', "volume:signing-data"),
    ):
        [step] = planned(adds=command(create=text))
        assert label in touching.touched(step, VITAL)


def test_a_container_touches_what_it_mounts() -> None:
    kind = "docker:index/container:Container"
    for inputs, label in (
        ({"name": "signing-app"}, "container:signing-app"),
        ({"volumes": [{"volumeName": "signing-data"}]}, "volume:signing-data"),
        ({"mounts": [{"type": "volume", "source": "signing-data"}]}, "volume:signing-data"),
        ({"volumes": [{"hostPath": "/srv"}]}, "file:/srv/signing"),
    ):
        [step] = planned(adds=inputs, kind=kind)
        assert touching.touched(step, VITAL) == [label]
    [step] = planned(adds={"name": "web", "envs": ["X=signing-app"]}, kind=kind)
    assert touching.touched(step, VITAL) == []


def test_what_a_removed_step_had_acted_on_in_secret_is_seen_too() -> None:
    hidden = secret(json.dumps({"container": "signing-app", "password": CANARY}))
    [step] = planned(old=command(stdin=hidden), operations=("delete",))
    assert touching.touched(step, VITAL) == ["container:signing-app"]
    assert CANARY not in shown([step])
    assert CANARY not in repr(step)


def test_long_steps_are_cut_on_a_terminal_and_whole_in_the_file() -> None:
    content = "\n".join(f"line {number}" for number in range(100))
    [step] = planned(adds=command(document={"content": content}))
    entries = [listing.Entry(step=step, touches=("file:/x",))]
    assert "lines more, all of them in FILE" in listing.short(entries, "FILE")
    assert "line 99" not in listing.short(entries, "FILE")
    assert "line 99" in listing.whole(entries)
    assert "TOUCHES file:/x" in listing.short(entries, "FILE")


def test_no_secret_of_the_state_is_left_in_a_text() -> None:
    state = {"a": secret({"host": "198.51.100.7", "password": CANARY}), "b": [secret("short")]}
    hidden = frozenset(values.secrets(state))
    assert hidden == {CANARY}
    assert values.blotted(f"x {CANARY} y", hidden) == "x [secret] y"


def test_what_a_plan_demands_is_the_same_whatever_order_the_engine_lists_it_in() -> None:
    def demanded(*names: str, text: str = "a") -> Any:
        needs = [urn(name) for name in names]
        goal = {
            "custom": True,
            "dependencies": needs,
            "propertyDependencies": {"stdin": needs},
            "inputDiff": {"adds": {"stdin": text}},
        }
        return plans.demanded({"resourcePlans": {urn("it"): {"steps": ["create"], "goal": goal}}})

    assert demanded("one", "two") == demanded("two", "one")
    assert demanded("one", "two") != demanded("one")
    assert demanded("one") != demanded("one", text="b")
    assert plans.demanded({"resourcePlans": {urn("it"): {"steps": ["delete"], "goal": None}}})


def test_what_is_protected_is_named_before_anything_is_destroyed() -> None:
    rows = {"urn": urn("rows", "docker:index/volume:Volume"), "protect": True}
    with pytest.raises(stacks.StackError, match=r"^protected, and not to be destroyed: rows; set"):
        plans.refuse_protected({"resources": [{"urn": urn("step")}, rows]})
    plans.refuse_protected({"resources": [{"urn": urn("step")}, {**rows, "protect": False}]})
    plans.refuse_protected({})


def test_what_is_no_longer_protected_is_a_step_although_nothing_happens_yet() -> None:
    def listed(before: bool, after: bool) -> list[tuple[str, ...]]:
        about = {"steps": ["same"], "goal": {"custom": True, "protect": after, "inputDiff": {}}}
        was = {"urn": urn("rows"), "custom": True, "protect": before, "inputs": {}}
        plan = {"resourcePlans": {urn("rows"): about}}
        return [step.operations for step in steps.planned(plan, {"resources": [was]}, {})]

    assert listed(before=True, after=False) == [("unprotect",)]
    assert listed(before=True, after=True) == []
    assert listed(before=False, after=True) == []
