"""Apps and workers as Quadlet units: what they ask for, in which order, and what is refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from components import names, secrets
from components.app import App, AppArgs
from components.health import HealthCheck
from components.host import Host
from components.job import Job
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.registry import RegistryLogin, RegistryLoginArgs, qualified
from components.rootless import RootlessAccount, RootlessAccountArgs
from components.runtimes.quadlet import Quadlet
from components.volume import Volume, VolumeArgs
from components.worker import Worker, WorkerArgs
from tests.recorder import Deployment, Record, Secret, record
from tests.unit.fake_host import fake_host

PASSWORD = "correct-horse-battery"
SYSTEM = "homeport-staging"
UNIT = """\
[Unit]
Description=homeport-staging-web, release {id}
StartLimitIntervalSec=0

[Container]
ContainerName=homeport-staging-web-{id}
Image=localhost/homeport-staging/web:{id}
Exec="serve" "--title=50%% \\"off\\" $$HOME"
User=10001
Group=10002
Environment="COLOUR=blue\\ngreen"
Environment="PASSWORD_FILE=/run/secrets/PASSWORD"
Environment="PORT=9000"
Environment="RELEASE={id}"
Network=homeport-staging-data.network:alias=web
Network=homeport-staging-web.network:alias=web
Volume=homeport-staging-uploads.volume:/data
Tmpfs=/tmp:rw,nosuid,nodev,size=64m,notmpcopyup
ReadOnly=true
DropCapability=all
NoNewPrivileges=true
RunInit=true
LogDriver=journald
Label="homeport.app=web"
Label="homeport.release={id}"
Label="homeport.system=homeport-staging"
PodmanArgs=--pull=never --read-only-tmpfs=false
PodmanArgs=--log-opt=tag=homeport-staging-web --stop-timeout=10
PodmanArgs=--memory=128m --memory-swap=128m --cpus=0.5
PublishPort=127.0.0.1:{port}:9000
Secret=homeport-staging-web-{id}-PASSWORD,type=mount,target=/run/secrets/PASSWORD,uid=10001,gid=10002,mode=0400
HealthCmd=["check", "$$X"]
HealthInterval=10s
HealthTimeout=5s
HealthRetries=3
HealthStartPeriod=1m

[Service]
StandardOutput=null
TimeoutStopSec=40
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
JOB = """\
[Unit]
Description=homeport-staging-web, migrate of release {id}

[Container]
ContainerName=homeport-staging-web-{id}-migrate
Image=localhost/homeport-staging/web:{id}
Exec="m"
User=10001
Group=10002
Environment="OWNER_FILE=/run/secrets/OWNER"
Environment="RELEASE={id}"
Network=homeport-staging-data.network:alias=web
Network=homeport-staging-web.network:alias=web
Volume=homeport-staging-uploads.volume:/data
Tmpfs=/tmp:rw,nosuid,nodev,size=64m,notmpcopyup
ReadOnly=true
DropCapability=all
NoNewPrivileges=true
RunInit=true
LogDriver=journald
Label="homeport.app=web"
Label="homeport.release={id}"
Label="homeport.system=homeport-staging"
PodmanArgs=--pull=never --read-only-tmpfs=false
PodmanArgs=--log-opt=tag=homeport-staging-web --stop-timeout=10
PodmanArgs=--memory=128m --memory-swap=128m --cpus=0.5
Secret=homeport-staging-web-{id}-migrate-OWNER,type=mount,target=/run/secrets/OWNER,uid=10001,gid=10002,mode=0400
HealthCmd=none

[Service]
StandardOutput=null
TimeoutStopSec=40
Type=oneshot
TimeoutStartSec=60

[Quadlet]
DefaultDependencies=false
"""


def given() -> secrets.Secret:
    return secrets.given("password", PASSWORD, context=SYSTEM)


def account(host: Host) -> RootlessAccount:
    return RootlessAccount("apps", RootlessAccountArgs(host=host))


def deploy(build: Callable[[], object], **options: Any) -> Deployment:
    return record(build, secrets={"password": PASSWORD}, **options)


