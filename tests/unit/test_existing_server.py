"""ExistingServer: four ways to become root, one account that deploys, nothing left behind."""

import dataclasses
import json
import shlex
from typing import Any

import pytest

from components import keys, secrets
from components.existing_server import (
    ELEVATE,
    ExistingServer,
    ExistingServerArgs,
    deploy_account,
)
from components.ssh import Bastion
from tests.recorder import Deployment, Record, Secret, record, reveal

HOST_KEY = keys.public_line(bytes(range(32)), "host")
BASTION_KEY = keys.public_line(bytes(32), "bastion")
PASSWORD = "canary-password"
ARGS = ExistingServerArgs(address="198.51.100.7", host_key=HOST_KEY)
ACCOUNT = deploy_account("homeport-staging")


def args(privilege: Any = "root", **more: Any) -> ExistingServerArgs:
    """Return the arguments of a privilege, made inside the program."""
    password = None
    if privilege.endswith("-password"):
        password = secrets.given("existing_server_password", PASSWORD, context="test")
    user = "root" if privilege == "root" else "ops"
    return dataclasses.replace(ARGS, privilege=privilege, user=user, password=password, **more)


def run(privilege: str = "root", **more: Any) -> Deployment:
    return record(lambda: ExistingServer("server", args(privilege, **more)))


def step(deployment: Deployment, role: str) -> Record:
    return deployment.one("command:remote:Command", f"server-{role}")


