"""The PostgreSQL server: closed, limited, tuned to its memory, and its data kept."""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.network import PrivateNetwork, PrivateNetworkArgs
from components.postgres import PostgresServer, PostgresServerArgs
from components.postgres_tuning import data_path, major_version, tuning
from components.rootless import RootlessAccount, RootlessAccountArgs
from tests.recorder import Deployment, Record, record
from tests.unit.fake_host import fake_host

IMAGE = "postgres:17.6-bookworm"


def program(**more: Any) -> Callable[[], None]:
    def run() -> None:
        host = fake_host(memory_mib=more.pop("host_memory_mib", 4096))
        network = PrivateNetwork("data", PrivateNetworkArgs(host=host, internal=True))
        args: dict[str, Any] = {"host": host, "image": IMAGE, "network": network, **more}
        PostgresServer("postgres", PostgresServerArgs(**args))

    return run


def deploy(**more: Any) -> Deployment:
    return record(program(**more))


def container(deployment: Deployment) -> Record:
    return deployment.one("docker:index/container:Container")


def document(deployment: Deployment, name: str) -> dict[str, Any]:
    text: str = deployment.one("Command", name).inputs["stdin"]
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_the_server_is_never_published_and_only_on_its_private_network() -> None:
    inputs = container(deploy()).inputs
    assert "ports" not in inputs
    assert inputs["networksAdvanced"] == [
        {"name": "homeport-staging-data", "aliases": ["postgres"]}
    ]


def test_the_server_runs_without_root_capabilities_and_writable_root() -> None:
    inputs = container(deploy()).inputs
    assert inputs["user"] == "postgres"
    assert inputs["readOnly"] is True
    assert inputs["capabilities"] == {"drops": ["ALL"]}
    assert inputs["securityOpts"] == ["no-new-privileges:true"]
    assert set(inputs["tmpfs"]) == {"/run/postgresql", "/tmp"}


def test_the_server_has_limits_a_health_check_and_time_to_stop() -> None:
    inputs = container(deploy(memory_mib=1024)).inputs
    assert (inputs["memory"], inputs["memorySwap"], inputs["shmSize"]) == (1024, 1024, 256)
    assert inputs["logOpts"] == {"max-size": "10m", "max-file": "3"}
    assert inputs["healthcheck"]["tests"][:5] == ["CMD", "pg_isready", "-q", "-h", "127.0.0.1"]
    assert inputs["stopSignal"] == "SIGINT"
    assert inputs["destroyGraceSeconds"] >= 60
    assert inputs["restart"] == "unless-stopped"


def test_nobody_ever_knows_a_password_of_the_superuser() -> None:
    deployment = deploy()
    variables = container(deployment).inputs["envs"]
    assert "POSTGRES_PASSWORD_FILE=/proc/sys/kernel/random/uuid" in variables
    assert deployment.of_type("RandomPassword") == []
    (batch,) = document(deployment, "postgres-ready")["up"]
    assert "ALTER ROLE postgres PASSWORD NULL;" in batch["sql"]


def test_the_container_runs_the_image_that_the_host_has_pulled() -> None:
    deployment = deploy()
    (pull,) = [made for made in deployment.of_type("Command") if "image" in made.name]
    assert json.loads(pull.inputs["stdin"])["image"] == IMAGE
    assert pull.urn in container(deployment).options.property_dependencies["image"]


def test_another_container_is_waited_for_again() -> None:
    deployment = deploy()
    ready = deployment.one("Command", "postgres-ready")
    assert container(deployment).urn in ready.options.property_dependencies["stdin"]


@pytest.mark.parametrize("protect", [True, False])
def test_the_data_is_protected_as_the_args_say(protect: bool) -> None:
    volume = deploy(protect=protect).one("Volume")
    assert bool(volume.options.protect) is protect
    assert volume.inputs["name"] == "homeport-staging-postgres-17"
    assert volume.options.delete_before_replace is True


def test_another_major_version_is_another_volume_under_the_same_logical_name() -> None:
    before, after = deploy().one("Volume"), deploy(image="postgres:18.1").one("Volume")
    assert before.urn == after.urn
    assert before.inputs["name"] != after.inputs["name"]


def test_two_servers_never_run_on_the_same_data() -> None:
    assert container(deploy()).options.delete_before_replace is True


