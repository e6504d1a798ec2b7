"""What a job may ask for on every runtime: a dump before it, and a look at the schema."""

import dataclasses
import json
from typing import Any

import pytest

from components.app import App, AppArgs
from components.database import Database, DatabaseArgs
from components.health import HealthCheck
from components.host import Host
from components.job import Job, SchemaCheck
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.postgres import PostgresServer, PostgresServerArgs
from components.rootless import RootlessAccount, RootlessAccountArgs
from components.runtimes.quadlet import Quadlet
from components.runtimes.runtime import Runtime
from tests.recorder import Deployment, Record, record
from tests.unit.fake_host import fake_host


def shop_on(host: Host) -> Database:
    network = PrivateNetwork("data", PrivateNetworkArgs(host=host, internal=True))
    args = PostgresServerArgs(host=host, image="postgres:17.6", network=network)
    server = PostgresServer("postgres", args)
    return Database("shop", DatabaseArgs(server=server, name="shop_rows"))


def web(host: Host, jobs: list[Job], runtime: Runtime | None = None) -> App:
    args: dict[str, Any] = {"image": "example.com/web:1", "memory_mib": 128, "runtime": runtime}
    return App("web", AppArgs(host=host, health=HealthCheck(path="/up"), jobs=jobs, **args))


def step(deployment: Deployment, role: str) -> Record:
    """The step of a role; its name ends with the release."""
    commands = deployment.of_type("Command")
    (found,) = [r for r in commands if r.name.rpartition("-")[0] == f"web-{role}"]
    return found


def document(made: Record) -> dict[str, Any]:
    text = made.inputs["stdin"]
    assert isinstance(text, str)
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def before(deployment: Deployment, made: Record) -> set[str]:
    """The names of everything that is there before this resource, directly or not."""
    direct = [deployment.by_urn(urn) for urn in made.options.dependencies]
    return {r.name for r in direct} | {n for r in direct for n in before(deployment, r)}


@pytest.mark.parametrize("engine", ["docker", "quadlet"])
def test_a_dump_comes_after_the_image_and_the_database_and_before_its_job(engine: str) -> None:
    def program() -> None:
        host, runtime = fake_host(), None
        if engine == "quadlet":
            runtime = Quadlet(account=RootlessAccount("apps", RootlessAccountArgs(host=host)))
        migrate = Job(name="migrate", command=["m"], dump=shop_on(host).dump(keep=5))
        web(host, [migrate, SchemaCheck(name="schema", command=["c"])], runtime)

    deployed = record(program)
    dump, migrate = step(deployed, "migrate-dump"), step(deployed, "migrate")
    assert dump.name in before(deployed, migrate)
    image = step(deployed, "image").name
    assert {image, "shop-database"} <= before(deployed, dump)
    assert document(dump) | {"step": "", "system": ""} == {
        "app": "web",
        "container": "homeport-staging-postgres",
        "database": "shop_rows",
        "job_receipt": document(migrate)["receipt"],
        "keep": 5,
        "receipt": f"{document(migrate)['receipt']}-dump",
        "release": image.removeprefix("web-image-"),
        "step": "",
        "system": "",
        "timeout_seconds": 3600,
    }
    assert "delete" not in dump.inputs


def test_a_check_of_the_schema_tells_the_host_what_it_is_and_whose() -> None:
    def program() -> None:
        plain = Job(name="migrate", command=["m"])
        web(fake_host(), [plain, SchemaCheck(name="schema", command=["c"])])

    deployed = record(program)
    said = document(step(deployed, "schema"))
    assert said["schema"] is True
    assert said["app"] == "web"
    assert said["receipt"] == f"job-web-{said['release']}-schema"
    assert "schema" not in document(step(deployed, "migrate"))


def test_a_dump_makes_no_release_and_a_check_of_the_schema_does() -> None:
    releases = []

    def program(kind: str) -> None:
        host = fake_host()
        shop = shop_on(host)
        job = {
            "plain": Job(name="j", command=["m"]),
            "dump": Job(name="j", command=["m"], dump=shop.dump()),
            "schema": SchemaCheck(name="j", command=["m"]),
        }[kind]
        releases.append(web(host, [job]).release)

    for kind in ("plain", "dump", "schema"):
        record(lambda kind=kind: program(kind))
    assert releases[0] == releases[1] != releases[2]


def refused(jobs: list[str], keep: int = 3, *, elsewhere: bool = False) -> None:
    host = fake_host()
    dump = shop_on(host).dump(keep)
    if elsewhere:
        host = dataclasses.replace(host, name="other")
    web(host, [Job(name=name, command=["m"], dump=dump) for name in jobs])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"jobs": ["migrate"], "keep": 0}, "keep must be from 1 to 100"),
        ({"jobs": ["a", "a-dump"]}, "the name 'a-dump' is there twice"),
        ({"jobs": ["a"], "elsewhere": True}, "only databases on other itself can be dumped"),
    ],
)
def test_a_dump_that_cannot_be_is_refused_in_the_preview(
    options: dict[str, Any], said: str
) -> None:
    with pytest.raises(Exception, match=said):
        record(lambda: refused(**options))