def connection(made: Record) -> dict[str, Any]:
    revealed: dict[str, Any] = reveal(made.inputs["connection"])
    return revealed


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"privilege": "doas"}, "privilege: one of root, sudo, sudo-password, su-password"),
        ({"privilege": "sudo"}, "privilege: does not fit the user root"),
        ({"user": "ops"}, "privilege: does not fit the user ops"),
        ({"user": "ops", "privilege": "sudo-password"}, "privilege sudo-password needs one"),
        ({"user": "ops", "privilege": "su-password"}, "privilege su-password needs one"),
        ({"port": 0}, "a port lies between 1 and 65535"),
        ({"docker_settings": False}, "docker_settings: a Docker that is installed gets them"),
        ({"host_key": "AAAA"}, "ExistingServer: host_key: 'AAAA' is no public SSH key"),
    ],
)
def test_a_wrong_field_is_refused_by_name(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(ARGS, **fields)


def test_a_password_that_nothing_asks_for_is_refused() -> None:
    def program() -> None:
        password = secrets.given("k", PASSWORD, context="test")
        dataclasses.replace(ARGS, password=password)

    with pytest.raises(ValueError, match="privilege root asks for none"):
        record(program)


def test_root_needs_no_account_of_its_own() -> None:
    deployment = run()
    names = [made.name for made in deployment.of_type("command:remote:Command")]
    assert names == ["server-baseline", "server-bootstrap"]
    assert deployment.of_type("RandomBytes") == []
    assert connection(step(deployment, "baseline"))["user"] == "root"
    assert step(deployment, "baseline").inputs["create"].startswith("/opt/homeport/")


@pytest.mark.parametrize("privilege", ["sudo", "sudo-password", "su-password"])
def test_others_make_an_account_first_and_everything_else_uses_it(privilege: str) -> None:
    deployment = run(privilege)
    account = step(deployment, "account")
    assert connection(account)["user"] == "ops"
    assert account.inputs["create"].startswith(ELEVATE[privilege] + " ")
    assert account.inputs["delete"].startswith(ELEVATE[privilege] + " ")
    for role in ("bootstrap", "baseline"):
        made = step(deployment, role)
        assert connection(made)["user"] == ACCOUNT
        assert made.inputs["create"].startswith("sudo -n ")
        assert account.urn in made.options.dependencies or role == "baseline"
    provider = deployment.one("pulumi:providers:docker")
    assert provider.inputs["host"] == f"ssh://{ACCOUNT}@198.51.100.7:22"


@pytest.mark.parametrize("privilege", ["sudo-password", "su-password"])
def test_the_password_goes_only_to_standard_input_of_the_one_step_that_needs_it(
    privilege: str,
) -> None:
    deployment = run(privilege)
    stdin = step(deployment, "account").inputs["stdin"]
    assert isinstance(stdin, Secret)
    assert stdin.value.startswith(f"{PASSWORD}\n#homeport\n{{")
    for made in deployment.resources:
        others = {
            k: v for k, v in made.inputs.items() if (made.name, k) != ("server-account", "stdin")
        }
        assert PASSWORD not in json.dumps(reveal(others))


def test_sudo_without_password_sends_none() -> None:
    stdin = step(run("sudo"), "account").inputs["stdin"]
    document = json.loads(stdin.value if isinstance(stdin, Secret) else stdin)
    assert document["user"] == ACCOUNT
    assert document["public_key"].startswith("ssh-ed25519 ")


def test_becoming_root_takes_exactly_one_argument() -> None:
    for privilege in ("sudo", "sudo-password", "su-password", "root"):
        words = shlex.split(f"{ELEVATE[privilege]} 'one argument'")
        assert words[-1] == "one argument"
        assert words[-2] == "-c"


def test_a_server_whose_owner_wants_no_rules_gets_no_package_and_no_unit_for_them() -> None:
    asked = {
        allowed: json.loads(step(run(nftables=allowed), "baseline").inputs["stdin"])
        for allowed in (True, False)
    }
    assert "nftables" in asked[True]["packages"]
    assert asked[True]["units_enabled"] == ["homeport-nft.service"]
    assert "nftables" not in asked[False]["packages"]
    assert "units_enabled" not in asked[False]


def test_without_a_key_the_agent_of_the_operator_serves() -> None:
    made = connection(step(run(), "baseline"))
    assert "privateKey" not in made
    assert made["hostKey"].split() == HOST_KEY.split()[:2]


def test_a_given_key_is_used_and_secret() -> None:
    def program() -> None:
        key = secrets.given("ssh_key", "canary-private-key", context="test")
        ExistingServer("server", dataclasses.replace(ARGS, private_key=key))

    made = step(record(program), "baseline")
    assert connection(made)["privateKey"] == "canary-private-key\n"
    given = made.inputs["connection"]
    assert isinstance(given, Secret) or isinstance(given["privateKey"], Secret)


def test_a_bastion_is_reached_with_the_given_key_and_its_own_host_key(
    private_run_folder: dict[str, dict[str, str]],
) -> None:
    bastion = Bastion(address="bastion.example.com", host_key=BASTION_KEY, user="jump", port=2022)

    def program() -> None:
        key = secrets.given("ssh_key", "canary-private-key", context="test")
        ExistingServer("server", args("sudo", private_key=key, bastion=bastion))

    deployment = record(program)
    for role in ("account", "bootstrap", "baseline"):
        proxy = connection(step(deployment, role))["proxy"]
        assert (proxy["host"], proxy["port"], proxy["user"]) == (
            "bastion.example.com",
            2022,
            "jump",
        )
        assert proxy["hostKey"].split() == BASTION_KEY.split()[:2]
        assert proxy["privateKey"] == "canary-private-key\n"
    files = private_run_folder[".homeport/run/homeport-staging/server"]
    assert files["bastion_key"] == "canary-private-key\n"
    assert files["key"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----")


def test_the_server_is_left_as_it_was() -> None:
    deployment = run("sudo")
    for role in ("account", "bootstrap", "baseline"):
        assert "delete" in step(deployment, role).inputs
    for made in deployment.of_type("command:remote:Command"):
        assert made.options.deleted_with is None


def test_logins_by_password_stay_allowed_unless_the_program_says_otherwise() -> None:
    assert "PasswordAuthentication no" not in step(run(), "baseline").inputs["stdin"]
    closed = step(run(key_login_only=True), "baseline")
    assert "PasswordAuthentication no" in closed.inputs["stdin"]


def test_the_machine_is_checked_against_what_the_plan_relies_on() -> None:
    stdin = step(run(cores=4, memory_mib=8192, install_docker=False), "bootstrap").inputs["stdin"]
    probe = json.loads(stdin)["probe"]
    assert (probe["cores"], probe["memory_mib"], probe["install_docker"]) == (4, 8192, False)


def test_every_stack_has_an_account_of_its_own_that_linux_takes() -> None:
    names = {deploy_account(system) for system in ("a-staging", "a-production", "b-staging")}
    assert len(names) == 3
    assert all(len(name) <= 32 for name in names)


def test_what_a_person_sees_is_not_secret() -> None:
    component = run("sudo").one("homeport:existing_server:ExistingServer")
    assert component.outputs == {
        "address": "198.51.100.7",
        "ssh_command": "ssh -F .homeport/run/homeport-staging/server/ssh_config server",
    }


def test_everything_has_the_component_as_its_parent() -> None:
    deployment = run("su-password")
    component = deployment.one("homeport:existing_server:ExistingServer").urn
    children = [made for made in deployment.resources if made.custom]
    assert {made.parent for made in children} == {component}


def test_where_containers_of_others_run_docker_is_left_as_it_is() -> None:
    def baseline(made: Deployment) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(step(made, "baseline").inputs["stdin"])
        return document

    usual = baseline(run())
    left_alone = baseline(run(install_docker=False, docker_settings=False))
    paths = {file["path"] for file in usual["files"]}
    assert paths - {file["path"] for file in left_alone["files"]} == {"/etc/docker/daemon.json"}
    assert "docker" not in json.dumps([file.get("then") for file in left_alone["files"]])