def test_data_in_a_folder_of_the_host_is_a_volume_too() -> None:
    deployment = deploy(data_folder="/mnt/data")
    closed = "/mnt/data/homeport-staging-postgres-17"
    path = f"{closed}/data"
    assert deployment.one("Volume").inputs["driverOpts"] == {
        "type": "none",
        "o": "bind",
        "device": path,
    }
    made = document(deployment, "postgres-folder")
    assert made["directories"] == [
        {"path": closed, "mode": "0700"},
        {"path": path, "mode": "0700", "as_found": True},
    ]
    assert "delete" not in deployment.one("Command", "postgres-folder").inputs


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("image", "postgres", "does not say which version"),
        ("image", "postgres:latest", "does not say which version"),
        ("image", "postgres:bookworm", "must begin with the major version"),
        ("image", "postgres:13.4", "14 or later"),
        ("image", "postgres@sha256:" + "0" * 64, "must begin with the major version"),
        ("memory_mib", 64, "memory_mib must be at least 128"),
        ("max_connections", 5, "max_connections must be from 10 to 1000"),
        ("max_connections", 5000, "max_connections must be from 10 to 1000"),
        ("data_folder", "data", "data_folder must be an absolute path"),
        ("data_folder", "/mnt/a b", "data_folder must be an absolute path"),
        ("settings", {"work_mem; x": "1"}, "is no server parameter"),
        ("settings", {"work_mem": "1\n"}, "is no server parameter"),
        ("memory_mib", 8192, "memory limits add up to 8192 MiB, the host has 4096 MiB"),
    ],
)
def test_what_cannot_run_is_refused_at_plan_time(field: str, value: Any, message: str) -> None:
    with pytest.raises(Exception, match=message):
        deploy(**{field: value})


@pytest.mark.parametrize(
    ("image", "major"),
    [
        ("postgres:17", 17),
        ("postgres:17.6", 17),
        ("postgres:18-alpine", 18),
        ("ghcr.io/x/postgres:15.2-bookworm@sha256:" + "0" * 64, 15),
        ("registry.example.com:5000/pg:16.1", 16),
    ],
)
def test_the_major_version_is_read_from_the_tag(image: str, major: int) -> None:
    assert major_version(image) == major


def test_the_data_lies_where_the_official_image_declares_its_volume() -> None:
    assert data_path(17) == "/var/lib/postgresql/data"
    assert data_path(18) == "/var/lib/postgresql"


def test_parameters_follow_from_the_memory() -> None:
    small, large = tuning(512, 100), tuning(16_384, 200)
    assert (small["shared_buffers"], large["shared_buffers"]) == ("128MB", "4096MB")
    assert (small["effective_cache_size"], large["effective_cache_size"]) == ("320MB", "10240MB")
    assert (small["work_mem"], large["work_mem"]) == ("1310kB", "20971kB")
    assert (small["maintenance_work_mem"], large["maintenance_work_mem"]) == ("32MB", "1024MB")
    assert small["password_encryption"] == "scram-sha-256"


@pytest.mark.parametrize("memory_mib", [128, 256, 512, 1024, 4096, 65_536])
@pytest.mark.parametrize("max_connections", [10, 100, 1000])
def test_buffers_and_a_sort_in_a_third_of_all_connections_fit_into_the_memory(
    memory_mib: int, max_connections: int
) -> None:
    made = tuning(memory_mib, max_connections)
    shared = int(made["shared_buffers"].removesuffix("MB")) * 1024
    sorts = int(made["work_mem"].removesuffix("kB")) * max_connections // 3
    assert int(made["work_mem"].removesuffix("kB")) >= 64, "PostgreSQL's own minimum"
    if memory_mib * 1024 >= max_connections * 1024:
        assert shared + sorts <= memory_mib * 1024


def test_settings_replace_derived_parameters() -> None:
    command = container(deploy(settings={"work_mem": "8MB", "jit": "off"})).inputs["command"]
    assert command[0] == "postgres"
    assert "-cwork_mem=8MB" in command
    assert "-cjit=off" in command
    assert len([word for word in command if word.startswith("-cwork_mem=")]) == 1
    assert command[1:] == sorted(command[1:])


def test_the_name_of_an_app_cannot_be_a_servers_too() -> None:
    def run() -> None:
        host = fake_host()
        network = PrivateNetwork("data", PrivateNetworkArgs(host=host))
        host.remote.claims.take("app name", "postgres", "app postgres", cure="")
        args = PostgresServerArgs(host=host, image=IMAGE, network=network)
        PostgresServer("postgres", args, pulumi.ResourceOptions())

    with pytest.raises(Exception, match="app name postgres is already taken by app postgres"):
        record(run)


def rootless(**more: Any) -> Deployment:
    def run() -> None:
        host = fake_host()
        account = RootlessAccount("apps", RootlessAccountArgs(host=host))
        network = PrivateNetwork(
            "data", PrivateNetworkArgs(host=host, account=account, internal=True)
        )
        args: dict[str, Any] = {"host": host, "image": IMAGE, "network": network, **more}
        PostgresServer("postgres", PostgresServerArgs(account=account, **args))

    return record(run)