def everything() -> None:
    host = fake_host()
    apps = account(host)
    App(
        "web",
        AppArgs(
            host=host,
            runtime=Quadlet(account=apps),
            image="web:1",
            memory_mib=128,
            cpus=0.5,
            user="10001:10002",
            health=HealthCheck(path="/up", command=["check", "$X"]),
            environment={"COLOUR": "blue\ngreen"},
            secrets={"PASSWORD": given()},
            networks=[
                PrivateNetwork("data", PrivateNetworkArgs(host=host, account=apps, internal=True))
            ],
            volumes={"/data": Volume("uploads", VolumeArgs(host=host, account=apps))},
            jobs=[
                Job(name="migrate", command=["m"], secrets={"OWNER": given()}, timeout_seconds=60)
            ],
            command=["serve", '--title=50% "off" $HOME'],
            container_port=9000,
        ),
    )


@pytest.fixture(scope="module")
def deployed() -> Deployment:
    return deploy(everything)


def release(deployment: Deployment) -> str:
    outputs = deployment.one("homeport:app:App").outputs
    assert outputs
    return str(outputs["release"])


def step(deployment: Deployment, role: str) -> Record:
    return deployment.one("Command", f"web-{role}-{release(deployment)}")


def document(made: Record) -> dict[str, Any]:
    text = made.inputs["stdin"]
    parsed: dict[str, Any] = json.loads(text.value if isinstance(text, Secret) else text)
    return parsed


def before(deployment: Deployment, made: Record) -> set[str]:
    """The names of everything that is there before this resource, directly or not."""
    direct = [deployment.by_urn(urn) for urn in made.options.dependencies]
    return {r.name for r in direct} | {n for r in direct for n in before(deployment, r)}


def test_the_unit_says_exactly_this(deployed: Deployment) -> None:
    id_ = release(deployed)
    port = names.release_port(f"{SYSTEM}-web", id_)
    start = document(step(deployed, "start"))
    assert start["content"] == UNIT.format(id=id_, port=port)
    assert (start["account"], start["kind"]) == ("apps", "container")
    assert start["name"] == f"{SYSTEM}-web-{id_}"


def test_a_job_is_a_unit_with_the_same_rights_and_limits(deployed: Deployment) -> None:
    id_ = release(deployed)
    migrate = document(step(deployed, "migrate"))
    assert migrate["content"] == JOB.format(id=id_)
    assert migrate["name"] == f"{SYSTEM}-web-{id_}-migrate"
    assert migrate["secrets"] == [f"{SYSTEM}-web-{id_}-migrate-OWNER"]


def test_networks_and_volumes_are_units_of_the_account(deployed: Deployment) -> None:
    label = 'Label="homeport.system=homeport-staging"\n\n[Quadlet]\nDefaultDependencies=false\n'
    contents = {
        r.name: document(r)["content"]
        for r in deployed.of_type("Command")
        if r.name.endswith(("-network", "-volume"))
    }
    assert contents == {
        "web-network": f"[Network]\nNetworkName={SYSTEM}-web\n{label}",
        "data-network": f"[Network]\nNetworkName={SYSTEM}-data\nInternal=true\n{label}",
        "uploads-volume": f"[Volume]\nVolumeName={SYSTEM}-uploads\n"
        f"User=10001\nGroup=10001\n{label}",
    }
    assert deployed.one("Command", "uploads-volume").options.protect is True
    assert not deployed.of_type("docker:index/network:Network")
    assert not deployed.of_type("docker:index/container:Container")


def test_everything_of_a_release_comes_after_the_step_that_can_remove_it(
    deployed: Deployment,
) -> None:
    id_ = release(deployed)
    stop = step(deployed, "stop")
    assert before(deployed, stop) == {"apps-account", f"web-image-{id_}"}
    # Making it opens no connection; deleting the start does nothing.
    assert "create" not in stop.inputs
    assert stop.inputs["delete"].endswith("/bin/quadlet down")
    assert "delete" not in step(deployed, "start").inputs
    first = before(deployed, stop) | {stop.name}
    ready = first | {f"web-secrets-{id_}", "web-network", "data-network", "uploads-volume"}
    assert before(deployed, step(deployed, "secrets")) == first
    assert before(deployed, step(deployed, "migrate")) == ready
    assert before(deployed, step(deployed, "start")) == ready | {f"web-migrate-{id_}"}
    assert f"web-start-{id_}" in before(deployed, step(deployed, "drain"))


def test_the_route_asks_for_a_unit_of_the_account(deployed: Deployment) -> None:
    asked = document(step(deployed, "switch"))["instance"]
    name = f"{SYSTEM}-web-{release(deployed)}"
    assert asked == {"kind": "podman", "name": name, "account": "apps"}


