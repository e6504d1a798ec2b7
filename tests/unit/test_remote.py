"""Steps: what a command gets, and what a preview can read of it."""

import json
import subprocess
from typing import Any

import pulumi
import pulumi_command as command
import pytest

from components import tools
from components.machine import Machine
from components.remote import File, Remote, before_tools
from tests.recorder import Deployment, Record, Secret, record


def run(make: Any, *, sudo: bool = False) -> Deployment:
    def program() -> None:
        parent = pulumi.ComponentResource("homeport:test:Parent", "parent")
        connection = command.remote.ConnectionArgs(host="203.0.113.7", user="root")
        ready = command.local.Command("ready", opts=pulumi.ResourceOptions(parent=parent))
        remote = Remote(
            system="shop-staging",
            connection=connection,
            sudo=sudo,
            machine=Machine(contents=ready, ended_by=[ready]),
            ready=[ready],
        )
        make(remote, pulumi.ResourceOptions(parent=parent))
        parent.register_outputs({})

    answers = {"ready": {"stdout": ""}}
    return record(program, answers=answers)


def step(deployment: Deployment, name: str = "step") -> Record:
    return deployment.one("command:remote:Command", name)


def document(made: Record) -> dict[str, Any]:
    text = made.inputs["stdin"]
    parsed: dict[str, Any] = json.loads(text.value if isinstance(text, Secret) else text)
    return parsed


@pytest.fixture(autouse=True)
def _answer_local_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests import provider_answers  # noqa: PLC0415 - patched for this file only

    monkeypatch.setitem(
        provider_answers.ANSWERS,
        "command:local:Command",
        lambda *_: provider_answers.Answer("ready"),
    )


def test_a_document_reads_the_same_whether_it_holds_an_output_or_plain_values_alone() -> None:
    def sent(value: Any) -> str:
        spec = {"b": value, "a": [1.5, None, True, {"ü": "x"}, ("y", 2)]}
        made = step(run(lambda remote, opts: remote.step("step", "tool", spec, opts=opts)))
        return str(made.inputs["stdin"])

    assert sent("plain") == sent(pulumi.Output.from_input("plain"))


def test_a_step_runs_its_tool_with_its_document_on_standard_input() -> None:
    made = step(run(lambda remote, opts: remote.step("step", "tool", {"a": 1}, opts=opts)))
    assert made.inputs["create"] == "/opt/homeport/shop-staging/bin/tool up"
    assert "delete" not in made.inputs
    assert "update" not in made.inputs
    assert document(made) == {"a": 1, "step": "step", "system": "shop-staging"}
    assert made.inputs["logging"] == "none"
    assert made.inputs["addPreviousOutputInEnv"] is False


def test_a_step_waits_for_the_host_and_goes_with_the_machine() -> None:
    deployment = run(lambda remote, opts: remote.step("step", "tool", {}, opts=opts))
    made = step(deployment)
    machine = deployment.one("command:local:Command", "ready").urn
    assert machine in made.options.dependencies
    assert made.options.deleted_with == machine
    assert made.options.replace_with == (machine,)


def test_a_step_that_must_be_undone_runs_down() -> None:
    made = step(run(lambda remote, opts: remote.step("step", "t", {}, down=True, opts=opts)))
    assert made.inputs["delete"] == "/opt/homeport/shop-staging/bin/t down"


def test_a_login_that_is_not_root_uses_sudo() -> None:
    made = step(
        run(lambda remote, opts: remote.step("step", "t", {}, down=True, opts=opts), sudo=True)
    )
    assert made.inputs["create"].startswith("sudo -n /opt/homeport/")
    assert made.inputs["delete"].startswith("sudo -n /opt/homeport/")


def test_a_secret_in_the_document_hides_it_and_is_not_in_the_command() -> None:
    def make(remote: Remote, opts: pulumi.ResourceOptions) -> None:
        remote.step("step", "t", {"p": pulumi.Output.secret("canary-secret")}, opts=opts)

    made = step(run(make))
    assert isinstance(made.inputs["stdin"], Secret)
    assert "canary" not in made.inputs["create"]


def test_a_plain_document_can_be_read_in_a_preview() -> None:
    made = step(run(lambda remote, opts: remote.step("step", "t", {"p": "x"}, opts=opts)))
    assert isinstance(made.inputs["stdin"], str)


def test_secret_output_is_marked() -> None:
    made = step(run(lambda remote, opts: remote.step("step", "t", {}, secret=True, opts=opts)))
    assert {"stdout", "stderr"} <= set(made.options.additional_secret_outputs)


