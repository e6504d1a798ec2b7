"""HetznerServer: what the cloud is asked for, what is locked, and what stays secret."""

import dataclasses
import json
from typing import Any

import pytest
import yaml

from components import keys
from components.firewall import Rule
from components.hetzner_server import HetznerServer, HetznerServerArgs
from tests.recorder import Deployment, Record, Secret, record

ADMIN = keys.public_line(bytes(32), "admin@laptop")
ARGS = HetznerServerArgs(server_type="cx23", location="fsn1")


def run(**more: Any) -> Deployment:
    return record(lambda: HetznerServer("server", dataclasses.replace(ARGS, **more)))


def server(deployment: Deployment) -> Record:
    return deployment.one("hcloud:index/server:Server")


def user_data(deployment: Deployment) -> dict[str, Any]:
    text = server(deployment).inputs["userData"]
    assert isinstance(text, Secret)
    assert text.value.startswith("#cloud-config\n")
    parsed: dict[str, Any] = yaml.safe_load(text.value)
    return parsed


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"server_type": "cx99"}, "server_type: there is no 'cx99'"),
        ({"location": "mars"}, "location: there is no 'mars'"),
        ({"location": "ash"}, "cx23 cannot be had in ash"),
        ({"image": "windows"}, "image: 'windows' is not supported"),
        ({"admin_keys": ["ssh-rsa no"]}, "admin_keys: 'ssh-rsa no' is no public SSH key"),
        ({"volume_gib": 5}, "volume_gib: the smallest volume has 10 GiB"),
        ({"swap_mib": -1}, "swap_mib: 0 or more"),
    ],
)
def test_a_wrong_field_is_refused_by_name(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(ARGS, **fields)


def test_the_server_stands_behind_its_firewall_from_the_first_boot() -> None:
    deployment = run(rules=[Rule(port=22, networks=("198.51.100.0/24",))])
    firewall = deployment.one("hcloud:index/firewall:Firewall")
    assert server(deployment).inputs["firewallIds"] == [int(firewall.id)]
    assert [rule["port"] for rule in firewall.inputs["rules"]] == ["22"]


def test_the_server_has_an_address_that_outlives_it() -> None:
    deployment = run()
    address = deployment.one("hcloud:index/primaryIp:PrimaryIp")
    assert address.inputs["autoDelete"] is False
    [net] = server(deployment).inputs["publicNets"]
    assert net["ipv4"] == int(address.id)
    assert server(deployment).urn not in address.options.dependencies


def test_what_only_matters_on_the_first_boot_never_replaces_the_server() -> None:
    made = server(run())
    assert set(made.options.ignore_changes) == {"userData", "sshKeys", "image"}
    assert made.inputs["keepDisk"] is True


@pytest.mark.parametrize("protect", [True, False])
def test_what_holds_data_is_locked_in_the_cloud_and_in_pulumi(protect: bool) -> None:
    deployment = run(protect=protect, volume_gib=10)
    kinds = {"server:Server": "deleteProtection", "volume:Volume": "deleteProtection"}
    kinds["primaryIp:PrimaryIp"] = "deleteProtection"
    for kind, field in kinds.items():
        made = deployment.one(f"hcloud:index/{kind}")
        assert made.inputs[field] is protect, kind
        assert made.options.protect is protect, kind
        assert made.options.delete_before_replace is True, kind
    made = server(deployment)
    assert made.inputs["rebuildProtection"] is made.inputs["deleteProtection"]


def test_every_name_in_the_cloud_carries_project_and_stack() -> None:
    deployment = run(volume_gib=10)
    named = [r for r in deployment.resources if r.type.startswith("hcloud:")]
    assert {r.inputs["name"] for r in named} == {"homeport-staging-server"}
    assert all(r.inputs["labels"]["stack"] == "homeport-staging" for r in named)
    assert all(r.inputs["labels"]["managed-by"] == "homeport" for r in named)


def test_cloud_init_plants_the_host_key_that_every_connection_expects() -> None:
    deployment = run()
    planted = user_data(deployment)["ssh_keys"]["ed25519_public"].split()[:2]
    commands = deployment.of_type("command:remote:Command")
    assert len(commands) == 2
    for made in commands:
        connection = made.inputs["connection"]
        value = connection.value if isinstance(connection, Secret) else connection
        key = value["hostKey"]
        assert (key.value if isinstance(key, Secret) else key).split() == planted


def test_cloud_init_leaves_one_host_key_and_no_password() -> None:
    config = user_data(run())
    assert config["ssh_deletekeys"] is True
    assert config["ssh_pwauth"] is False
    assert set(config["ssh_keys"]) == {"ed25519_private", "ed25519_public"}


def test_the_program_and_the_admins_may_log_in() -> None:
    deployment = run(admin_keys=[ADMIN])
    config = user_data(deployment)
    login = deployment.one("hcloud:index/sshKey:SshKey").inputs["publicKey"]
    assert config["ssh_authorized_keys"] == [login, ADMIN]
    assert config["disable_root"] is False
    assert config["users"] == []


def test_the_baseline_writes_what_cloud_init_wrote() -> None:
    deployment = run(admin_keys=[ADMIN], packages=["caddy"])
    step = deployment.one("command:remote:Command", "server-baseline")
    document = json.loads(step.inputs["stdin"])
    files = {file["path"]: file for file in document["files"]}
    config = user_data(deployment)
    for written in config["write_files"]:
        assert files[written["path"]]["content"] == written["content"]
        assert files[written["path"]]["mode"] == written["permissions"]
    keys_file = files.pop("/root/.ssh/authorized_keys")
    assert keys_file["content"].splitlines() == config["ssh_authorized_keys"]
    assert set(files) == {written["path"] for written in config["write_files"]}
    wanted = {name.rstrip("?") for name in document["packages"]}
    command = config["runcmd"][-1]
    installed = set(command[command.index("install") + 1 :])
    assert installed <= wanted
    assert {"caddy", "docker.io"} <= installed


def test_the_first_connection_is_patient_and_the_others_are_not() -> None:
    deployment = run()
    limits = {}
    for made in deployment.of_type("command:remote:Command"):
        connection = made.inputs["connection"]
        value = connection.value if isinstance(connection, Secret) else connection
        limits[made.name] = (value["dialErrorLimit"], value["perDialTimeout"])
    assert limits == {"server-bootstrap": (60, 15), "server-baseline": (12, 15)}


def test_everything_on_the_host_goes_with_the_server() -> None:
    deployment = run()
    contents, identity, address = (
        deployment.one(kind, f"server-{name}")
        for kind, name in (
            ("Stash", "contents"),
            ("Stash", "machine"),
            ("hcloud:index/primaryIp:PrimaryIp", "address"),
        )
    )
    ended_by = {server(deployment).urn, identity.urn, address.urn}
    assert contents.options.deleted_with == server(deployment).urn
    assert identity.inputs["input"] == server(deployment).id
    for thing in (contents, *deployment.of_type("command:remote:Command")):
        assert set(thing.options.replace_with) == ended_by
        assert thing.options.delete_before_replace is True
    for step in deployment.of_type("command:remote:Command"):
        assert step.options.deleted_with == contents.urn


def test_what_belongs_to_a_place_moves_with_its_address_and_only_on_purpose() -> None:
    deployment = run(volume_gib=10)
    address = deployment.one("hcloud:index/primaryIp:PrimaryIp")
    for made in (server(deployment), deployment.one("hcloud:index/volume:Volume")):
        assert made.options.replace_with == (address.urn,)
    place = deployment.one("Stash", "server-place")
    assert place.urn in address.options.dependencies
    assert place.inputs["input"] == {"location": "fsn1", "protect": True}
    assert place.options.hooks == ("before_update server-place-on-purpose",)


def test_docker_is_reached_once_the_baseline_is_in_place() -> None:
    deployment = run()
    provider = deployment.one("pulumi:providers:docker")
    baseline = deployment.one("command:remote:Command", "server-baseline")
    assert baseline.urn in provider.options.dependencies
    assert provider.inputs["host"].startswith("ssh://root@203.0.113.")
    assert provider.inputs["disableDockerDaemonCheck"] in (True, "true")
    options = provider.inputs["sshOpts"]
    wanted = ["-F", ".homeport/run/homeport-staging/server/ssh_config"]
    assert (json.loads(options) if isinstance(options, str) else options) == wanted


def test_the_private_files_of_ssh_hold_the_login_key(
    private_run_folder: dict[str, dict[str, str]],
) -> None:
    run()
    files = private_run_folder[".homeport/run/homeport-staging/server"]
    assert set(files) == {"ssh_config", "known_hosts", "key"}
    assert files["key"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert files["known_hosts"].startswith("server ssh-ed25519 ")


def test_a_volume_and_a_reverse_name_are_made_when_asked_for() -> None:
    deployment = run(volume_gib=20, dns_ptr="www.example.com")
    volume = deployment.one("hcloud:index/volume:Volume")
    assert volume.inputs["size"] == 20
    assert volume.inputs["serverId"] == int(server(deployment).id)
    component = deployment.one("homeport:hetzner_server:HetznerServer")
    assert component.outputs is not None
    assert component.outputs["volume_path"] == f"/mnt/HC_Volume_{volume.id}"
    reverse = deployment.one("hcloud:index/rdns:Rdns")
    assert reverse.inputs["dnsPtr"] == "www.example.com"
    assert "serverId" not in reverse.inputs
    assert run().of_type("hcloud:index/volume:Volume") == []
    assert run().of_type("hcloud:index/rdns:Rdns") == []


def test_what_a_person_sees_is_not_secret() -> None:
    component = run().one("homeport:hetzner_server:HetznerServer")
    assert component.outputs is not None
    assert component.outputs["ssh_command"] == (
        "ssh -F .homeport/run/homeport-staging/server/ssh_config server"
    )
    assert not any(isinstance(value, Secret) for value in component.outputs.values())


def test_a_preview_of_a_new_server_needs_no_host() -> None:
    deployment = record(lambda: HetznerServer("server", ARGS), preview=True)
    assert server(deployment).inputs["name"] == "homeport-staging-server"


def test_no_swap_leaves_no_unit() -> None:
    step = run(swap_mib=0).one("command:remote:Command", "server-baseline")
    assert "swap" not in step.inputs["stdin"]
    step = run(swap_mib=512).one("command:remote:Command", "server-baseline")
    assert "fallocate -l 512M" in step.inputs["stdin"]


def test_a_resize_is_followed_by_waiting_for_the_boot() -> None:
    small, large = (run(server_type=kind) for kind in ("cx23", "cpx22"))
    before, after = (
        deployment.one("command:remote:Command", "server-bootstrap").inputs["stdin"]
        for deployment in (small, large)
    )
    assert before != after
