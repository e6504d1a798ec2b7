"""The Redis server: closed, limited, with a password that nothing shows."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.network import PrivateNetwork, PrivateNetworkArgs
from components.redis import RedisServer, RedisServerArgs
from components.registry import RegistryLogin, RegistryLoginArgs
from components.rootless import RootlessAccount, RootlessAccountArgs
from tests.recorder import Deployment, Record, record
from tests.unit.fake_host import fake_host

IMAGE = "redis:7.2-bookworm"


def program(**more: Any) -> Callable[[], None]:
    def run() -> None:
        host = fake_host(memory_mib=more.pop("host_memory_mib", 4096))
        network = PrivateNetwork("data", PrivateNetworkArgs(host=host, internal=True))
        args: dict[str, Any] = {"host": host, "image": IMAGE, "network": network, **more}
        RedisServer("redis", RedisServerArgs(**args))

    return run


def deploy(**more: Any) -> Deployment:
    return record(program(**more))


def container(deployment: Deployment) -> Record:
    return deployment.one("docker:index/container:Container")


def test_it_is_never_published_and_on_its_private_network_alone() -> None:
    inputs = container(deploy()).inputs
    assert "ports" not in inputs
    assert inputs["networksAdvanced"] == [{"name": "homeport-staging-data", "aliases": ["redis"]}]


def test_it_runs_without_root_capabilities_and_writable_root() -> None:
    inputs = container(deploy()).inputs
    assert inputs["user"] == "999:999"
    assert inputs["readOnly"] is True
    assert inputs["capabilities"] == {"drops": ["ALL"]}
    assert inputs["memory"] == inputs["memorySwap"] == 128


def test_its_password_is_in_files_alone_which_its_account_reads() -> None:
    deployed = deploy()
    (step,) = [made for made in deployed.resources if "-secrets-" in made.name]
    (folder,) = json.loads(step.inputs["stdin"].value)["folders"]
    assert (folder["uid"], folder["gid"]) == (999, 999)
    assert set(folder["files"]) == {"REDIS_CONF", "REDIS_PASSWORD"}
    password = folder["files"]["REDIS_PASSWORD"]
    assert folder["files"]["REDIS_CONF"] == f'requirepass {password}\nsave ""\n'
    assert password not in json.dumps(container(deployed).inputs, default=str)
    assert container(deployed).inputs["mounts"][0] == {
        "type": "bind",
        "source": folder["path"],
        "target": "/run/secrets",
        "readOnly": True,
    }


@pytest.mark.parametrize(
    ("persistent", "words"),
    [(True, ["--dir", "/data", "--appendonly", "yes"]), (False, ["/tmp", "--appendonly", "no"])],
)
def test_data_outlives_the_container_where_it_should(persistent: bool, words: list[str]) -> None:
    deployed = deploy(persistent=persistent)
    inputs = container(deployed).inputs
    assert set(words) <= set(inputs["command"])
    targets = [mount["target"] for mount in inputs["mounts"]]
    assert ("/data" in targets) is persistent
    volumes = [made for made in deployed.resources if made.type == "docker:index/volume:Volume"]
    assert [made.options.protect for made in volumes] == [True] * persistent


def test_memory_for_data_leaves_room_for_the_rest_and_eviction_is_said() -> None:
    command = container(deploy(memory_mib=400, eviction="allkeys-lru")).inputs["command"]
    assert command[command.index("--maxmemory") + 1] == "300mb"
    assert command[command.index("--maxmemory-policy") + 1] == "allkeys-lru"


def test_two_never_run_at_a_time_and_what_needs_it_waits_until_it_answers() -> None:
    deployed = deploy()
    assert container(deployed).options.delete_before_replace is True
    ready = deployed.one("Command", "redis-ready")
    assert json.loads(ready.inputs["stdin"])["instance"]["name"] == "homeport-staging-redis"


def test_another_rotation_is_another_folder_and_another_container() -> None:
    def folder(rotation: int) -> str:
        source: str = container(deploy(rotation=rotation)).inputs["mounts"][0]["source"]
        return source

    assert folder(1) != folder(2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": "redis"}, "does not say which version"),
        ({"memory_mib": 16}, "memory_mib must be at least 32"),
        ({"rotation": 0}, "rotation must be at least 1"),
        ({"memory_mib": 4096, "host_memory_mib": 1024}, "memory"),
    ],
)
def test_what_could_not_run_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        deploy(**changes)


def test_a_network_of_a_rootless_account_is_refused() -> None:
    def run() -> None:
        host = fake_host()
        account = RootlessAccount("apps", RootlessAccountArgs(host=host, name="apps"))
        network = PrivateNetwork("data", PrivateNetworkArgs(host=host, account=account))
        RedisServerArgs(host=host, image=IMAGE, network=network)

    with pytest.raises(ValueError, match="belongs to the account apps"):
        record(run)


def test_a_login_of_another_registry_is_refused() -> None:
    def run() -> None:
        host = fake_host()
        login = RegistryLogin(
            "registry",
            RegistryLoginArgs(
                host=host,
                registry="registry.example.com",
                username="me",
                password=RedisServer(
                    "redis",
                    RedisServerArgs(
                        host=host,
                        image=IMAGE,
                        network=PrivateNetwork("data", PrivateNetworkArgs(host=host)),
                    ),
                ).password,
            ),
        )
        RedisServerArgs(
            host=host,
            image=IMAGE,
            network=PrivateNetwork("other", PrivateNetworkArgs(host=host)),
            registry=login,
        )

    with pytest.raises(ValueError, match=r"is not pulled from registry\.example"):
        record(run)