def test_the_image_is_pulled_by_its_whole_name_and_gets_the_releases(deployed: Deployment) -> None:
    pull = document(step(deployed, "image"))
    assert pull["image"] == "docker.io/library/web:1"
    assert pull["tag"] == f"localhost/{SYSTEM}/web:{release(deployed)}"
    assert pull["account"] == "apps"


def test_secrets_travel_only_in_their_own_step(deployed: Deployment) -> None:
    carrier = step(deployed, "secrets")
    own = f"{SYSTEM}-web-{release(deployed)}"
    assert isinstance(carrier.inputs["stdin"], Secret)
    assert [group["secrets"] for group in document(carrier)["groups"]] == [
        {f"{own}-PASSWORD": PASSWORD},
        {f"{own}-migrate-OWNER": PASSWORD},
    ]
    for other in deployed.of_type("Command"):
        if other is not carrier:
            assert PASSWORD not in json.dumps(document(other))


def test_the_release_is_known_in_the_first_preview(deployed: Deployment) -> None:
    assert release(deploy(everything, preview=True)) == release(deployed)


def test_another_runtime_is_another_release() -> None:
    def program(*, rootless: bool) -> None:
        host = fake_host()
        runtime = Quadlet(account=account(host)) if rootless else None
        health = HealthCheck(path="/")
        App("web", AppArgs(host=host, image="web:1", memory_mib=64, health=health, runtime=runtime))

    releases = {release(deploy(lambda r=r: program(rootless=r))) for r in (True, False)}
    assert len(releases) == 2


@pytest.mark.parametrize(
    ("command_line", "value"), [(["check"], "CMD check"), (["check", "a b"], '["check", "a b"]')]
)
def test_a_health_check_is_one_command_without_a_shell(command_line: list[str], value: str) -> None:
    def program() -> None:
        host = fake_host()
        args: dict[str, Any] = {"host": host, "image": "web:1", "memory_mib": 64}
        args |= {"runtime": Quadlet(account=account(host)), "health_command": command_line}
        Worker("worker", WorkerArgs(**args))

    (start,) = [r for r in deploy(program).of_type("Command") if "-start-" in r.name]
    assert f"\nHealthCmd={value}\n" in document(start)["content"]


def test_a_worker_publishes_nothing_and_settles() -> None:
    def program() -> None:
        host = fake_host()
        runtime = Quadlet(account=account(host))
        Worker("worker", WorkerArgs(host=host, image="web:1", memory_mib=64, runtime=runtime))

    deployment = deploy(program)
    (start,) = [r for r in deployment.of_type("Command") if "-start-" in r.name]
    assert "PublishPort" not in document(start)["content"]
    assert "Environment=PORT" not in document(start)["content"]
    (settle,) = [r for r in deployment.of_type("Command") if "-settle-" in r.name]
    assert start.urn in settle.options.dependencies


def test_a_login_lies_in_a_file_of_the_account() -> None:
    def program() -> None:
        host = fake_host()
        apps = account(host)
        login = RegistryLogin(
            "registry",
            RegistryLoginArgs(
                host=host, registry="example.com", username="bot", password=given(), account=apps
            ),
        )
        App(
            "web",
            AppArgs(
                host=host,
                runtime=Quadlet(account=apps),
                registry=login,
                image="example.com/web:1",
                memory_mib=64,
                health=HealthCheck(path="/"),
            ),
        )

    deployment = deploy(program)
    login = deployment.one("Command", "registry-login")
    file = f".config/homeport/{SYSTEM}/registry/example.com/config.json"
    assert isinstance(login.inputs["stdin"], Secret)
    written = document(login)
    assert (written["account"], written["file"]) == ("apps", file)
    assert PASSWORD not in json.dumps(document(step(deployment, "image")))
    pull = step(deployment, "image")
    assert document(pull)["auth_file"] == file
    assert login.urn in pull.options.dependencies


@pytest.mark.parametrize(
    ("reference", "whole"),
    [
        ("postgres:17", "docker.io/library/postgres:17"),
        ("grafana/loki:3", "docker.io/grafana/loki:3"),
        ("ghcr.io/homeport/ledger:1", "ghcr.io/homeport/ledger:1"),
        ("localhost/x:1", "localhost/x:1"),
        ("registry:5000/x:1", "registry:5000/x:1"),
    ],
)
def test_a_reference_is_completed_as_docker_completes_it(reference: str, whole: str) -> None:
    assert qualified(reference) == whole