def test_the_same_document_gives_the_same_text_whatever_the_order_of_its_keys() -> None:
    texts = [
        step(run(lambda remote, opts, s=spec: remote.step("step", "t", s, opts=opts))).inputs[
            "stdin"
        ]
        for spec in ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    ]
    assert texts[0] == texts[1]


def test_files_name_only_what_is_set_and_are_taken_away_on_delete() -> None:
    files = [
        File(path="/etc/a", content="1"),
        File(path="/etc/b", content="2", mode=0o600, owner="caddy", then=[("reload",)], merge=True),
    ]
    made = step(
        run(lambda remote, opts: remote.files("step", files=files, packages=["caddy"], opts=opts))
    )
    assert made.inputs["create"].endswith("/bin/files up")
    assert made.inputs["delete"].endswith("/bin/files down")
    assert document(made) == {
        "system": "shop-staging",
        "step": "step",
        "name": "step",
        "files": [
            {"path": "/etc/a", "content": "1", "mode": "0644", "owner": "root", "group": "root"},
            {
                "path": "/etc/b",
                "content": "2",
                "mode": "0600",
                "owner": "caddy",
                "group": "root",
                "then": [["reload"]],
                "merge": True,
            },
        ],
        "packages": ["caddy"],
    }


@pytest.mark.parametrize("path", ["etc/a", "", "/etc/../a", "/etc//a", "/etc/a/"])
def test_a_path_that_is_not_absolute_and_plain_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"File: path: .* is not absolute and plain"):
        File(path=path, content="")


def test_a_files_content_is_not_in_its_repr() -> None:
    assert "canary" not in repr(File(path="/etc/a", content="canary"))


def early(privilege: str = "", password: str = "") -> Record:
    def program() -> None:
        parent = pulumi.ComponentResource("homeport:test:Parent", "parent")
        before_tools(
            "step",
            "probe",
            {"system": "shop-staging"},
            connection=command.remote.ConnectionArgs(host="203.0.113.7"),
            opts=pulumi.ResourceOptions(parent=parent),
            privilege=privilege,
            password=pulumi.Output.secret(password) if password else None,
        )
        parent.register_outputs({})

    return step(record(program))


def test_before_tools_carries_its_tool_as_a_plain_document() -> None:
    made = early()
    assert set(document(made)) == {"program", "step", "system"}
    assert made.inputs["create"].startswith("sh -c '")
    assert made.inputs["create"].endswith("up'")
    assert made.inputs["delete"].endswith("down'")
    assert len(made.inputs["create"]) < 500


def test_a_password_is_the_first_line_of_secret_input_and_nowhere_else() -> None:
    made = early(privilege="sudo -S sh -c", password="canary-pass")
    text = made.inputs["stdin"]
    assert isinstance(text, Secret)
    assert text.value.startswith("canary-pass\n#homeport\n{")
    assert made.inputs["create"].startswith("sudo -S sh -c '")
    assert "canary" not in made.inputs["create"] + made.inputs["delete"]


TOOL = """
from _homeport import main
def up(spec): print("up", spec["step"])
def down(spec): print("down", spec["step"])
main({"up": up, "down": down}, globals().get("SPEC"))
"""


@pytest.mark.parametrize("verb", ["up", "down"])
@pytest.mark.parametrize("before", ["", "password\n#homeport\n", "#homeport\n", "\n#homeport\n"])
def test_the_launcher_runs_the_tool_whatever_a_prompt_has_read(
    monkeypatch: pytest.MonkeyPatch, before: str, verb: str
) -> None:
    have = {**tools.tools(), "toy": TOOL}
    monkeypatch.setattr(tools, "tools", lambda: have)
    text = before + tools.carried("toy", {"step": "here"})
    ended = subprocess.run(
        ["sh", "-c", tools.launcher(verb)], input=text, capture_output=True, text=True, check=True
    )
    assert ended.stdout == f"{verb} here\n"


def test_a_machine_without_python_is_told_so() -> None:
    ended = subprocess.run(
        ["/bin/sh", "-c", tools.launcher("up")],
        input="{}",
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/nowhere"},
    )
    assert ended.returncode == 1
    assert ended.stderr == ("this machine has no python3; next: as root, apt-get install python3\n")


def test_every_tool_is_planted_and_what_they_share_keeps_its_suffix() -> None:
    names = set(tools.tools())
    assert {"files", "bootstrap", "probe", "account", "firewall", "_homeport.py"} <= names
    assert not [name for name in names if name.endswith(".py") != name.startswith("_")]