UNIT = """\
[Unit]
Description=homeport-staging-postgres
StartLimitIntervalSec=0

[Container]
ContainerName=homeport-staging-postgres
Image=localhost/homeport-staging/postgres:VERSION
Exec=COMMAND
User=999
Group=999
Environment="POSTGRES_PASSWORD_FILE=/proc/sys/kernel/random/uuid"
Environment="POSTGRES_INITDB_ARGS=--data-checksums --auth-host=scram-sha-256"
Network=homeport-staging-data.network:alias=postgres
Volume=homeport-staging-postgres-17.volume:/var/lib/postgresql/data
Tmpfs=/tmp:rw,nosuid,nodev,size=64m,notmpcopyup
Tmpfs=/run/postgresql:rw,nosuid,nodev,mode=1777,size=1m,notmpcopyup
ReadOnly=true
DropCapability=all
NoNewPrivileges=true
RunInit=true
LogDriver=journald
Label="homeport.app=postgres"
Label="homeport.system=homeport-staging"
PodmanArgs=--pull=never --read-only-tmpfs=false --stop-signal=SIGINT
PodmanArgs=--log-opt=tag=homeport-staging-postgres --stop-timeout=90
PodmanArgs=--memory=512m --memory-swap=512m --shm-size=128m
HealthCmd=["pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"]
HealthInterval=10s
HealthTimeout=5s
HealthRetries=3
HealthStartPeriod=1m

[Service]
StandardOutput=null
TimeoutStopSec=120
Restart=always
RestartSec=1
RestartSteps=6
RestartMaxDelaySec=60
TimeoutStartSec=90

[Install]
WantedBy=default.target

[Quadlet]
DefaultDependencies=false
"""


def test_a_rootless_server_is_one_unit_whose_name_stays() -> None:
    spec = document(rootless(), "postgres-start")
    assert (spec["account"], spec["kind"]) == ("apps", "container")
    assert spec["name"] == "homeport-staging-postgres"
    lines = spec["content"].splitlines()
    (command,) = [line for line in lines if line.startswith("Exec=")]
    (image,) = [line for line in lines if line.startswith("Image=")]
    wanted = UNIT.replace("Exec=COMMAND", command)
    assert spec["content"] == wanted.replace("VERSION", image.rpartition(":")[2])
    assert '"-cshared_buffers=128MB"' in command


def test_a_rootless_server_has_no_container_of_docker_and_publishes_nothing() -> None:
    deployment = rootless()
    assert deployment.of_type("docker:index/container:Container") == []
    assert deployment.of_type("Volume") == []
    assert "PublishPort" not in document(deployment, "postgres-start")["content"]


def test_another_unit_of_a_rootless_server_is_waited_for_again() -> None:
    seen = {
        document(rootless(settings={"jit": value}), "postgres-ready")["container_id"]
        for value in ("on", "off", "off")
    }
    assert len(seen) == 2


def test_sql_runs_in_the_podman_of_a_rootless_servers_account() -> None:
    spec = document(rootless(), "postgres-ready")
    assert (spec["account"], spec["container"]) == ("apps", "homeport-staging-postgres")


def test_what_takes_a_rootless_server_away_is_there_before_it_starts() -> None:
    deployment = rootless()
    stop = deployment.one("Command", "postgres-stop")
    start = deployment.one("Command", "postgres-start")
    assert "create" not in stop.inputs
    assert "delete" not in start.inputs
    assert stop.urn in start.options.dependencies


@pytest.mark.parametrize("protect", [True, False])
def test_the_data_of_a_rootless_server_is_protected_as_the_args_say(protect: bool) -> None:
    before = rootless(protect=protect).one("Command", "postgres-data")
    after = rootless(image="postgres:18.1").one("Command", "postgres-data")
    assert bool(before.options.protect) is protect
    assert before.options.delete_before_replace is True
    assert before.options.replacement_trigger != after.options.replacement_trigger


def test_data_folder_and_account_exclude_each_other() -> None:
    with pytest.raises(Exception, match="data_folder: is for Docker"):
        rootless(data_folder="/mnt/data")


def test_a_server_and_its_network_have_the_same_engine() -> None:
    def run() -> None:
        host = fake_host()
        account = RootlessAccount("apps", RootlessAccountArgs(host=host))
        network = PrivateNetwork("data", PrivateNetworkArgs(host=host))
        PostgresServerArgs(host=host, account=account, image=IMAGE, network=network)

    with pytest.raises(Exception, match="belongs to Docker; the server runs in Podman of apps"):
        record(run)
