"""Apps and workers: what they ask for, in which order, and what they refuse."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from components import names, secrets
from components.app import App, AppArgs
from components.health import HealthCheck
from components.job import Job
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.registry import RegistryLogin, RegistryLoginArgs
from components.volume import Volume, VolumeArgs
from components.worker import Worker, WorkerArgs
from tests.recorder import Deployment, Record, Secret, record
from tests.unit.fake_host import fake_host

IMAGE = "example.com/web:1"
PASSWORD = "correct-horse-battery"
HEALTH = HealthCheck(path="/up")


def app(**changes: Any) -> dict[str, Any]:
    return {"image": IMAGE, "memory_mib": 128, "health": HEALTH, **changes}


def given() -> secrets.Secret:
    return secrets.given("password", PASSWORD, context="homeport-staging")


def deploy(build: Callable[[], object], **options: Any) -> Deployment:
    return record(build, secrets={"password": PASSWORD}, **options)


def everything() -> None:
    host = fake_host()
    data = PrivateNetwork("data", PrivateNetworkArgs(host=host, internal=True))
    migrate = Job(name="migrate", command=["m"], secrets={"OWNER_PASSWORD": given()})
    seed = Job(name="seed", command=["s"], environment={"ROWS": "10"})
    App(
        "web",
        AppArgs(
            host=host,
            image=IMAGE,
            memory_mib=128,
            cpus=0.5,
            health=HealthCheck(path="/up", command=["check"]),
            environment={"COLOUR": "blue"},
            secrets={"PASSWORD": given()},
            networks=[data],
            jobs=[migrate, seed],
            command=["serve"],
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


def test_names_carry_the_release_so_that_two_of_them_can_run_side_by_side(
    deployed: Deployment,
) -> None:
    id_ = release(deployed)
    own = [r.name for r in deployed.resources if r.name.startswith("web") and r.custom]
    assert sorted(own) == sorted(
        [f"web-{id_}"]
        + [f"web-{r}-{id_}" for r in ["leave", "image", "secrets", "migrate", "seed"]]
        + [f"web-{r}-{id_}" for r in ["drain", "switch"]]
        + ["web-network"]
    )
    container = deployed.one("Container")
    assert container.inputs["name"] == f"homeport-staging-web-{id_}"
    assert container.options.delete_before_replace is False
    assert container.options.replace_on_changes == ("#initerror",)
    assert container.options.hooks == ("on_error homeport-staging-host-leftovers",)


def test_the_container_is_given_exactly_this(deployed: Deployment) -> None:
    id_ = release(deployed)
    container = dict(deployed.one("Container").inputs)
    assert container.pop("image").startswith("sha256:")
    assert container == {
        "name": f"homeport-staging-web-{id_}",
        "command": ["serve"],
        "envs": [
            "COLOUR=blue",
            "PASSWORD_FILE=/run/secrets/PASSWORD",
            "PORT=9000",
            f"RELEASE={id_}",
        ],
        "user": "10001:10001",
        "ports": [
            {
                "internal": 9000,
                "external": names.release_port("homeport-staging-web", id_),
                "ip": "127.0.0.1",
            }
        ],
        "networkMode": "bridge",
        "networksAdvanced": [
            {"name": "homeport-staging-data", "aliases": ["web"]},
            {"name": "homeport-staging-web", "aliases": ["web"]},
        ],
        "mounts": [
            {
                "type": "bind",
                "source": f"/opt/homeport/homeport-staging/apps/web/{id_}/secrets",
                "target": "/run/secrets",
                "readOnly": True,
            }
        ],
        "tmpfs": {"/tmp": "rw,nosuid,nodev,size=64m"},
        "memory": 128,
        "memorySwap": 128,
        "cpuPeriod": 100_000,
        "cpuQuota": 50_000,
        "healthcheck": {
            "tests": ["CMD", "check"],
            "interval": "10s",
            "timeout": "5s",
            "retries": 3,
            "startPeriod": "1m0s",
        },
        "readOnly": True,
        "capabilities": {"drops": ["ALL"]},
        "securityOpts": ["no-new-privileges:true"],
        "init": True,
        "logDriver": "json-file",
        "logOpts": {"max-size": "10m", "max-file": "3"},
        "labels": [
            {"label": "homeport.app", "value": "web"},
            {"label": "homeport.release", "value": id_},
            {"label": "homeport.system", "value": "homeport-staging"},
        ],
        "stopTimeout": 10,
        "destroyGraceSeconds": 10,
        "restart": "unless-stopped",
        "mustRun": True,
        "wait": False,
    }


def test_jobs_run_in_order_after_image_and_secrets_and_before_the_container(
    deployed: Deployment,
) -> None:
    id_ = release(deployed)
    first = {"web-network", "data-network"}
    first |= {f"web-{role}-{id_}" for role in ("leave", "image", "secrets")}
    assert before(deployed, step(deployed, "migrate")) == first
    assert before(deployed, step(deployed, "seed")) == first | {f"web-migrate-{id_}"}
    container = before(deployed, deployed.one("Container"))
    assert container == first | {f"web-migrate-{id_}", f"web-seed-{id_}"}


def test_what_takes_a_dead_deploys_containers_away_is_there_before_them_and_opens_no_connection(
    deployed: Deployment,
) -> None:
    leave, own = step(deployed, "leave"), "homeport-staging-web"
    assert "create" not in leave.inputs
    assert leave.inputs["delete"].endswith("/bin/container down")
    names = [f"{own}-{release(deployed)}", f"{own}-migrate", f"{own}-seed"]
    assert document(leave)["containers"] == names
    # Nothing that takes long, or may fail, comes before it.
    assert before(deployed, leave) == set()


def test_the_guard_is_there_before_the_switch_and_opens_no_connection(
    deployed: Deployment,
) -> None:
    guard, switch = step(deployed, "drain"), step(deployed, "switch")
    assert f"web-{release(deployed)}" in before(deployed, guard)
    assert guard.name in before(deployed, switch)
    assert "create" not in guard.inputs
    assert guard.inputs["delete"].endswith("/bin/route down")
    assert switch.inputs["create"].endswith("/bin/route up")
    # Deleting the switch does nothing: the guard, deleted after it, does it all.
    assert "delete" not in switch.inputs
    ignored = {"step"}
    said = [{k: v for k, v in document(s).items() if k not in ignored} for s in (guard, switch)]
    assert said[0] == said[1]


def test_secrets_travel_only_in_their_own_step(deployed: Deployment) -> None:
    carrier = step(deployed, "secrets")
    assert isinstance(carrier.inputs["stdin"], Secret)
    for other in deployed.of_type("Command"):
        if other is not carrier:
            assert PASSWORD not in json.dumps(document(other))
            assert not isinstance(other.inputs["stdin"], Secret)
    folders = {entry["path"].rpartition("/")[2]: entry for entry in document(carrier)["folders"]}
    assert folders["secrets"]["files"] == {"PASSWORD": PASSWORD}
    assert folders["secrets"]["unless_receipt"] is None
    assert folders["migrate-secrets"]["files"] == {"OWNER_PASSWORD": PASSWORD}
    assert (
        folders["migrate-secrets"]["unless_receipt"]
        == document(step(deployed, "migrate"))["receipt"]
    )


def test_the_host_alone_decides_what_switches_and_the_steps_keep_their_names() -> None:
    def deployed_where(allowed: bool) -> Deployment:
        return deploy(lambda: App("web", AppArgs(host=fake_host(nftables=allowed), **app())))

    made = {allowed: deployed_where(allowed) for allowed in (True, False)}
    routes = {
        allowed: {
            each.name: document(each)
            for each in deployment.of_type("command:remote:Command")
            if "route" in str(each.inputs.get("delete", each.inputs.get("create")))
        }
        for allowed, deployment in made.items()
    }
    id_ = release(made[True])
    assert set(routes[True]) == {f"web-switch-{id_}", f"web-drain-{id_}"}
    assert routes[False] == {
        name: {**spec, "switched_by": "links"} for name, spec in routes[True].items()
    }


def test_a_job_gets_its_own_secrets_and_environment_and_not_the_apps(deployed: Deployment) -> None:
    migrate, seed = document(step(deployed, "migrate")), document(step(deployed, "seed"))
    id_ = release(deployed)
    assert migrate["environment"] == {
        "OWNER_PASSWORD_FILE": "/run/secrets/OWNER_PASSWORD",
        "RELEASE": id_,
    }
    assert migrate["secrets"].endswith(f"/apps/web/{id_}/migrate-secrets")
    assert (seed["environment"], seed["secrets"]) == ({"ROWS": "10", "RELEASE": id_}, None)
    assert migrate["networks"] == ["homeport-staging-web", "homeport-staging-data"]
    assert migrate["container"] == "homeport-staging-web-migrate"


def test_the_release_is_known_in_the_first_preview(deployed: Deployment) -> None:
    previewed = deploy(everything, preview=True)
    assert release(previewed) == release(deployed)


def test_an_app_without_secrets_has_no_step_for_them() -> None:
    deployment = deploy(lambda: App("web", AppArgs(host=fake_host(), **app())))
    assert not [r for r in deployment.of_type("Command") if "secrets" in r.name]
    assert "mounts" not in deployment.one("Container").inputs


def test_volumes_are_mounted_by_the_container_and_its_jobs() -> None:
    def program() -> None:
        host = fake_host()
        files = Volume("files", VolumeArgs(host=host, owner="33:33"))
        jobs = [Job(name="migrate", command=["m"])]
        App("web", AppArgs(host=host, **app(volumes={"/data": files}, jobs=jobs)))

    deployment = deploy(program)
    full_name = "homeport-staging-files"
    mounts = deployment.one("Container").inputs["mounts"]
    assert mounts == [{"type": "volume", "source": full_name, "target": "/data"}]
    assert document(step(deployment, "migrate"))["volumes"] == {"/data": full_name}
    assert {"files-volume", "files-owner"} <= before(deployment, step(deployment, "migrate"))
    assert deployment.one("Volume", "files-volume").options.protect is True
    owner = document(deployment.one("Command", "files-owner"))
    assert (owner["volume"], owner["uid"], owner["gid"]) == (full_name, "33", "33")


def test_a_changed_image_shares_nothing_but_the_network_with_the_release_before() -> None:
    def names_with(image: str) -> set[str]:
        deployment = deploy(lambda: App("web", AppArgs(host=fake_host(), **app(image=image))))
        return {r.name for r in deployment.resources if r.name.startswith("web")}

    assert names_with("example.com/web:1") & names_with("example.com/web:2") == {
        "web",
        "web-network",
    }


def test_the_image_is_pulled_while_others_are_still_made() -> None:
    def program() -> None:
        host = fake_host()
        slow = PrivateNetwork("slow", PrivateNetworkArgs(host=host)).network
        jobs = [Job(name="migrate", command=["m"])]
        App("web", AppArgs(host=host, after=[slow], **app(jobs=jobs)))

    deployment = deploy(program)
    assert "slow-network" not in before(deployment, step(deployment, "image"))
    assert "slow-network" in before(deployment, step(deployment, "migrate"))
    assert "slow-network" in before(deployment, deployment.one("Container"))


def test_a_registry_login_is_made_once_and_pulls_wait_for_it() -> None:
    def program() -> None:
        host = fake_host()
        login = RegistryLogin(
            "registry",
            RegistryLoginArgs(host=host, registry="example.com", username="bot", password=given()),
        )
        App("web", AppArgs(host=host, registry=login, **app()))
        Worker("worker", WorkerArgs(host=host, registry=login, image=IMAGE, memory_mib=64))

    deployment = deploy(program)
    login = deployment.one("Command", "registry-login")
    assert isinstance(login.inputs["stdin"], Secret)
    for pull in [r for r in deployment.of_type("Command") if "-image-" in r.name]:
        assert login.urn in pull.options.dependencies
        folder = "/opt/homeport/homeport-staging/registry/example.com"
        assert document(pull)["docker_config"] == folder == document(login)["folders"][0]["path"]


def test_a_worker_publishes_nothing_and_has_to_settle() -> None:
    args = {"image": IMAGE, "memory_mib": 64, "command": ["work"], "health_command": ["check"]}
    deployment = deploy(lambda: Worker("worker", WorkerArgs(host=fake_host(), **args)))
    container = deployment.one("Container")
    assert "ports" not in container.inputs
    assert container.inputs["healthcheck"]["tests"] == ["CMD", "check"]
    assert not [env for env in container.inputs["envs"] if env.startswith("PORT=")]
    (settle,) = [r for r in deployment.of_type("Command") if "-settle-" in r.name]
    assert container.urn in settle.options.dependencies
    assert document(settle)["instance"]["name"] == container.inputs["name"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": "web"}, "image: 'web' does not say which version"),
        ({"memory_mib": 5}, r"memory_mib: must be at least 6 \(got 5\)"),
        ({"cpus": 0}, "cpus: must be from 0.01 to 2, what the host has"),
        ({"cpus": 3}, "cpus: must be from 0.01 to 2, what the host has"),
        ({"container_port": 0}, "container_port: must be from 1 to 65535"),
        ({"container_port": 70_000}, "container_port: must be from 1 to 65535"),
        ({"port": 80}, "port: must be from 1024 to 19999"),
        ({"drain_seconds": -1}, "drain_seconds: must be from 0 to 3600"),
        ({"stop_seconds": 0}, "stop_seconds: must be from 1 to 600"),
        ({"revision": 0}, "revision: must be at least 1"),
        ({"keep_images": -1}, "keep_images: must be from 0 to 100"),
        ({"user": "app"}, "user: must be numeric"),
        ({"environment": {"1A": "x"}}, "'1A' is no variable name"),
        ({"environment": {"A": "x "}}, "A begins or ends with blanks"),
        ({"environment": {"A": " "}}, "A begins or ends with blanks"),
        ({"environment": {"PORT": "1"}}, "PORT is set by the component"),
        ({"environment": {"RELEASE": "1"}}, "RELEASE is set by the component"),
        ({"environment": {"A": 1}}, r"A must be text known at plan time \(got int\)"),
        ({"environment": {"U": "postgres://me:pw@db/x"}}, "U holds a URL with a password"),
        ({"secrets": {"token": None}}, "'token' must be upper-case letters"),
        ({"secrets": {"A_FILE": None}}, "not end with _FILE"),
        ({"secrets": {"A": "plain"}}, r"A must be a Secret \(got str\)"),
        ({"tmpfs_mib": {"tmp": 1}}, "tmpfs_mib: needs absolute paths"),
        ({"tmpfs_mib": {"/run/secrets/x": 1}}, "tmpfs_mib: needs absolute paths"),
        ({"tmpfs_mib": {"/tmp": 0}}, "tmpfs_mib: needs absolute paths"),
        ({"volumes": {"data": None}}, "volumes: needs absolute paths"),
        ({"volumes": {"/a b": None}}, "volumes: needs absolute paths"),
        ({"volumes": {"/run/secrets": None}}, "volumes: needs absolute paths"),
        ({"volumes": {"/tmp": None}}, "volumes: /tmp is in tmpfs_mib too"),
        (
            {"jobs": [Job(name="a", command=["x"]), Job(name="a", command=["y"])]},
            "the name 'a' is there twice",
        ),
        ({"jobs": [Job(name="switch", command=["x"])]}, "the name 'switch' is a word of our own"),
    ],
)
def test_what_no_host_could_run_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^App: .*{message}"):
        deploy(lambda: AppArgs(host=fake_host(), **app(**changes)))


def test_an_empty_word_of_a_command_is_refused_in_docker() -> None:
    with pytest.raises(ValueError, match=r"command: Docker's provider takes no empty word"):
        deploy(lambda: App("web", AppArgs(host=fake_host(), **app(command=["serve", ""]))))


@pytest.mark.parametrize("variable", ["TOKEN", "TOKEN_FILE"])
def test_a_secret_and_a_variable_cannot_have_one_name(variable: str) -> None:
    args = app(secrets={"TOKEN": given()}, environment={variable: "x"})
    with pytest.raises(ValueError, match=f"{variable} is set in environment too"):
        deploy(lambda: AppArgs(host=fake_host(), **args))


def test_a_password_in_the_environment_is_not_repeated_in_the_message() -> None:
    args = app(environment={"U": f"redis://:{PASSWORD}@cache"})
    with pytest.raises(ValueError, match="U holds a URL") as caught:
        deploy(lambda: AppArgs(host=fake_host(), **args))
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Migrate"}, "job: 'Migrate' is no usable name"),
        ({"command": []}, "job migrate: command must not be empty"),
        ({"timeout_seconds": 0}, "job migrate: timeout_seconds must be from 1 to 86400"),
        ({"environment": {"A": "x "}}, "job migrate: environment: A begins or ends"),
        ({"secrets": {"a": None}}, "job migrate: secrets: 'a' must be upper-case"),
    ],
)
def test_a_job_that_cannot_run_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Job(**{"name": "migrate", "command": ["m"], **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": "up"}, "health.path: must start with /"),
        ({"path": "/a b"}, "health.path: must start with / and hold no blanks"),
        ({"status": 503}, "health.status: must be a status from 200 to 499"),
        ({"headers": {"A b": "x"}}, "health.headers: must be a header's name"),
        ({"headers": {"Host": "x\n"}}, "health.headers: must be a header's name"),
        ({"successes": 0}, "health.successes: must be from 1 to 100"),
        ({"try_seconds": 0}, "health.try_seconds: must be from 0.1 to 60"),
        ({"start_seconds": 1}, "health.start_seconds: must be from try_seconds to 3600"),
    ],
)
def test_a_health_check_that_cannot_pass_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HealthCheck(**{"path": "/up", **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"registry": "https://example.com"}, "registry must be a host name"),
        ({"registry": "example.com/team"}, "registry must be a host name"),
        ({"username": ""}, "username must be set"),
        ({"username": "a:b"}, "hold no colon"),
    ],
)
def test_a_login_that_cannot_work_is_refused(changes: dict[str, Any], message: str) -> None:
    plain = {"registry": "example.com", "username": "bot", "password": given(), **changes}
    with pytest.raises(ValueError, match=message):
        deploy(lambda: RegistryLoginArgs(host=fake_host(), **plain))


def two_apps(first: dict[str, Any], second: dict[str, Any], **facts: Any) -> None:
    host = fake_host(**facts)
    App("web", AppArgs(host=host, **app(**first)))
    App(str(second.pop("name", "api")), AppArgs(host=host, **app(**second)))


@pytest.mark.parametrize(
    ("first", "second", "facts", "message"),
    [
        (
            {"port": 10_007},
            {"port": 10_007},
            {},
            "app api: stable port 10007 is already taken by app web.*give app api another one",
        ),
        (
            {"memory_mib": 300},
            {"memory_mib": 800},
            {"memory_mib": 1024},
            "add up to 1100 MiB, the host has 1024 MiB .app api 800 MiB, app web 300 MiB.",
        ),
    ],
)
def test_what_two_apps_cannot_both_have_is_refused(
    first: dict[str, Any], second: dict[str, Any], facts: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        deploy(lambda: two_apps(first, second, **facts))


def test_a_worker_cannot_have_an_apps_name() -> None:
    def program() -> None:
        host = fake_host()
        App("web", AppArgs(host=host, **app()))
        Worker("web", WorkerArgs(host=host, image=IMAGE, memory_mib=64))

    with pytest.raises(ValueError, match="app name web is already taken by app web"):
        deploy(program)


def test_releases_that_hash_to_one_port_are_told_how_to_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(names, "release_port", lambda *_: 20_001)
    with pytest.raises(ValueError, match=r"release port 20001 .* raise revision of app api by one"):
        deploy(lambda: two_apps({}, {}))


def test_memory_of_a_machine_that_only_it_knows_is_not_guessed() -> None:
    deploy(lambda: two_apps({"memory_mib": 9000}, {"memory_mib": 9000}, memory_mib=None))
