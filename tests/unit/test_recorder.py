"""The recorder must fail where the real engine, or a real host, would."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_command as command
import pulumi_docker as docker
import pulumi_hcloud as hcloud
import pulumi_random as random
import pytest

from tests.recorder import UNKNOWN, Message, RecorderError, Secret, record, reveal

PASSWORD = "correct-horse-battery"


def component(
    build: Callable[[pulumi.ResourceOptions], Any], *, registers: bool = True, name: str = "it"
) -> Callable[[], None]:
    """Return a program of one component whose children `build` makes."""

    class Thing(pulumi.ComponentResource):
        def __init__(self) -> None:
            super().__init__("homeport:test:Thing", name)
            build(pulumi.ResourceOptions(parent=self))
            if registers:
                self.register_outputs({})

    def program() -> None:
        Thing()

    return program


def command_on(host: pulumi.Input[str], opts: pulumi.ResourceOptions, **extra: Any) -> Any:
    connection = command.remote.ConnectionArgs(host=host, user="root")
    return command.remote.Command("step", connection=connection, opts=opts, **extra)


def test_the_record_holds_inputs_options_and_answers_of_every_resource() -> None:
    def build(opts: pulumi.ResourceOptions) -> None:
        address = hcloud.PrimaryIp("address", type="ipv4", assignee_type="server", opts=opts)
        server = hcloud.Server(
            "server",
            server_type="cx23",
            opts=pulumi.ResourceOptions.merge(
                opts,
                pulumi.ResourceOptions(
                    protect=True, ignore_changes=["user_data"], delete_before_replace=True
                ),
            ),
        )
        command_on(
            address.ip_address,
            pulumi.ResourceOptions.merge(
                opts,
                pulumi.ResourceOptions(
                    depends_on=[address],
                    deleted_with=server,
                    replace_with=[server],
                    aliases=[pulumi.Alias(name="old")],
                    additional_secret_outputs=["stdout"],
                    custom_timeouts=pulumi.CustomTimeouts(create="60s"),
                    retain_on_delete=True,
                ),
            ),
        )

    made = record(component(build))

    server = made.one("Server")
    assert server.inputs == {"serverType": "cx23"}
    assert server.options.protect is True
    assert server.options.ignore_changes == ("userData",)
    assert server.options.delete_before_replace is True
    assert server.options.version == "1.43.3"
    assert made.by_urn(server.parent).type == "homeport:test:Thing"
    address = made.one("hcloud:index/primaryIp:PrimaryIp", "address")
    step = made.one("command:remote:Command")
    assert step.options.dependencies == (address.urn,)
    assert step.options.deleted_with == server.urn
    assert step.options.replace_with == (server.urn,)
    assert step.options.aliases == ("::old::",)
    assert set(step.options.additional_secret_outputs) == {"stdout", "connection"}
    assert step.options.custom_timeouts == {"create": "60s"}
    assert step.options.retain_on_delete is True
    assert step.outputs is not None
    assert step.outputs["stdout"] == Secret("")
    assert step.inputs["connection"].value["host"] == reveal(address.outputs)["ipAddress"]


def test_a_secret_stays_marked_from_the_configuration_to_the_input() -> None:
    def build(opts: pulumi.ResourceOptions) -> None:
        given = pulumi.Config().require_secret("password")
        command_on("192.0.2.1", opts, stdin=given, create="/bin/tool up")

    step = record(component(build), secrets={"password": PASSWORD}).one("command:remote:Command")

    assert step.inputs["stdin"] == Secret(PASSWORD)
    assert PASSWORD not in repr(step)


def test_the_stack_outputs_and_log_lines_are_recorded() -> None:
    def program() -> None:
        pulumi.export("url", "https://example.com")
        pulumi.export("password", pulumi.Output.secret("a-longer-secret"))
        pulumi.log.warn("look here")

    made = record(program)

    assert made.outputs == {"url": "https://example.com", "password": Secret("a-longer-secret")}
    assert made.messages == [Message("warning", "look here")]


def test_a_preview_leaves_computed_outputs_unknown_and_runs_no_callback() -> None:
    called: list[str] = []

    def build(opts: pulumi.ResourceOptions) -> None:
        server = hcloud.Server("server", server_type="cx23", opts=opts)
        server.ipv4_address.apply(called.append)
        hcloud.SshKey("key", public_key=server.ipv4_address, opts=opts)

    made = record(component(build), preview=True)

    assert called == []
    assert made.one("SshKey").inputs["publicKey"] is UNKNOWN
    assert made.one("Server").id == ""


def test_several_recordings_in_one_test_share_nothing() -> None:
    def build(opts: pulumi.ResourceOptions) -> None:
        hcloud.Server("server", name=pulumi.Config().get("name"), server_type="cx23", opts=opts)

    program = component(build)
    first = record(program, config={"name": "one"}, stack="staging")
    second = record(program, stack="production", project="other")
    third = record(program, config={"name": "one"}, stack="staging")

    assert first == third
    assert first.one("Server").inputs["name"] == "one"
    assert "name" not in second.one("Server").inputs
    assert second.one("Server").urn.startswith("urn:pulumi:production::other::")


def test_structured_configuration_arrives_as_the_engine_gives_it() -> None:
    seen = []
    record(lambda: seen.append(pulumi.Config().require_object("dns")), config={"dns": {"a": 1}})
    assert seen == [{"a": 1}]


def test_a_program_file_is_run_afresh_each_time(tmp_path: Path) -> None:
    program = tmp_path / "__main__.py"
    program.write_text('import pulumi\npulumi.export("root", pulumi.get_root_directory())\n')
    assert record(program).outputs == record(program).outputs == {"root": str(tmp_path)}


def test_what_the_program_raises_comes_out_unchanged() -> None:
    def program() -> None:
        msg = "App web: port is 0"
        raise ValueError(msg)

    with pytest.raises(ValueError, match=r"^App web: port is 0$"):
        record(program)


def test_an_error_inside_apply_is_not_swallowed() -> None:
    def build(opts: pulumi.ResourceOptions) -> None:
        server = hcloud.Server("server", server_type="cx23", opts=opts)
        server.ipv4_address.apply(int)

    with pytest.raises(ValueError, match="invalid literal for int"):
        record(component(build))


def test_a_hundred_resources_are_recorded() -> None:
    def build(opts: pulumi.ResourceOptions) -> None:
        for number in range(100):
            hcloud.SshKey(f"key-{number}", public_key=f"ssh-ed25519 {number}", opts=opts)

    assert len(record(component(build)).of_type("SshKey")) == 100


def test_generated_values_are_secret_and_as_long_as_asked_for() -> None:
    def build(opts: pulumi.ResourceOptions) -> None:
        random.RandomPassword("password", length=40, opts=opts)
        random.RandomBytes("seed", length=32, opts=opts)

    made = record(component(build))
    password = made.one("RandomPassword").outputs
    seed = made.one("RandomBytes").outputs
    assert password is not None
    assert seed is not None
    assert isinstance(password["result"], Secret)
    assert len(password["result"].value) == 40
    assert len(bytes.fromhex(seed["hex"].value)) == 32
    assert repr(seed["base64"]) == "[secret]"


def test_the_image_tool_answers_with_an_image_id() -> None:
    def build(opts: pulumi.ResourceOptions) -> None:
        create = "sudo -n /opt/homeport/homeport-staging/bin/image up"
        step = command_on("192.0.2.1", opts, create=create)
        docker.Container("web", image=step.stdout, opts=opts)

    image = record(component(build)).one("Container").inputs["image"]
    assert image.startswith("sha256:")
    assert len(image) == 71


def test_a_test_may_say_what_a_step_prints() -> None:
    def build(opts: pulumi.ResourceOptions) -> None:
        step = command_on("192.0.2.1", opts, create="/bin/probe up")
        pulumi.export("cores", step.stdout)

    made = record(component(build), answers={"step": {"stdout": "4"}})
    assert made.outputs == {"cores": "4"}


def test_a_missing_resource_is_reported_with_what_there_is() -> None:
    def build(opts: pulumi.ResourceOptions) -> None:
        hcloud.SshKey("operator", public_key="ssh-ed25519 AAAA", opts=opts)

    made = record(component(build))
    with pytest.raises(AssertionError, match="0 resources are SshKey deploy; there are: operator"):
        made.one("SshKey", "deploy")


def two_of_one_name(opts: pulumi.ResourceOptions) -> None:
    for _ in range(2):
        hcloud.SshKey("key", public_key="ssh-ed25519 AAAA", opts=opts)


def an_unanswered_invoke(_: pulumi.ResourceOptions) -> None:
    hcloud.get_location(name="fsn1")


def text_of_nothing(opts: pulumi.ResourceOptions) -> None:
    server = hcloud.Server("server", server_type="cx23", opts=opts)
    text = server.placement_group_id.apply(lambda missing: f"group {missing}")
    hcloud.SshKey("key", public_key=text, opts=opts)


def text_of_nothing_inside_json(opts: pulumi.ResourceOptions) -> None:
    document = pulumi.Output.json_dumps({"files": [{"content": "listen None:80\n"}]})
    command_on("192.0.2.1", opts, stdin=document)


def text_of_nothing_inside_a_secret(opts: pulumi.ResourceOptions) -> None:
    command_on("192.0.2.1", opts, stdin=pulumi.Output.secret("password None"))


def text_of_an_output(opts: pulumi.ResourceOptions) -> None:
    server = hcloud.Server("server", server_type="cx23", opts=opts)
    hcloud.SshKey("key", public_key=f"{server.ipv4_address}", opts=opts)


def a_misspelt_ignore_changes(opts: pulumi.ResourceOptions) -> None:
    ignoring = pulumi.ResourceOptions(ignore_changes=["userdata"])
    hcloud.Server("s", server_type="cx23", opts=pulumi.ResourceOptions.merge(opts, ignoring))


def a_resource_without_a_component(_: pulumi.ResourceOptions) -> None:
    hcloud.SshKey("key", public_key="ssh-ed25519 AAAA")


def a_type_without_an_answer(opts: pulumi.ResourceOptions) -> None:
    hcloud.PlacementGroup("group", type="spread", opts=opts)


def a_resource_that_is_only_read(opts: pulumi.ResourceOptions) -> None:
    hcloud.SshKey.get("key", "42", opts=opts)


def a_secret_in_a_command_line(opts: pulumi.ResourceOptions) -> None:
    password = random.RandomPassword("password", length=40, opts=opts)
    shown = pulumi.Output.unsecret(password.result)
    command_on("192.0.2.1", opts, create=pulumi.Output.concat("psql ", shown))


def a_secret_in_base64(opts: pulumi.ResourceOptions) -> None:
    coded = "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5"
    command_on("192.0.2.1", opts, create=f"login {coded}")


def a_secret_in_a_name(opts: pulumi.ResourceOptions) -> None:
    hcloud.SshKey(PASSWORD, public_key="ssh-ed25519 AAAA", opts=opts)


def a_secret_in_the_log(_: pulumi.ResourceOptions) -> None:
    pulumi.log.info(f"using {PASSWORD}")


def a_secret_export(_: pulumi.ResourceOptions) -> None:
    pulumi.export("login", f"postgres://app:{PASSWORD}@db")


REFUSED = {
    two_of_one_name: "SshKey key: the URN urn:pulumi:staging::homeport::.* exists already",
    an_unanswered_invoke: "getLocation: unknown invoke with .*'name': 'fsn1'",
    text_of_nothing: r"SshKey key: publicKey: holds a lost output \(the text 'None'\)",
    text_of_nothing_inside_json: r"Command step: stdin.files\[0\].content: holds a lost output",
    text_of_nothing_inside_a_secret: "Command step: stdin: holds a lost output",
    text_of_an_output: "SshKey key: publicKey: holds a lost output",
    a_misspelt_ignore_changes: "Server s: ignore_changes names 'userdata', which is none of its",
    a_resource_without_a_component: "SshKey key: has no component as its parent",
    a_type_without_an_answer: "PlacementGroup group: tests/provider_answers.py does not know",
    a_resource_that_is_only_read: "SshKey key: reads what the program did not make",
    a_secret_in_a_command_line: "Command step: create: shows a secret value",
    a_secret_in_base64: "Command step: create: shows a secret value",
    a_secret_in_a_name: "name: shows a secret value",
    a_secret_in_the_log: "log info: shows a secret value",
    a_secret_export: "export login: shows a secret value",
}


@pytest.mark.parametrize(
    ("build", "finding"), REFUSED.items(), ids=lambda x: getattr(x, "__name__", "")
)
def test_the_recorder_refuses(
    build: Callable[[pulumi.ResourceOptions], None], finding: str
) -> None:
    with pytest.raises(RecorderError, match=finding):
        record(component(build), secrets={"password": PASSWORD})


def test_the_recorder_refuses_a_component_without_register_outputs() -> None:
    with pytest.raises(RecorderError, match="Thing it: never called register_outputs"):
        record(component(lambda _: None, registers=False))


def test_all_findings_come_together() -> None:
    def build(opts: pulumi.ResourceOptions) -> None:
        two_of_one_name(opts)
        a_misspelt_ignore_changes(opts)

    with pytest.raises(RecorderError, match=r"(?s)exists already.*'userdata'"):
        record(component(build))


def test_a_line_of_an_asset_file_may_say_none() -> None:
    lines = [
        line
        for path in sorted((Path(__file__).parents[2] / "assets").rglob("*.py"))
        for line in path.read_text().splitlines()
        if "None" in line.split()
    ]

    def build(opts: pulumi.ResourceOptions) -> None:
        command_on("192.0.2.1", opts, stdin="\n".join(lines))

    record(component(build))
