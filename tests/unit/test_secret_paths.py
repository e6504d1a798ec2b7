"""Secrets at further paths: for images that look for their files in places of their own."""

import json
from typing import Any

import pytest

from components import secrets
from components.app import App, AppArgs
from components.cron_job import CronJobArgs
from components.health import HealthCheck
from components.host import Host
from components.rootless import RootlessAccount, RootlessAccountArgs
from components.runtimes.quadlet import Quadlet
from components.schedule import Schedule
from tests.recorder import Deployment, record, reveal
from tests.unit.fake_host import fake_host

PLACES = {"/etc/web/parts/one.yaml": "ONE", "/etc/web/both.yaml": "ONE", "/srv/two.json": "TWO"}
SECRETS = {"ONE": secrets.plain("1"), "TWO": secrets.plain("2")}


def app(host: Host, **changes: Any) -> AppArgs:
    given = {"image": "web:1", "secrets": SECRETS, "secret_paths": PLACES, **changes}
    return AppArgs(host=host, memory_mib=64, health=HealthCheck(path="/"), **given)


def release(made: Deployment) -> str:
    return str((made.one("homeport:app:App").outputs or {})["release"])


def test_docker_mounts_each_file_where_it_is_looked_for_and_nobody_may_write_it() -> None:
    made = record(lambda: App("web", app(fake_host())))
    folder = f"/opt/homeport/homeport-staging/apps/web/{release(made)}/secrets"
    _, *further = made.one("Container").inputs["mounts"]
    assert further == [
        {"type": "bind", "source": f"{folder}/{name}", "target": path, "readOnly": True}
        for path, name in sorted(PLACES.items())
    ]


def test_podman_mounts_the_same_secret_a_second_time() -> None:
    def program() -> None:
        host = fake_host()
        account = RootlessAccount("apps", RootlessAccountArgs(host=host))
        App("web", app(host, runtime=Quadlet(account=account)))

    made = record(program)
    id_ = release(made)
    unit = json.loads(reveal(made.one("Command", f"web-start-{id_}").inputs["stdin"]))["content"]
    found = [line for line in unit.splitlines() if line.startswith("Secret=")]
    places = [("/run/secrets/ONE", "ONE"), ("/run/secrets/TWO", "TWO"), *sorted(PLACES.items())]
    rights = "uid=10001,gid=10001,mode=0400"
    assert found == [
        f"Secret=homeport-staging-web-{id_}-{name},type=mount,target={path},{rights}"
        for path, name in places
    ]


def test_another_place_is_another_release() -> None:
    before = release(record(lambda: App("web", app(fake_host()))))
    after = release(record(lambda: App("web", app(fake_host(), secret_paths={"/etc/x": "ONE"}))))
    assert before != after


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"secret_paths": {"etc/x": "ONE"}}, "secret_paths: needs absolute paths"),
        ({"secret_paths": {"/etc/../x": "ONE"}}, "secret_paths: needs absolute paths"),
        ({"secret_paths": {"/run/secrets/x": "ONE"}}, "secret_paths: needs absolute paths"),
        ({"secret_paths": {"/tmp": "ONE"}}, "secret_paths: /tmp is a folder of volumes or tmpfs"),
        ({"secret_paths": {"/etc/x": "THREE"}}, "secret_paths: /etc/x: 'THREE' is none of secrets"),
    ],
)
def test_what_could_not_be_found_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^App: {message}"):
        record(lambda: app(fake_host(), **changes))


def test_a_cron_job_has_no_further_paths() -> None:
    def timed() -> None:
        CronJobArgs(
            host=fake_host(),
            image="web:1",
            memory_mib=64,
            schedule=Schedule(calendar="daily"),
            secrets=SECRETS,
            secret_paths=PLACES,
        )

    with pytest.raises(ValueError, match=r"^CronJob: secret_paths: a cron job has none"):
        record(timed)
